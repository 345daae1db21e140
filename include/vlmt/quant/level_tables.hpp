// Level tables of IQ4_NL, IQ4_XS and the E2M1 formats, and nearest-level lookup for encoders.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Levels by code.
struct LevelCodes {
  std::int8_t of[16];
};

/// Levels of IQ4_NL and IQ4_XS, ascending.
inline constexpr LevelCodes iq4_levels{{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}};

/// E2M1 values times two: bit 3 is the sign. Code 8 is a second zero.
inline constexpr LevelCodes e2m1_levels{{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}};

/// The level of a code, 0..15. The table is a local copy, a constant without an address: device code cannot read
/// variables of a namespace.
VLMT_HD inline float iq4_level(int code) noexcept {
  constexpr LevelCodes levels = iq4_levels;
  return static_cast<float>(levels.of[code]);
}
VLMT_HD inline float e2m1_level(int code) noexcept {
  constexpr LevelCodes levels = e2m1_levels;
  return static_cast<float>(levels.of[code]);
}

/// The index of the nearest level in an ascending table: the number of midpoints below v. One expression over all
/// midpoints instead of a search: compilers vectorise that.
template <std::size_t... K>
VLMT_INLINE int nearest_index(const std::int8_t (&table)[16], float v, std::index_sequence<K...>) noexcept {
  return ((v > 0.5f * static_cast<float>(table[K] + table[K + 1]) ? 1 : 0) + ...);
}

/// The nearest level itself.
template <std::size_t... K>
VLMT_INLINE float nearest_level(const std::int8_t (&table)[16], float v, std::index_sequence<K...>) noexcept {
  return static_cast<float>(
      table[0] + ((v > 0.5f * static_cast<float>(table[K] + table[K + 1]) ? table[K + 1] - table[K] : 0) + ...));
}

/// Nearest levels of iq4_levels.
struct Iq4Levels {
  using Steps = std::make_index_sequence<15>;
  static constexpr float low = -127.0f;
  static constexpr float high = 113.0f;
  static constexpr float side = 8.0f;

  static VLMT_INLINE unsigned code(float v) noexcept {
    return static_cast<unsigned>(nearest_index(iq4_levels.of, v, Steps{}));
  }
  static VLMT_INLINE float level(float v) noexcept { return nearest_level(iq4_levels.of, v, Steps{}); }
};

/// Nearest levels of e2m1_levels; zero is code 0.
struct E2m1Levels {
  using Steps = std::make_index_sequence<7>;
  static constexpr float low = -12.0f;
  static constexpr float high = 12.0f;
  static constexpr float side = 7.0f;

  static VLMT_INLINE unsigned code(float v) noexcept {
    const auto magnitude = static_cast<unsigned>(nearest_index(e2m1_levels.of, std::fabs(v), Steps{}));
    return magnitude | (v < 0.0f && magnitude != 0 ? 8u : 0u);
  }
  static VLMT_INLINE float level(float v) noexcept {
    return std::copysign(nearest_level(e2m1_levels.of, std::fabs(v), Steps{}), v);
  }
};

}  // namespace detail

VLMT_END_NAMESPACE
