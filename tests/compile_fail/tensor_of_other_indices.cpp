// Ids of experts that are no int32.
// expect: vlmt: a tensor of other elements than this kernel takes; the comment on the kernel names them
#include <cstdint>

#include "vlmt/kernel/tensors/router.hpp"

#if VLMT_FIXED
using Id = std::int32_t;
#else
using Id = std::int64_t;
#endif

void f(vlmt::TensorView<const float, 2> logits, vlmt::TensorView<Id, 2> ids, vlmt::TensorView<float, 2> weights) {
  vlmt::route(vlmt::TopKRouter<2>{}, logits, ids, weights);
}
