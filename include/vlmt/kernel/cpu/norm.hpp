// Row norms on SIMD registers.
#pragma once

#include <cmath>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/row_moments.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// Sum over a row; term(v, s) adds the terms of vector v to the partial sums s. Four vectors of float sums are flushed
/// to a double every 64 vectors: errors stay near 1e-7 for any h. The tail is added one element at a time.
template <class Arch, class Term>
VLMT_INLINE double row_sum(const float* x, std::size_t h, const Term& term) noexcept {
  using F = simd::Floats<Arch>;
  constexpr std::size_t lanes = F::lanes;
  constexpr std::size_t block = 4 * lanes;
  constexpr std::size_t flush = 16 * block;  // values between two flushes
  double total = 0.0;
  std::size_t i = 0;
  while (i + block <= h) {
    F s[4] = {F::zero(), F::zero(), F::zero(), F::zero()};
    const std::size_t stop = h - i < flush ? h : i + flush;
    for (; i + block <= stop; i += block) {
      for (std::size_t k = 0; k < 4; ++k) s[k] = term(F::load(x + i + k * lanes), s[k]);
    }
    total += static_cast<double>(reduce_add((s[0] + s[1]) + (s[2] + s[3])));
  }
  F s = F::zero();
  for (; i + lanes <= h; i += lanes) s = term(F::load(x + i), s);
  total += static_cast<double>(reduce_add(s));
  for (; i < h; ++i) {
    // Only lane 0 counts: lanes past the end must not add anything.
    const F one = term(F(x[i]), F::zero());
    alignas(64) float lane[lanes];
    one.store(lane);
    total += static_cast<double>(lane[0]);
  }
  return total;
}

}  // namespace detail

/// 1 / sqrt(mean(x^2) + eps) of h values.
template <class Arch>
float rms_inverse(const float* x, std::size_t h, float eps) noexcept {
  using F = simd::Floats<Arch>;
  const double sum = detail::row_sum<Arch>(x, h, [](F v, F s) VLMT_INLINE_LAMBDA { return fma(v, v, s); });
  return static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(h) + static_cast<double>(eps)));
}

/// y = x * inverse * weight over count values; x and y may be equal.
template <class Arch>
void rms_apply(const float* x, const float* weight, float inverse, std::size_t count, float* y) noexcept {
  using F = simd::Floats<Arch>;
  std::size_t i = 0;
  for (; i + F::lanes <= count; i += F::lanes) (F::load(x + i) * F(inverse) * F::load(weight + i)).store(y + i);
  if (i < count) {
    const std::size_t rest = count - i;
    (F::load(x + i, rest) * F(inverse) * F::load(weight + i, rest)).store(y + i, rest);
  }
}

/// Mean and 1 / sqrt(variance + eps) of h values, in two passes.
template <class Arch>
RowMoments layer_moments(const float* x, std::size_t h, float eps) noexcept {
  using F = simd::Floats<Arch>;
  const double n = static_cast<double>(h);
  const auto mean =
      static_cast<float>(detail::row_sum<Arch>(x, h, [](F v, F s) VLMT_INLINE_LAMBDA { return s + v; }) / n);
  const double squares = detail::row_sum<Arch>(x, h, [mean](F v, F s) VLMT_INLINE_LAMBDA {
    const F d = v - F(mean);
    return fma(d, d, s);
  });
  return {mean, static_cast<float>(1.0 / std::sqrt(squares / n + static_cast<double>(eps)))};
}

/// y = (x - mean) * inverse * weight + bias over count values; x and y may be equal.
template <class Arch>
void layer_apply(const float* x, const float* weight, const float* bias, RowMoments s, std::size_t count,
                 float* y) noexcept {
  using F = simd::Floats<Arch>;
  std::size_t i = 0;
  for (; i + F::lanes <= count; i += F::lanes) {
    const F d = (F::load(x + i) - F(s.mean)) * F(s.inverse);
    fma(d, F::load(weight + i), F::load(bias + i)).store(y + i);
  }
  if (i < count) {
    const std::size_t rest = count - i;
    const F d = (F::load(x + i, rest) - F(s.mean)) * F(s.inverse);
    fma(d, F::load(weight + i, rest), F::load(bias + i, rest)).store(y + i, rest);
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
