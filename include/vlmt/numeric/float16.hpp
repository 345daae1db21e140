// IEEE 754 binary16 as a storage type, converted to and from float by bit operations.
#pragma once

#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/bits.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Exact, including subnormals, infinities and NaN payloads.
VLMT_HD constexpr float half_bits_to_float(std::uint16_t h) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
  const std::uint32_t exponent = (h >> 10) & 31u;
  std::uint32_t mantissa = h & 0x3ffu;
  if (exponent == 31) return bits_as<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return bits_as<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  // Zero or subnormal: value = mantissa * 2^-24, exact in float.
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return bits_as<float>(sign | bits_as<std::uint32_t>(magnitude));
}

/// Rounds to nearest, ties to even. Overflow gives infinity; NaN becomes a quiet NaN.
VLMT_HD constexpr std::uint16_t float_to_half_bits(float f) noexcept {
  const std::uint32_t x = bits_as<std::uint32_t>(f);
  const auto sign = static_cast<std::uint16_t>((x >> 16) & 0x8000u);
  const std::uint32_t a = x & 0x7fffffffu;
  if (a > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | ((a >> 13) & 0x3ffu));
  if (a >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // >= 65520 rounds to infinity
  if (a < 0x38800000u) {                                                    // below 2^-14: subnormal or zero
    // Adding 0.5f aligns the mantissa: the float addition rounds to multiples of 2^-24.
    const float shifted = bits_as<float>(a) + 0.5f;
    return static_cast<std::uint16_t>(sign | (bits_as<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = a + 0xfffu + ((a >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

}  // namespace detail

/// binary16: 11 significant bits, largest finite value 65504.
struct float16 {
  std::uint16_t bits = 0;

  float16() = default;
  VLMT_HD constexpr explicit float16(float f) noexcept : bits(detail::float_to_half_bits(f)) {}
  VLMT_HD constexpr explicit operator float() const noexcept { return detail::half_bits_to_float(bits); }
  static VLMT_HD constexpr float16 from_bits(std::uint16_t b) noexcept {
    float16 h;
    h.bits = b;
    return h;
  }
  friend VLMT_HD constexpr bool operator==(float16 a, float16 b) noexcept {
    return static_cast<float>(a) == static_cast<float>(b);
  }
};
static_assert(sizeof(float16) == 2);

VLMT_END_NAMESPACE
