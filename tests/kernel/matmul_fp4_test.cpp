// The matmul sweep for MXFP4 and NVFP4.
#include "vlmt/quant/mxfp4.hpp"
#include "vlmt/quant/nvfp4.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

const Sweep<MXFP4> sweep_mxfp4;
const Sweep<NVFP4> sweep_nvfp4;

}  // namespace matmul_test
