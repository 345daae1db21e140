// The matmul sweep for Q4_1.
#include "vlmt/quant/q4_1.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q4_1_Cases = Cases<TypeList<Q4_1>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q4_1, Matmul, Q4_1_Cases, CaseNames);

}  // namespace matmul_test
