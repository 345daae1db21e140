// Eight-bit encoding with one scale from the largest magnitude: the encoders of Q8_0, Q8_1 and Q8_K.
#pragma once

#include <cmath>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float16.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// The binary16 scale max|x| / 127 as bits; saturates at 65504. Rounds a subnormal scale up by one step if the largest
/// value would be clipped.
template <int N>
std::uint16_t int8_half_scale(const float* x) noexcept {
  float largest[encode_lanes] = {};
  for (int i = 0; i < N; i += encode_lanes) {
    for (int k = 0; k < encode_lanes; ++k) {
      const float a = std::fabs(x[i + k]);
      largest[k] = a > largest[k] ? a : largest[k];
    }
  }
  float amax = 0.0f;
  for (int k = 0; k < encode_lanes; ++k) amax = largest[k] > amax ? largest[k] : amax;
  const float wanted = amax / 127.0f;
  const std::uint16_t bits = float_to_half_bits(wanted > 65504.0f ? 65504.0f : wanted);
  return amax > 127.5f * half_bits_to_float(bits) ? half_neighbour(bits, 1) : bits;
}

/// 1 / d for a binary16 d, 0 for d = 0.
inline float int8_inverse(std::uint16_t d) noexcept {
  const float v = half_bits_to_float(d);
  return v != 0.0f ? 1.0f / v : 0.0f;
}

/// q = x * inverse rounded to nearest, ties to even (as vector conversions do), clipped to +-127; NaN gives -127.
template <int N>
void int8_round(const float* x, float inverse, std::int8_t* q) noexcept {
  for (int i = 0; i < N; ++i) {
    const float v = x[i] * inverse;
    const float above = v > -127.0f ? v : -127.0f;
    const float inside = above < 127.0f ? above : 127.0f;
    q[i] = static_cast<std::int8_t>(std::rint(inside));
  }
}

}  // namespace detail

VLMT_END_NAMESPACE
