// The matmul sweep for Q6_K.
#include "vlmt/quant/q6_k.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q6_K_Cases = Cases<TypeList<Q6_K>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q6_K, Matmul, Q6_K_Cases, CaseNames);

}  // namespace matmul_test
