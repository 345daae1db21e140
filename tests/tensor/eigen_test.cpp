// Eigen maps and tensor views share memory, strides and constness.
#include "vlmt/tensor/eigen.hpp"

#include <array>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

namespace {

using RowMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

TEST(EigenTest, MapsTheSameMemory) {
  auto t = vlmt::make_tensor<float>(2, 3);
  auto m = vlmt::eigen_map(t);
  m << 1, 2, 3, 4, 5, 6;
  EXPECT_EQ(t(0, 2), 3.0f);
  EXPECT_EQ(t(1, 0), 4.0f);
  EXPECT_EQ(m.row(0).dot(m.row(1)), 1 * 4 + 2 * 5 + 3 * 6);
}

TEST(EigenTest, KeepsRowStrides) {
  std::vector<float> rows(3 * 5);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i);
  using E = vlmt::DynExtents<2>;
  const vlmt::Tensor padded(vlmt::ViewEngine<const float>(rows.data()), vlmt::Strided<E>(E(3, 4), {5, 1}));
  const auto m = vlmt::eigen_map(padded);
  static_assert(std::is_same_v<decltype(m.data()), const float*>, "a view of const elements maps to a const matrix");
  EXPECT_EQ(m.rows(), 3);
  EXPECT_EQ(m.cols(), 4);
  EXPECT_EQ(m(2, 3), 13.0f);
}

TEST(EigenTest, ViewsRowMajorMatricesAndVectors) {
  RowMatrix m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  const auto v = vlmt::tensor_view(m);
  v(1, 1) = 50;
  EXPECT_EQ(m(1, 1), 50.0f);
  EXPECT_EQ(v.extent(0), 2u);
  EXPECT_EQ(v.extent(1), 3u);
  Eigen::VectorXf column(4);
  column << 1, 2, 3, 4;
  const auto c = vlmt::tensor_view(column);
  EXPECT_EQ(c.extent(0), 4u);
  EXPECT_EQ(c(3, 0), 4.0f);
}

}  // namespace
