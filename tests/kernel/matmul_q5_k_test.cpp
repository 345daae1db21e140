// The matmul sweep for Q5_K.
#include "vlmt/quant/q5_k.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q5_K_Cases = Cases<TypeList<Q5_K>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q5_K, Matmul, Q5_K_Cases, CaseNames);

}  // namespace matmul_test
