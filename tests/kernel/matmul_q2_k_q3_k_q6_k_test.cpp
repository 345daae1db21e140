// The matmul sweep for Q2_K, Q3_K and Q6_K.
#include "vlmt/quant/q2_k.hpp"
#include "vlmt/quant/q3_k.hpp"
#include "vlmt/quant/q6_k.hpp"

#include "matmul_sweep.hpp"

namespace matmul_test {

const Sweep<Q2_K> sweep_q2_k;
const Sweep<Q3_K> sweep_q3_k;
const Sweep<Q6_K> sweep_q6_k;

}  // namespace matmul_test
