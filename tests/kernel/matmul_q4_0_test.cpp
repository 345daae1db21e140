// The matmul sweep for Q4_0.
#include "vlmt/quant/q4_0.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q4_0_Cases = Cases<TypeList<Q4_0>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q4_0, Matmul, Q4_0_Cases, CaseNames);

}  // namespace matmul_test
