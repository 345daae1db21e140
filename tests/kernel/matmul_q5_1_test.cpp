// The matmul sweep for Q5_1.
#include "vlmt/quant/q5_1.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q5_1_Cases = Cases<TypeList<Q5_1>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q5_1, Matmul, Q5_1_Cases, CaseNames);

}  // namespace matmul_test
