// An output whose elements are const.
// expect: vlmt: the elements of an output are const; pass a tensor of elements that can be written
#include "vlmt/kernel/tensors/activation.hpp"

#if VLMT_FIXED
using Elem = float;
#else
using Elem = const float;
#endif

void f(vlmt::TensorView<const float, 2> x, vlmt::TensorView<Elem, 2> y) {
  vlmt::activate_rows(vlmt::Silu{}, x, y);
}
