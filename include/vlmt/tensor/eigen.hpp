// Views of vlmt matrices as Eigen maps and vice versa. The only header that includes Eigen.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstddef>
#include <type_traits>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/tensor/tensor.hpp"
#include "vlmt/tensor/tensor_view.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {
template <class T>
using EigenMatrix = Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using EigenMapTarget = std::conditional_t<std::is_const_v<T>, const EigenMatrix<T>, EigenMatrix<T>>;

template <class Derived>
void take_eigen(const Eigen::DenseBase<Derived>&);
template <class X>
concept EigenDense = requires(const X& x) { take_eigen(x); };

/// Matrices, maps, references and blocks have memory; sums and products do not.
template <class X>
inline constexpr bool eigen_has_memory_v = (static_cast<int>(X::Flags) & Eigen::DirectAccessBit) != 0;
/// Elements of a map of const elements, or of a block of it, cannot be written.
template <class X>
inline constexpr bool eigen_is_writable_v = (static_cast<int>(X::Flags) & Eigen::LvalueBit) != 0;
}  // namespace detail

/// An Eigen map of a (rows, columns) tensor over the same memory. Any row stride; columns must be contiguous: map
/// transposed(t) if rows are.
template <class Engine, class Layout>
  requires(Layout::rank() == 2)
auto eigen_map(const Tensor<Engine, Layout>& t) {
  static_assert(is_host_v<Engine>, "vlmt: eigen_map needs memory of the host; copy the elements there first");
  using T = typename Engine::Elem;
  VLMT_ASSERT_EQ("eigen_map", t.stride(1), 1);
  return Eigen::Map<detail::EigenMapTarget<T>, Eigen::Unaligned, Eigen::OuterStride<>>(
      t.data(), static_cast<Eigen::Index>(t.extent(0)), static_cast<Eigen::Index>(t.extent(1)),
      Eigen::OuterStride<>(static_cast<Eigen::Index>(t.stride(0))));
}

/// Matrices, vectors, maps and blocks of Eigen in either order as (rows, columns) tensors over the same memory.
template <class X>
  requires detail::EigenDense<X>
struct TensorTraits<X> {
  static auto view(X& x) { return of(x); }
  static auto view(const X& x) { return of(x); }

 private:
  template <class Of>
  static auto of(Of& x) {
    static_assert(detail::eigen_has_memory_v<X>,
                  "vlmt: this Eigen expression has no memory of its own; evaluate it first, for example with .eval()");
    if constexpr (detail::eigen_has_memory_v<X>) {
      using Scalar = typename X::Scalar;
      using T = std::conditional_t<std::is_const_v<Of> || !detail::eigen_is_writable_v<X>, const Scalar, Scalar>;
      using E = DynExtents<2>;
      const auto size = [](Eigen::Index n) { return static_cast<std::size_t>(n); };
      VLMT_ASSERT_LE("tensor_view", 0, x.innerStride());
      VLMT_ASSERT_LE("tensor_view", 0, x.outerStride());
      const std::size_t inner = size(x.innerStride()), outer = size(x.outerStride());
      return StridedView<T, 2>(ViewEngine<T>(x.data()),
                               Strided<E>(E(size(x.rows()), size(x.cols())),
                                          X::IsRowMajor ? std::array{outer, inner} : std::array{inner, outer}));
    }
  }
};

VLMT_END_NAMESPACE
