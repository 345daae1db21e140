// bfloat16 as a storage type: the upper half of a float.
#pragma once

#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/bits.hpp"

VLMT_BEGIN_NAMESPACE

/// 8 significant bits and the exponent range of float. Conversion from float rounds to nearest, ties to even.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  VLMT_HD constexpr explicit bfloat16(float f) noexcept {
    const std::uint32_t x = detail::bits_as<std::uint32_t>(f);
    if ((x & 0x7fffffffu) > 0x7f800000u) {
      bits = static_cast<std::uint16_t>((x >> 16) | 0x40u);  // keep NaN a NaN
    } else {
      bits = static_cast<std::uint16_t>((x + 0x7fffu + ((x >> 16) & 1u)) >> 16);
    }
  }
  VLMT_HD constexpr explicit operator float() const noexcept {
    return detail::bits_as<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  static VLMT_HD constexpr bfloat16 from_bits(std::uint16_t b) noexcept {
    bfloat16 v;
    v.bits = b;
    return v;
  }
  friend VLMT_HD constexpr bool operator==(bfloat16 a, bfloat16 b) noexcept {
    return static_cast<float>(a) == static_cast<float>(b);
  }
};
static_assert(sizeof(bfloat16) == 2);

VLMT_END_NAMESPACE
