// Eight-bit scales of the microscaling formats: E8M0 (a power of two) and unsigned E4M3.
#pragma once

#include <cmath>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/bits.hpp"

VLMT_BEGIN_NAMESPACE

/// Half an OCP E8M0 value, 2^(code - 128): the scale of MXFP4, whose E2M1 values are stored doubled. Codes 0 and 1 are
/// float subnormals.
VLMT_HD constexpr float e8m0_half_to_float(std::uint8_t code) noexcept {
  return code < 2 ? detail::bits_as<float>(0x00200000u << code)
                  : detail::bits_as<float>(static_cast<std::uint32_t>(code - 1) << 23);
}

/// Unsigned E4M3 with bias 7, the block scale of NVFP4. Codes 0 and 0x7f (NaN in E4M3) are zero. Bit 7 is ignored, so
/// 0xff, which no writer produces, is 480. Both as in ggml.
VLMT_HD constexpr float ue4m3_to_float(std::uint8_t code) noexcept {
  const int exponent = (code >> 3) & 15;
  const int mantissa = code & 7;
  if (code == 0x7f) return 0.0f;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-9f;
  return detail::bits_as<float>(static_cast<std::uint32_t>(exponent - 7 + 127) << 23 |
                                static_cast<std::uint32_t>(mantissa) << 20);
}

/// The nearest unsigned E4M3 code, ties to even. Negative values, NaN and tiny values give 0; values from 448 give 0x7e
/// (448).
inline std::uint8_t float_to_ue4m3(float f) noexcept {
  if (!(f > 0.0f)) return 0;
  if (f >= 448.0f) return 0x7e;
  int exponent = 0;
  std::frexp(f, &exponent);  // f = m * 2^exponent, m in [0.5, 1)
  const int unbiased = exponent - 1 < -6 ? -6 : exponent - 1;
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(f, 3 - unbiased)));  // 8..16 if normal, 0..8 if not
  const int code = (unbiased + 6) * 8 + steps;
  return static_cast<std::uint8_t>(code >= 0x7f ? 0x7e : code);
}

VLMT_END_NAMESPACE
