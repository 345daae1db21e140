// The matmul sweep for IQ4_XS.
#include "vlmt/quant/iq4_xs.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

using IQ4_XS_Cases = Cases<TypeList<IQ4_XS>, arch::compiled>::type;
INSTANTIATE_TYPED_TEST_SUITE_P(IQ4_XS, Matmul, IQ4_XS_Cases, CaseNames);

}  // namespace matmul_test
