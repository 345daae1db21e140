// The matmul sweep for Q8_0.
#include "vlmt/quant/q8_0.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q8_0_Cases = Cases<TypeList<Q8_0>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q8_0, Matmul, Q8_0_Cases, CaseNames);

}  // namespace matmul_test
