// The matmul sweep for Q3_K.
#include "vlmt/quant/q3_k.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using Q3_K_Cases = Cases<TypeList<Q3_K>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(Q3_K, Matmul, Q3_K_Cases, CaseNames);

}  // namespace matmul_test
