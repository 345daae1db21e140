// The matmul sweep for Q4_K and Q5_K.
#include "vlmt/quant/q4_k.hpp"
#include "vlmt/quant/q5_k.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

const Sweep<Q4_K> sweep_q4_k;
const Sweep<Q5_K> sweep_q5_k;

}  // namespace matmul_test
