// A kernel with something that is no tensor.
// expect: vlmt: not a tensor: pass a vlmt::Tensor, an mdspan, a contiguous range such as std::vector, or, with
// vlmt/tensor/eigen.hpp included, an Eigen matrix; or specialise vlmt::TensorTraits for this type
#include <list>
#include <vector>

#include "vlmt/kernel/tensors/softmax.hpp"

#if VLMT_FIXED
using Values = std::vector<float>;
#else
using Values = std::list<float>;
#endif

void f(const Values& x, std::vector<float>& y) {
  vlmt::softmax(x, y);
}
