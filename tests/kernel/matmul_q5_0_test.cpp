// The matmul sweep for Q5_0.
#include "vlmt/quant/q5_0.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q5_0_Cases = Cases<TypeList<Q5_0>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q5_0, Matmul, Q5_0_Cases, CaseNames);

}  // namespace matmul_test
