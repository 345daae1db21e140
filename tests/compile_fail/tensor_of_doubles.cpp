// A kernel with elements of another type than it takes.
// expect: vlmt: kernels take tensors of float, float16 or bfloat16; convert the elements first
#include "vlmt/kernel/tensors/norm.hpp"

#if VLMT_FIXED
using Elem = float;
#else
using Elem = double;
#endif

void f(vlmt::TensorView<const Elem, 2> x, vlmt::TensorView<const float, 1> weight, vlmt::TensorView<float, 2> y) {
  vlmt::rms_norm(x, weight, 1e-6f, y);
}
