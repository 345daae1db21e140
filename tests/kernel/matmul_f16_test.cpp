// The matmul sweep for F16.
#include "vlmt/quant/f16.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using F16_Cases = Cases<TypeList<F16>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(F16, Matmul, F16_Cases, CaseNames);

}  // namespace matmul_test
