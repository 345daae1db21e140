// The twelve bytes that hold the eight six-bit scales and eight six-bit mins of Q4_K and Q5_K.
#pragma once

#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

struct ScaleMin {
  int scale;  ///< 0..63
  int min;    ///< 0..63
};

/// Pair j, 0..7. The first four scales are the low six bits of bytes 0..3, the first four mins those of bytes 4..7. The
/// other four have their low four bits in bytes 8..11 (scale low half, min high half) and the upper two in the top bits
/// of bytes 0..3 (scale) and 4..7 (min).
VLMT_HD constexpr ScaleMin unpack_scale_min(const std::uint8_t* s, int j) noexcept {
  if (j < 4) return {s[j] & 63, s[j + 4] & 63};
  return {(s[j + 4] & 15) | (s[j - 4] >> 6) << 4, (s[j + 4] >> 4) | (s[j] >> 6) << 4};
}

/// Writes pair j. All bytes must be zero before the first pair.
constexpr void pack_scale_min(std::uint8_t* s, int j, ScaleMin v) noexcept {
  const auto put = [](std::uint8_t& byte, int bits) { byte = static_cast<std::uint8_t>(byte | bits); };
  if (j < 4) {
    put(s[j], v.scale);
    put(s[j + 4], v.min);
  } else {
    put(s[j + 4], (v.scale & 15) | (v.min & 15) << 4);
    put(s[j - 4], (v.scale >> 4) << 6);
    put(s[j], (v.min >> 4) << 6);
  }
}

}  // namespace detail

VLMT_END_NAMESPACE
