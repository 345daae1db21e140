// The matmul sweep for Q4_1 and Q5_1.
#include "vlmt/quant/q4_1.hpp"
#include "vlmt/quant/q5_1.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

const Sweep<Q4_1> sweep_q4_1;
const Sweep<Q5_1> sweep_q5_1;

}  // namespace matmul_test
