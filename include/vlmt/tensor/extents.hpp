// Extents: the sizes of a tensor, each static or dynamic.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Marks a size known only at run time.
inline constexpr std::size_t dynamic = std::numeric_limits<std::size_t>::max();

/// One size: Dim<128> is empty and converts to the constant 128; Dim<> holds a value. Code written against Dim takes
/// both; a static Dim gives the compiler constant loop bounds.
template <std::size_t N = dynamic>
struct Dim {
  static constexpr bool is_static = true;
  constexpr Dim() = default;
  constexpr explicit Dim([[maybe_unused]] std::size_t n) { VLMT_DASSERT(n == N); }
  constexpr operator std::size_t() const noexcept { return N; }
};
template <>
struct Dim<dynamic> {
  static constexpr bool is_static = false;
  constexpr Dim() = default;
  constexpr explicit Dim(std::size_t n) : value(n) {}
  constexpr operator std::size_t() const noexcept { return value; }
  std::size_t value = 0;
};

/// The sizes of a tensor in math order, outermost first. Extents<dynamic, 128>: (n, 128) with n at run time.
template <std::size_t... Ns>
class Extents {
 public:
  static constexpr std::size_t rank() noexcept { return sizeof...(Ns); }
  static constexpr std::size_t static_extent(std::size_t i) noexcept { return statics_[i]; }

  constexpr Extents() = default;
  /// One value per size; the value of a static size must equal it.
  template <std::convertible_to<std::size_t>... Is>
    requires(sizeof...(Is) == sizeof...(Ns) && sizeof...(Ns) > 0)
  constexpr explicit Extents(Is... sizes) : values_{static_cast<std::size_t>(sizes)...} {
    for (std::size_t i = 0; i < rank(); ++i) {
      if (statics_[i] != dynamic) VLMT_ASSERT_EQ("Extents", values_[i], statics_[i]);
    }
  }

  /// From extents of the same sizes that fix more of them: (3, 4) static to (dynamic, 4).
  template <std::size_t... Ms>
    requires(sizeof...(Ms) == sizeof...(Ns) && ((Ns == dynamic || Ns == Ms) && ...) &&
             !(std::is_same_v<Extents<Ms...>, Extents>))
  constexpr Extents(const Extents<Ms...>& other) noexcept {
    for (std::size_t i = 0; i < rank(); ++i) values_[i] = other.extent(i);
  }

  constexpr std::size_t extent(std::size_t i) const noexcept {
    return statics_[i] != dynamic ? statics_[i] : values_[i];
  }
  /// Product of all sizes; 1 for rank 0.
  constexpr std::size_t count() const noexcept {
    std::size_t n = 1;
    for (std::size_t i = 0; i < rank(); ++i) n *= extent(i);
    return n;
  }
  template <std::size_t... Ms>
  friend constexpr bool operator==(const Extents& a, const Extents<Ms...>& b) noexcept {
    if constexpr (sizeof...(Ms) != sizeof...(Ns)) return false;
    for (std::size_t i = 0; i < sizeof...(Ns); ++i) {
      if (a.extent(i) != b.extent(i)) return false;
    }
    return true;
  }

 private:
  static constexpr std::array<std::size_t, sizeof...(Ns)> statics_{Ns...};
  std::array<std::size_t, sizeof...(Ns)> values_{(Ns == dynamic ? 0 : Ns)...};
};

namespace detail {
template <class>
struct DynamicExtents;
template <std::size_t... Is>
struct DynamicExtents<std::index_sequence<Is...>> {
  using type = Extents<(static_cast<void>(Is), dynamic)...>;
};
}  // namespace detail

/// Extents of rank R with all sizes at run time.
template <std::size_t R>
using DynExtents = typename detail::DynamicExtents<std::make_index_sequence<R>>::type;

VLMT_END_NAMESPACE
