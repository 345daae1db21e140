// tensor_view(x): views of tensors, of mdspan and its kin, of arrays, and of what other headers add (tensor/eigen.hpp).
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <ranges>
#include <type_traits>
#include <utility>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// How objects of type X, without const and references, are seen as tensors. To add a type, specialise it with a
/// static view(x) that returns a tensor over the memory of x, of const elements for a const x.
template <class X>
struct TensorTraits {};

/// std::mdspan and views like it: sizes and strides in elements, over a pointer.
template <class X>
concept MdspanLike = requires(const X& x, std::size_t i) {
  { X::rank() } -> std::convertible_to<std::size_t>;
  { x.extent(i) } -> std::convertible_to<std::size_t>;
  { x.stride(i) } -> std::convertible_to<std::size_t>;
  x.data_handle();
};

namespace detail {

template <class X>
inline constexpr bool is_tensor_v = false;
template <class Engine, class Layout>
inline constexpr bool is_tensor_v<Tensor<Engine, Layout>> = true;

template <class X>
concept HasTensorTraits = requires(X& x) { TensorTraits<std::remove_cv_t<X>>::view(x); };

/// Vectors, spans and arrays.
template <class X>
concept ElementRange = std::ranges::contiguous_range<X> && std::ranges::sized_range<X> &&
                       std::is_trivially_copyable_v<std::ranges::range_value_t<X>>;

/// An mdspan with an accessor of its own reads its elements in another way than through a pointer to them.
template <class X>
constexpr bool reads_plainly() noexcept {
  using Handle = std::remove_cvref_t<decltype(std::declval<const X&>().data_handle())>;
  if constexpr (!std::is_pointer_v<Handle>) {
    return false;
  } else if constexpr (requires { typename X::reference; }) {
    return std::is_same_v<typename X::reference, std::remove_pointer_t<Handle>&>;
  } else {
    return true;
  }
}

template <class X>
constexpr auto view_of_mdspan(const X& x) {
  static_assert(reads_plainly<X>(),
                "vlmt: tensor_view needs an mdspan over a plain pointer, with the default accessor; copy its elements");
  if constexpr (reads_plainly<X>()) {
    using T = std::remove_pointer_t<std::remove_cvref_t<decltype(x.data_handle())>>;
    constexpr std::size_t rank = X::rank();
    std::array<std::size_t, rank> sizes{}, strides{};
    for (std::size_t d = 0; d < rank; ++d) {
      VLMT_ASSERT_LE("tensor_view", 0, x.extent(d));
      VLMT_ASSERT_LE("tensor_view", 0, x.stride(d));
      sizes[d] = static_cast<std::size_t>(x.extent(d));
      strides[d] = static_cast<std::size_t>(x.stride(d));
    }
    const auto extents = [&]<std::size_t... I>(std::index_sequence<I...>) {
      return DynExtents<rank>(sizes[I]...);
    }(std::make_index_sequence<rank>{});
    return StridedView<T, rank>(ViewEngine<T>(x.data_handle()), Strided<DynExtents<rank>>(extents, strides));
  }
}

}  // namespace detail

/// Types that tensor_view takes.
template <class X>
concept Viewable = detail::is_tensor_v<std::remove_cvref_t<X>> || detail::HasTensorTraits<std::remove_reference_t<X>> ||
                   MdspanLike<std::remove_cvref_t<X>> || detail::ElementRange<std::remove_reference_t<X>>;

/// A tensor over the memory of x, which must outlive it: x.view() of a tensor; strides and sizes of an mdspan; a vector
/// of rank 1 of a contiguous range such as std::vector; a matrix of Eigen with vlmt/tensor/eigen.hpp included.
template <class X>
constexpr auto tensor_view(X&& x) {
  using Plain = std::remove_cvref_t<X>;
  static_assert(Viewable<X>,
                "vlmt: not a tensor: pass a vlmt::Tensor, an mdspan, a contiguous range such as std::vector, or, with "
                "vlmt/tensor/eigen.hpp included, an Eigen matrix; or specialise vlmt::TensorTraits for this type");
  if constexpr (detail::is_tensor_v<Plain>) {
    return x.view();
  } else if constexpr (detail::HasTensorTraits<std::remove_reference_t<X>>) {
    return TensorTraits<Plain>::view(x);
  } else if constexpr (MdspanLike<Plain>) {
    return detail::view_of_mdspan(x);
  } else if constexpr (Viewable<X>) {
    return view(std::ranges::data(x), static_cast<std::size_t>(std::ranges::size(x)));
  }
}

VLMT_END_NAMESPACE
