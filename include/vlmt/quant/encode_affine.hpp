// Encoders of formats with an offset, y = scale * q + offset with q = 0..QMax: one pair per block, or a super-block of
// small integer scales and offsets.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/quant/encode_levels.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

struct Affine {
  float scale = 0.0f;
  float offset = 0.0f;
};

/// Sums of q, q * q and x * q over a block for one candidate pair.
struct AffineSums {
  float q;
  float qq;
  float xq;
};

template <int QMax, int N>
VLMT_NOINLINE AffineSums affine_sums(const float* x, Affine a) noexcept {
  const float inverse = inverse_or_zero(a.scale);
  const float shift = -a.offset * inverse;
  float sq[encode_lanes] = {};
  float sqq[encode_lanes] = {};
  float sxq[encode_lanes] = {};
  for (int i = 0; i < N; i += encode_lanes) {
    for (int k = 0; k < encode_lanes; ++k) {
      const float q = UniformLevels<0, QMax>::level(x[i + k] * inverse + shift);
      sq[k] += q;
      sqq[k] += q * q;
      sxq[k] += x[i + k] * q;
    }
  }
  return {sum_lanes(sq), sum_lanes(sqq), sum_lanes(sxq)};
}

/// Squared error of a block at a given pair.
template <int QMax, int N>
VLMT_NOINLINE float affine_error(const float* x, Affine a) noexcept {
  const float inverse = inverse_or_zero(a.scale);
  float e[encode_lanes] = {};
  for (int i = 0; i < N; i += encode_lanes) {
    for (int k = 0; k < encode_lanes; ++k) {
      const float v = x[i + k] - a.offset;
      const float r = v - a.scale * UniformLevels<0, QMax>::level(v * inverse);
      e[k] += r * r;
    }
  }
  return sum_lanes(e);
}

/// The pair with the smallest squared error found by the search; scale >= 0.
///
/// For fixed q the best pair is a linear regression. Candidates cover different parts of the block's range. Each is
/// refined by alternating between assigning q and solving for the pair.
template <int QMax, int N>
VLMT_NOINLINE Affine best_affine(const float* x) noexcept {
  float low = x[0];
  float high = x[0];
  float mean = 0.0f;
  for (int i = 0; i < N; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    mean += x[i];
  }
  mean /= static_cast<float>(N);
  if (!(high - low > 1e-30f)) return {0.0f, low};
  // Centring keeps the regression accurate when the values vary little.
  float centred[N];
  for (int i = 0; i < N; ++i) centred[i] = x[i] - mean;

  constexpr float n = static_cast<float>(N);
  Affine best;
  float best_gain = 0.0f;
  const auto polish = [&](Affine a) {
    float gain = 0.0f;
    for (int round = 0; round < 2; ++round) {
      const AffineSums s = affine_sums<QMax, N>(centred, a);
      const float spread = s.qq - s.q * s.q / n;
      if (!(spread > 0.0f)) return;
      a.scale = s.xq / spread;  // the centred values sum to 0
      a.offset = -a.scale * s.q / n;
      gain = a.scale * s.xq;
    }
    if (gain > best_gain) {
      best_gain = gain;
      best = a;
    }
  };
  constexpr int steps = 9;
  constexpr float top = static_cast<float>(QMax);
  for (int k = 0; k < steps; ++k) {
    // The block's range spans QMax - 0.8 to QMax + 4 (at most 1.25 QMax) steps; values beyond QMax are clipped.
    constexpr float most = top + std::min(4.0f, 0.25f * top);
    const float reach = top - 0.8f + (most - top + 0.8f) * static_cast<float>(k) / (steps - 1);
    const float scale = (high - low) / reach;
    const float slack = (high - low) - scale * top;  // > 0: clipped
    for (const float share : {0.0f, 0.5f, 1.0f}) polish({scale, low - mean + share * slack});
  }
  for (int k = 0; k < 2; ++k) polish(best);
  best.offset += mean;
  return best;
}

/// The binary16 scale and offset of one block, as bits.
struct HalfAffine {
  std::uint16_t scale = 0;
  std::uint16_t offset = 0;
};

template <int QMax, int N>
VLMT_NOINLINE HalfAffine fit_half_affine(const ScaledValues<N>& values) noexcept {
  const Affine a = best_affine<QMax, N>(values.data());
  const HalfAffine centre{values.half_bits(a.scale), values.half_bits(a.offset)};
  HalfAffine best = centre;
  float best_error = -1.0f;
  for (int i = -1; i <= 1; ++i) {
    for (int j = -1; j <= 1; ++j) {
      const HalfAffine h{half_neighbour(centre.scale, i), half_neighbour(centre.offset, j)};
      const float error =
          affine_error<QMax, N>(values.data(), {values.half_value(h.scale), values.half_value(h.offset)});
      if (best_error < 0.0f || error < best_error) {
        best_error = error;
        best = h;
      }
    }
  }
  return best;
}

/// Scales and offsets of a super-block: y = d * scales[j] * q - dmin * mins[j]; d and dmin are binary16.
template <int Subs>
struct SuperAffine {
  std::uint16_t d = 0;
  std::uint16_t dmin = 0;
  int scales[Subs] = {};
  int mins[Subs] = {};
};

/// Fits Subs sub-blocks of N values, scales[j] and mins[j] in [0, SMax].
///
/// Each sub-block first gets its own best pair. d and dmin start where the largest pair just fits. Then two steps
/// alternate: each sub-block takes the integer pair near its own best with the smallest error; d and dmin follow by
/// least squares over the super-block. dmin gets the sign with the larger sum of offset magnitudes; sub-blocks whose
/// offset has the other sign use no offset.
template <int QMax, int Subs, int N, int SMax>
class SuperAffineFit {
 public:
  VLMT_NOINLINE explicit SuperAffineFit(const ScaledValues<Subs * N>& values) noexcept
      : values_(values), x_(values.data()) {
    float below = 0.0f;
    float above = 0.0f;
    for (int j = 0; j < Subs; ++j) {
      wanted_[j] = best_affine<QMax, N>(x_ + j * N);
      below += wanted_[j].offset < 0.0f ? -wanted_[j].offset : 0.0f;
      above += wanted_[j].offset > 0.0f ? wanted_[j].offset : 0.0f;
    }
    const float sign = above > below ? -1.0f : 1.0f;
    float largest_scale = 0.0f;
    float largest_min = 0.0f;
    for (int j = 0; j < Subs; ++j) {
      if (sign * wanted_[j].offset > 0.0f) {
        const float scale = best_scale<UniformLevels<0, QMax>, N>(x_ + j * N);
        wanted_[j] = {scale > 0.0f ? scale : 0.0f, 0.0f};
      }
      largest_scale = wanted_[j].scale > largest_scale ? wanted_[j].scale : largest_scale;
      const float min = -sign * wanted_[j].offset;
      largest_min = min > largest_min ? min : largest_min;
    }
    constexpr float top = static_cast<float>(SMax);
    for (const float inside : {0.0f, 0.03f * top, 0.06f * top}) {
      improve(values_.half_bits(largest_scale / (top - inside)),
              values_.half_bits(sign * largest_min / (top - inside)));
    }
    if (half_is_subnormal(best_.d) || half_is_subnormal(best_.dmin)) {
      const std::uint16_t d = best_.d;
      const std::uint16_t dmin = best_.dmin;
      for (int i = -1; i <= 1; ++i) {
        for (int j = -1; j <= 1; ++j) improve(half_neighbour(d, i), half_neighbour(dmin, j));
      }
    }
  }

  const SuperAffine<Subs>& result() const noexcept { return best_; }

  /// The pair of sub-block j in scaled values, as decoded from the stored block.
  Affine pair(int j) const noexcept { return pair(best_, j); }

 private:
  Affine pair(const SuperAffine<Subs>& s, int j) const noexcept {
    return {values_.half_value(s.d) * static_cast<float>(s.scales[j]),
            -values_.half_value(s.dmin) * static_cast<float>(s.mins[j])};
  }

  // Alternates choose() and refit() while the error falls, at most 4 rounds.
  void improve(std::uint16_t d, std::uint16_t dmin) noexcept {
    float last = -1.0f;
    for (int round = 0; round < 4; ++round) {
      SuperAffine<Subs> now;
      now.d = d;
      now.dmin = dmin;
      const float error = choose(now);
      if (best_error_ < 0.0f || error < best_error_) {
        best_error_ = error;
        best_ = now;
      }
      if (last >= 0.0f && !(error < last)) return;
      last = error;
      refit(now);
      if (now.d == d && now.dmin == dmin) return;
      d = now.d;
      dmin = now.dmin;
    }
  }

  // Integer scales and mins of every sub-block for the d and dmin of s; returns the squared error.
  float choose(SuperAffine<Subs>& s) const noexcept {
    const float d = values_.half_value(s.d);
    const float dmin = values_.half_value(s.dmin);
    const float d_inverse = inverse_or_zero(d);
    const float dmin_inverse = inverse_or_zero(dmin);
    float total = 0.0f;
    for (int j = 0; j < Subs; ++j) {
      const float* x = x_ + j * N;
      float sum = 0.0f;
      for (int i = 0; i < N; ++i) sum += x[i];
      const float target = wanted_[j].scale * d_inverse;
      const int centre = UniformLevels<0, SMax>::nearest(target);
      const int side = static_cast<float>(centre) < target ? 1 : -1;
      float sub_error = -1.0f;
      const auto consider = [&](int scale, int min) {
        if (min < 0 || min > SMax) return;
        const float error = affine_error<QMax, N>(x, {d * static_cast<float>(scale), -dmin * static_cast<float>(min)});
        if (sub_error < 0.0f || error < sub_error) {
          sub_error = error;
          s.scales[j] = scale;
          s.mins[j] = min;
        }
      };
      for (const int scale : {centre, centre + side, centre - side}) {
        if (scale < 0 || scale > SMax) continue;
        // The best offset for this scale: keep the middle of the range, then regress.
        const float used = d * static_cast<float>(scale);
        Affine a{used, wanted_[j].offset + 0.5f * static_cast<float>(QMax) * (wanted_[j].scale - used)};
        a.offset = (sum - used * affine_sums<QMax, N>(x, a).q) / static_cast<float>(N);
        const float min_target = -a.offset * dmin_inverse;
        const int min = UniformLevels<0, SMax>::nearest(min_target);
        consider(scale, min);
        consider(scale, min + 1);
        consider(scale, min - 1);
      }
      total += sub_error;
    }
    return total;
  }

  // d and dmin by least squares for the scales, mins and codes of s.
  void refit(SuperAffine<Subs>& s) const noexcept {
    double uu = 0.0, uv = 0.0, vv = 0.0, xu = 0.0, xv = 0.0;
    for (int j = 0; j < Subs; ++j) {
      const float* x = x_ + j * N;
      const AffineSums a = affine_sums<QMax, N>(x, pair(s, j));
      double sum = 0.0;
      for (int i = 0; i < N; ++i) sum += static_cast<double>(x[i]);
      const double scale = s.scales[j];
      const double min = s.mins[j];
      uu += scale * scale * static_cast<double>(a.qq);
      uv -= scale * min * static_cast<double>(a.q);
      vv += min * min * N;
      xu += scale * static_cast<double>(a.xq);
      xv -= min * sum;
    }
    const double determinant = uu * vv - uv * uv;
    double d = static_cast<double>(values_.half_value(s.d));
    double dmin = static_cast<double>(values_.half_value(s.dmin));
    if (determinant > 1e-9 * uu * vv) {
      d = (xu * vv - xv * uv) / determinant;
      dmin = (xv * uu - xu * uv) / determinant;
    } else if (uu > 0.0 && vv == 0.0) {
      d = xu / uu;
    } else if (vv > 0.0 && uu == 0.0) {
      dmin = xv / vv;
    }
    // Values are below 1: anything larger is the result of an ill-conditioned system.
    if (std::fabs(d) * SMax > 4.0 || std::fabs(dmin) * SMax > 4.0) return;
    s.d = values_.half_bits(static_cast<float>(d));
    s.dmin = values_.half_bits(static_cast<float>(dmin));
  }

  const ScaledValues<Subs * N>& values_;
  const float* x_;
  Affine wanted_[Subs];
  SuperAffine<Subs> best_;
  float best_error_ = -1.0f;
};

}  // namespace detail

VLMT_END_NAMESPACE
