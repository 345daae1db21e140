// Parts of tensors as views: slices, rows, transposed axes. Nothing is copied.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// `t` from element `offset` on, with other sizes and strides.
template <class Engine, class Layout, std::size_t R>
constexpr auto part_of(const Tensor<Engine, Layout>& t, std::size_t offset, const std::array<std::size_t, R>& sizes,
                       const std::array<std::size_t, R>& strides) noexcept {
  using View = StridedView<typename Engine::Elem, R, SpaceOf<Engine>>;
  const auto extents = [&]<std::size_t... I>(std::index_sequence<I...>) {
    return DynExtents<R>(sizes[I]...);
  }(std::make_index_sequence<R>{});
  // An empty tensor may have no memory.
  auto* data = t.data() == nullptr ? nullptr : t.data() + offset;
  return View(ViewEngine<typename Engine::Elem, SpaceOf<Engine>>(data), Strided<DynExtents<R>>(extents, strides));
}

template <class Engine, class Layout>
constexpr std::array<std::size_t, Layout::rank()> sizes_of(const Tensor<Engine, Layout>& t) noexcept {
  std::array<std::size_t, Layout::rank()> sizes{};
  for (std::size_t d = 0; d < sizes.size(); ++d) sizes[d] = t.extent(d);
  return sizes;
}
template <class Engine, class Layout>
constexpr std::array<std::size_t, Layout::rank()> strides_of(const Tensor<Engine, Layout>& t) noexcept {
  std::array<std::size_t, Layout::rank()> strides{};
  for (std::size_t d = 0; d < strides.size(); ++d) strides[d] = t.stride(d);
  return strides;
}

}  // namespace detail

/// Indices [begin, end) of axis `axis`. Asserts begin <= end <= its extent.
template <class Engine, class Layout>
constexpr auto slice(const Tensor<Engine, Layout>& t, std::size_t axis, std::size_t begin, std::size_t end) {
  VLMT_ASSERT_LT("slice", axis, t.rank());
  VLMT_ASSERT_LE("slice", begin, end);
  VLMT_ASSERT_LE("slice", end, t.extent(axis));
  auto sizes = detail::sizes_of(t);
  const auto strides = detail::strides_of(t);
  sizes[axis] = end - begin;
  return detail::part_of(t, begin == end ? 0 : begin * strides[axis], sizes, strides);
}

/// Indices [begin, end) of the first axis: rows of a matrix, tokens of a batch.
template <class Engine, class Layout>
constexpr auto rows(const Tensor<Engine, Layout>& t, std::size_t begin, std::size_t end) {
  return slice(t, 0, begin, end);
}

/// Two axes exchanged, by default the last two: (rows, columns) as (columns, rows).
template <class Engine, class Layout>
  requires(Layout::rank() >= 2)
constexpr auto transposed(const Tensor<Engine, Layout>& t, std::size_t a = Layout::rank() - 2,
                          std::size_t b = Layout::rank() - 1) {
  VLMT_ASSERT_LT("transposed", a, t.rank());
  VLMT_ASSERT_LT("transposed", b, t.rank());
  auto sizes = detail::sizes_of(t);
  auto strides = detail::strides_of(t);
  std::swap(sizes[a], sizes[b]);
  std::swap(strides[a], strides[b]);
  return detail::part_of(t, 0, sizes, strides);
}

VLMT_END_NAMESPACE
