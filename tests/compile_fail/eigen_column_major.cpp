// A column-major Eigen matrix, Eigen's default, as a view.
// expect: vlmt: tensor_view needs a row-major Eigen matrix; declare it with Eigen::RowMajor
#include "vlmt/tensor/eigen.hpp"

#if VLMT_FIXED
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
#else
using Matrix = Eigen::MatrixXf;
#endif

float first(Matrix& m) {
  return vlmt::tensor_view(m)(0, 0);
}
