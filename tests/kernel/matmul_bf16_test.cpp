// The matmul sweep for BF16.
#include "vlmt/quant/bf16.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using BF16_Cases = Cases<TypeList<BF16>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(BF16, Matmul, BF16_Cases, CaseNames);

}  // namespace matmul_test
