// Input of the searching encoders: block values scaled to about 1, and the binary16 scales that a file can hold.
#pragma once

#include <cmath>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float16.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Values are summed in this many independent lanes, so that compilers vectorise the sums without reordering.
inline constexpr int encode_lanes = 16;

/// The sum of the lanes, pairwise.
VLMT_INLINE float sum_lanes(const float* lanes) noexcept {
  float s[4];
  for (int i = 0; i < 4; ++i) s[i] = (lanes[i] + lanes[i + 8]) + (lanes[i + 4] + lanes[i + 12]);
  return (s[0] + s[2]) + (s[1] + s[3]);
}

/// The value of largest magnitude with its sign; the positive one of two with equal magnitude. NaN is skipped. Computed
/// from the largest and the smallest value: clang 19 (x86-64-v3, -O2) loses a negative first value when an unrolled
/// loop compares magnitudes.
inline float signed_extreme(const float* x, int n) noexcept {
  float low = 0.0f;
  float high = 0.0f;
  for (int i = 0; i < n; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  return high >= -low ? high : low;
}

/// Larger than any value that a binary16 scale times an integer of any format reaches.
inline constexpr float half_scale_limit = 0x1p30f;

/// N values times a power of two that brings the largest magnitude into [0.5, 1), so that no sum of squares overflows
/// or underflows. NaN becomes 0. Values beyond +-`most` are clipped to it: a value outside the format's range must not
/// hide the others.
template <int N>
class ScaledValues {
  static_assert(N % encode_lanes == 0);

 public:
  explicit ScaledValues(const float* in, float most = half_scale_limit) noexcept {
    for (int i = 0; i < N; ++i) {
      const float v = in[i] == in[i] ? in[i] : 0.0f;
      const float clipped = v > most ? most : v < -most ? -most : v;
      values_[i] = clipped;
      const float a = std::fabs(clipped);
      largest_ = a > largest_ ? a : largest_;
    }
    if (zero()) return;
    largest_ = std::frexp(largest_, &exponent_);
    // Two factors: 2^-exponent alone may be out of range of float.
    const int half = exponent_ / 2;
    up_[0] = std::ldexp(1.0f, half);
    up_[1] = std::ldexp(1.0f, exponent_ - half);
    down_[0] = std::ldexp(1.0f, -half);
    down_[1] = std::ldexp(1.0f, half - exponent_);
    for (int i = 0; i < N; ++i) values_[i] = values_[i] * down_[0] * down_[1];
  }

  bool zero() const noexcept { return largest_ == 0.0f; }
  const float* data() const noexcept { return values_; }

  /// The largest scaled magnitude, in [0.5, 1) unless all values are zero; exponent() is the power of two divided out.
  float largest() const noexcept { return largest_; }
  int exponent() const noexcept { return exponent_; }

  /// Converts a scale or offset from scaled values to the caller's units; may overflow to infinity. from_units is the
  /// inverse.
  float in_units(float scaled) const noexcept { return scaled * up_[0] * up_[1]; }
  float from_units(float value) const noexcept { return value * down_[0] * down_[1]; }

  /// The binary16 number nearest to a scaled value in the caller's units, as bits; saturates at +-65504.
  std::uint16_t half_bits(float scaled) const noexcept {
    const float v = in_units(scaled);
    return float_to_half_bits(v > 65504.0f ? 65504.0f : v < -65504.0f ? -65504.0f : v);
  }
  /// The scaled value of these bits, clipped to +-1e6: scaled values are below 1, so larger scales are useless, and the
  /// clip prevents overflow.
  float half_value(std::uint16_t bits) const noexcept {
    const float v = from_units(half_bits_to_float(bits));
    return v > 1e6f ? 1e6f : v < -1e6f ? -1e6f : v;
  }

 private:
  alignas(64) float values_[N];
  float up_[2] = {1.0f, 1.0f};
  float down_[2] = {1.0f, 1.0f};
  float largest_ = 0.0f;
  int exponent_ = 0;
};

/// True for a subnormal binary16 number or zero, where steps are coarse.
constexpr bool half_is_subnormal(std::uint16_t bits) noexcept {
  return (bits & 0x7c00) == 0;
}

/// The next binary16 number away from zero (step 1) or towards it (step -1); stays finite and keeps its sign.
constexpr std::uint16_t half_neighbour(std::uint16_t bits, int step) noexcept {
  const int magnitude = (bits & 0x7fff) + step;
  return static_cast<std::uint16_t>((bits & 0x8000) | (magnitude < 0 ? 0 : magnitude > 0x7bff ? 0x7bff : magnitude));
}

/// 1 / v, or 0 if |v| <= 1e-6: scaled values are about 1, so such a scale is useless, and quotients stay in the range
/// of int.
inline float inverse_or_zero(float v) noexcept {
  return std::fabs(v) > 1e-6f ? 1.0f / v : 0.0f;
}

}  // namespace detail

VLMT_END_NAMESPACE
