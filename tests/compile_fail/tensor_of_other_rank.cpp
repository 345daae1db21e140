// Attention with heads and head elements in one axis.
// expect: vlmt: a tensor of another rank than this kernel takes; the comment on the kernel gives the sizes
#include "vlmt/kernel/tensors/attention.hpp"

#if VLMT_FIXED
using Queries = vlmt::TensorView<const float, 3>;
#else
using Queries = vlmt::TensorView<const float, 2>;
#endif

void f(Queries q, vlmt::TensorView<const float, 3> kv, vlmt::TensorView<float, 3> out) {
  vlmt::attention(vlmt::CausalAttention{}, q, kv, kv, 0.125f, out);
}
