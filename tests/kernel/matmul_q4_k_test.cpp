// The matmul sweep for Q4_K.
#include "vlmt/quant/q4_k.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q4_K_Cases = Cases<TypeList<Q4_K>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q4_K, Matmul, Q4_K_Cases, CaseNames);

}  // namespace matmul_test
