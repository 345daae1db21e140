// Encoders of formats without offset, y = scale * level: the search for one scale, or for the scales of a super-block.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

// The searches are large, have few instances and many call sites: kept out of line.

/// The integers Low..High; the code of a level is level - Low.
template <int Low, int High>
struct UniformLevels {
  static constexpr float low = static_cast<float>(Low);
  static constexpr float high = static_cast<float>(High);
  static constexpr float side = static_cast<float>(std::max(-Low, High));  // levels on the longer side of zero

  /// The level nearest to v as an integer, |v| < 2^31. Clipped as an integer: compilers vectorise that, but not float
  /// comparisons whose results are used in arithmetic.
  static int nearest(float v) noexcept {
    const int n = static_cast<int>(v + std::copysign(0.5f, v));
    return std::min(std::max(n, Low), High);
  }
  static unsigned code(float v) noexcept { return static_cast<unsigned>(nearest(v) - Low); }
  static float level(float v) noexcept { return static_cast<float>(nearest(v)); }
};

/// Sums of x * level and level * level over a block for one candidate scale.
struct LevelSums {
  float xl;
  float ll;
};

template <class Levels, int N>
VLMT_NOINLINE LevelSums level_sums(const float* x, float inverse) noexcept {
  float xl[encode_lanes] = {};
  float ll[encode_lanes] = {};
  for (int i = 0; i < N; i += encode_lanes) {
    for (int k = 0; k < encode_lanes; ++k) {
      const float l = Levels::level(x[i + k] * inverse);
      xl[k] += x[i + k] * l;
      ll[k] += l * l;
    }
  }
  return {sum_lanes(xl), sum_lanes(ll)};
}

/// Squared error of a block at a given scale.
template <class Levels, int N>
VLMT_NOINLINE float level_error(const float* x, float scale) noexcept {
  const float inverse = inverse_or_zero(scale);
  float e[encode_lanes] = {};
  for (int i = 0; i < N; i += encode_lanes) {
    for (int k = 0; k < encode_lanes; ++k) {
      const float r = x[i + k] - scale * Levels::level(x[i + k] * inverse);
      e[k] += r * r;
    }
  }
  return sum_lanes(e);
}

/// The scale of either sign with the smallest squared error found by the search; 0 if max|x| <= 1e-30.
///
/// For fixed levels the best scale is s = sum(x l) / sum(l^2); it explains sum(x l)^2 / sum(l^2) of the block's energy.
/// Candidates map the extreme value to positions around the lowest and the highest level. The best candidate is refined
/// by alternating between assigning levels and solving for the scale.
template <class Levels, int N>
VLMT_NOINLINE float best_scale(const float* x) noexcept {
  const float extreme = signed_extreme(x, N);
  if (!(std::fabs(extreme) > 1e-30f)) return 0.0f;
  float best = 0.0f;
  float best_gain = 0.0f;
  const auto consider = [&](float inverse) {
    const LevelSums s = level_sums<Levels, N>(x, inverse);
    const float gain = s.ll > 0.0f ? s.xl * s.xl / s.ll : 0.0f;
    if (gain > best_gain) {
      best_gain = gain;
      best = s.xl / s.ll;
      return true;
    }
    return false;
  };
  // The extreme value lands between three levels inside the limit and four beyond it, where it is clipped. Formats with
  // few levels use 70 to 125 % of the limit.
  constexpr int steps = 12;
  constexpr float first = 1.0f - std::min(0.3f, 3.0f / Levels::side);
  constexpr float last = 1.0f + std::min(0.25f, 4.0f / Levels::side);
  for (const float limit : {Levels::low, Levels::high}) {
    if (limit == 0.0f) continue;
    for (int k = 0; k <= steps; ++k) {
      consider(limit * (first + (last - first) * static_cast<float>(k) / steps) / extreme);
    }
  }
  for (int k = 0; k < 4 && best != 0.0f; ++k) {
    if (!consider(inverse_or_zero(best))) break;
  }
  return best;
}

/// The binary16 scale of one block, as bits.
template <class Levels, int N>
VLMT_NOINLINE std::uint16_t fit_half_scale(const ScaledValues<N>& values) noexcept {
  const std::uint16_t centre = values.half_bits(best_scale<Levels, N>(values.data()));
  std::uint16_t best = 0;
  float best_error = -1.0f;
  for (int step = -1; step <= 1; ++step) {
    const std::uint16_t bits = half_neighbour(centre, step);
    const float error = level_error<Levels, N>(values.data(), values.half_value(bits));
    if (best_error < 0.0f || error < best_error) {
      best_error = error;
      best = bits;
    }
  }
  return best;
}

/// The scales of a super-block: the scale of sub-block j is d * scales[j].
template <int Subs>
struct SuperScales {
  std::uint16_t d = 0;  ///< binary16
  int scales[Subs] = {};
};

/// Fits y = d * scales[j] * level over Subs sub-blocks of N values, scales[j] in [Low, High].
///
/// Each sub-block first gets its own best scale. Several d are tried: the largest scale at the end of the integer range
/// or slightly inside it. For each d every sub-block takes the integer scale near its own best with the smallest error.
/// Then d is refitted by least squares and the sub-blocks choose again.
template <class Levels, int Subs, int N, int Low, int High>
VLMT_NOINLINE SuperScales<Subs> fit_super_scales(const ScaledValues<Subs * N>& values) noexcept {
  const float* x = values.data();
  float wanted[Subs];
  for (int j = 0; j < Subs; ++j) wanted[j] = best_scale<Levels, N>(x + j * N);
  const float largest = signed_extreme(wanted, Subs);
  SuperScales<Subs> best;
  float best_error = -1.0f;

  const auto choose = [&](std::uint16_t bits) {
    SuperScales<Subs> now;
    now.d = bits;
    const float d = values.half_value(bits);
    const float inverse = inverse_or_zero(d);
    float total = 0.0f;
    for (int j = 0; j < Subs; ++j) {
      const float target = wanted[j] * inverse;
      const int nearest = UniformLevels<Low, High>::nearest(target);
      float sub_error = -1.0f;
      const auto consider = [&](int scale) {
        if (scale < Low || scale > High) return;
        const float error = level_error<Levels, N>(x + j * N, d * static_cast<float>(scale));
        if (sub_error < 0.0f || error < sub_error) {
          sub_error = error;
          now.scales[j] = scale;
        }
      };
      consider(nearest);
      consider(static_cast<float>(nearest) < target ? nearest + 1 : nearest - 1);
      if (std::fabs(target) < 6.0f) {  // so coarse that the error is not convex in the scale
        consider(-nearest);
        consider(static_cast<float>(nearest) < target ? nearest - 1 : nearest + 1);
      }
      total += sub_error;
    }
    if (best_error < 0.0f || total < best_error) {
      best_error = total;
      best = now;
      return true;
    }
    return false;
  };
  const auto refit = [&]() {
    const float d = values.half_value(best.d);
    float xl = 0.0f;
    float ll = 0.0f;
    for (int j = 0; j < Subs; ++j) {
      const auto scale = static_cast<float>(best.scales[j]);
      const LevelSums s = level_sums<Levels, N>(x + j * N, inverse_or_zero(d * scale));
      xl += scale * s.xl;
      ll += scale * scale * s.ll;
    }
    return ll > 0.0f ? values.half_bits(xl / ll) : best.d;
  };

  for (const int reach : {Low, Low + 1, Low + 2, High, High - 1}) {
    choose(values.half_bits(largest / static_cast<float>(reach)));
  }
  for (int k = 0; k < 3; ++k) {
    const std::uint16_t bits = refit();
    if (bits == best.d || !choose(bits)) break;
  }
  if (half_is_subnormal(best.d)) {
    const std::uint16_t centre = best.d;
    choose(half_neighbour(centre, -1));
    choose(half_neighbour(centre, 1));
  }
  return best;
}

}  // namespace detail

VLMT_END_NAMESPACE
