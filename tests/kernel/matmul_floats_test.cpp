// The matmul sweep for F32, F16 and BF16.
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

const Sweep<F32> sweep_f32;
const Sweep<F16> sweep_f16;
const Sweep<BF16> sweep_bf16;

}  // namespace matmul_test
