// The matmul sweep for Q4_0, Q5_0 and Q8_0.
#include "vlmt/quant/q4_0.hpp"
#include "vlmt/quant/q5_0.hpp"
#include "vlmt/quant/q8_0.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

const Sweep<Q4_0> sweep_q4_0;
const Sweep<Q5_0> sweep_q5_0;
const Sweep<Q8_0> sweep_q8_0;

}  // namespace matmul_test
