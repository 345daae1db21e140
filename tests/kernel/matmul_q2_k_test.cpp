// The matmul sweep for Q2_K.
#include "vlmt/quant/q2_k.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q2_K_Cases = Cases<TypeList<Q2_K>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q2_K, Matmul, Q2_K_Cases, CaseNames);

}  // namespace matmul_test
