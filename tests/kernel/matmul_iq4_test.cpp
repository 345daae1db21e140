// The matmul sweep for IQ4_NL and IQ4_XS.
#include "vlmt/quant/iq4_nl.hpp"
#include "vlmt/quant/iq4_xs.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

const Sweep<IQ4_NL> sweep_iq4_nl;
const Sweep<IQ4_XS> sweep_iq4_xs;

}  // namespace matmul_test
