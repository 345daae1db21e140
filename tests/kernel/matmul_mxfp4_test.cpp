// The matmul sweep for MXFP4.
#include "vlmt/quant/mxfp4.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using MXFP4_Cases = Cases<TypeList<MXFP4>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(MXFP4, Matmul, MXFP4_Cases, CaseNames);

}  // namespace matmul_test
