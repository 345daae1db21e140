// An Eigen expression, which has no memory, as a view.
// expect: vlmt: this Eigen expression has no memory of its own; evaluate it first, for example with .eval()
#include "vlmt/tensor/eigen.hpp"

float first(const Eigen::MatrixXf& a, const Eigen::MatrixXf& b) {
#if VLMT_FIXED
  const Eigen::MatrixXf sum = a + b;
#else
  const auto sum = a + b;
#endif
  return vlmt::tensor_view(sum)(0, 0);
}
