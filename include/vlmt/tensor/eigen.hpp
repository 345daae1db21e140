// Views of vlmt matrices as Eigen maps and vice versa. The only header that includes Eigen.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <type_traits>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {
template <class T>
using EigenMatrix = Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using EigenMapTarget = std::conditional_t<std::is_const_v<T>, const EigenMatrix<T>, EigenMatrix<T>>;
}  // namespace detail

/// An Eigen map of a (rows, columns) tensor over the same memory. Any row stride; columns must be contiguous.
template <class Engine, class Layout>
requires(Layout::rank() == 2) auto eigen_map(const Tensor<Engine, Layout>& t) {
  using T = typename Engine::Elem;
  VLMT_ASSERT_EQ("eigen_map", t.stride(1), 1);
  return Eigen::Map<detail::EigenMapTarget<T>, Eigen::Unaligned, Eigen::OuterStride<>>(
      t.data(), static_cast<Eigen::Index>(t.extent(0)), static_cast<Eigen::Index>(t.extent(1)),
      Eigen::OuterStride<>(static_cast<Eigen::Index>(t.stride(0))));
}

/// A (rows, columns) view of a row-major Eigen matrix or a vector over the same memory. The matrix must outlive it.
template <class Derived>
auto tensor_view(Eigen::PlainObjectBase<Derived>& m) {
  static_assert(Derived::IsRowMajor || Derived::IsVectorAtCompileTime,
                "vlmt: tensor_view needs a row-major Eigen matrix; declare it with Eigen::RowMajor");
  return view(m.data(), static_cast<std::size_t>(m.rows()), static_cast<std::size_t>(m.cols()));
}

VLMT_END_NAMESPACE
