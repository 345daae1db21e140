// The matmul sweep for F32.
#include "vlmt/quant/f32.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using F32_Cases = Cases<TypeList<F32>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(F32, Matmul, F32_Cases, CaseNames);

}  // namespace matmul_test
