// The matmul sweep for NVFP4.
#include "vlmt/quant/nvfp4.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using NVFP4_Cases = Cases<TypeList<NVFP4>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(NVFP4, Matmul, NVFP4_Cases, CaseNames);

}  // namespace matmul_test
