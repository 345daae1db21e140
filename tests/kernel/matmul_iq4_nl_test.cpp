// The matmul sweep for IQ4_NL.
#include "vlmt/quant/iq4_nl.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using IQ4_NL_Cases = Cases<TypeList<IQ4_NL>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(IQ4_NL, Matmul, IQ4_NL_Cases, CaseNames);

}  // namespace matmul_test
