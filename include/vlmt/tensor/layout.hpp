// Layouts: maps from an index to an offset in elements.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/tensor/extents.hpp"

VLMT_BEGIN_NAMESPACE

/// Maps (i0, i1, ...) to an offset. `span()` is one past the largest offset.
template <class L>
concept TensorLayout = requires(const L& layout, std::size_t i) {
  { L::rank() } -> std::convertible_to<std::size_t>;
  { layout.extents().extent(i) } -> std::convertible_to<std::size_t>;
  { layout.stride(i) } -> std::convertible_to<std::size_t>;
  { layout.span() } -> std::convertible_to<std::size_t>;
};

namespace detail {
template <class Layout, class... Is>
constexpr std::size_t dot_strides(const Layout& layout, Is... index) noexcept {
  const std::array<std::size_t, sizeof...(Is)> at{static_cast<std::size_t>(index)...};
  std::size_t offset = 0;
  for (std::size_t d = 0; d < at.size(); ++d) {
    VLMT_DASSERT(at[d] < layout.extents().extent(d));
    offset += at[d] * layout.stride(d);
  }
  return offset;
}
}  // namespace detail

/// Contiguous, last index fastest.
template <class E>
class RowMajor {
 public:
  static constexpr std::size_t rank() noexcept { return E::rank(); }

  constexpr RowMajor() = default;
  constexpr explicit RowMajor(E extents) noexcept : extents_(extents) {}
  /// From the same layout with more sizes fixed.
  template <class F>
    requires(!std::is_same_v<E, F> && std::is_convertible_v<F, E>)
  constexpr RowMajor(const RowMajor<F>& other) noexcept : extents_(other.extents()) {}

  constexpr const E& extents() const noexcept { return extents_; }
  constexpr std::size_t stride(std::size_t d) const noexcept {
    std::size_t s = 1;
    for (std::size_t i = d + 1; i < rank(); ++i) s *= extents_.extent(i);
    return s;
  }
  constexpr std::size_t span() const noexcept { return extents_.count(); }
  template <class... Is>
    requires(sizeof...(Is) == E::rank())
  constexpr std::size_t operator()(Is... index) const noexcept {
    return detail::dot_strides(*this, index...);
  }

 private:
  [[no_unique_address]] E extents_{};
};

/// Any strides: transposed views, rows with padding, one head out of a fused projection.
template <class E>
class Strided {
 public:
  static constexpr std::size_t rank() noexcept { return E::rank(); }

  constexpr Strided() = default;
  constexpr Strided(E extents, std::array<std::size_t, E::rank()> strides) noexcept
      : extents_(extents), strides_(strides) {}
  /// From any layout of the same rank: its strides.
  template <class L>
    requires(!std::is_same_v<L, Strided> && std::is_convertible_v<decltype(std::declval<const L&>().extents()), E> &&
             L::rank() == E::rank())
  constexpr Strided(const L& other) noexcept : extents_(other.extents()) {
    for (std::size_t d = 0; d < rank(); ++d) strides_[d] = other.stride(d);
  }

  constexpr const E& extents() const noexcept { return extents_; }
  constexpr std::size_t stride(std::size_t d) const noexcept { return strides_[d]; }
  constexpr std::size_t span() const noexcept {
    std::size_t last = 0;
    for (std::size_t d = 0; d < rank(); ++d) {
      if (extents_.extent(d) == 0) return 0;
      last += (extents_.extent(d) - 1) * strides_[d];
    }
    return last + 1;
  }
  template <class... Is>
    requires(sizeof...(Is) == E::rank())
  constexpr std::size_t operator()(Is... index) const noexcept {
    return detail::dot_strides(*this, index...);
  }

 private:
  [[no_unique_address]] E extents_{};
  std::array<std::size_t, E::rank()> strides_{};
};

VLMT_END_NAMESPACE
