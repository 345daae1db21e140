// Row norms on SIMD registers.
#pragma once

#include <cmath>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/op/norm.hpp"

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

/// Moments of h values by a norm policy.
template <class Arch, class Norm, int Pass = 0>
RowMoments<> row_moments(const Norm& norm, const float* x, std::size_t h, RowMoments<> moments = {}) noexcept {
  using F = simd::Floats<Arch>;
  if constexpr (Pass == Norm::passes) {
    return moments;
  } else {
    const double sum = detail::row_sum<Arch>(
        x, h, [&norm, moments](F v, F s) VLMT_INLINE_LAMBDA { return norm.template term<Pass>(v, s, moments); });
    return row_moments<Arch, Norm, Pass + 1>(norm, x, h, norm.template finish<Pass>(sum, h, moments));
  }
}

/// Columns [column, column + count) of the row; x and y point at `column` and may be equal.
template <class Arch, class Norm>
void norm_columns(const Norm& norm, RowMoments<> moments, const float* x, std::size_t column, std::size_t count,
                  float* y) noexcept {
  using F = simd::Floats<Arch>;
  std::size_t i = 0;
  for (; i + F::lanes <= count; i += F::lanes) {
    const auto load = [&](const float* p) VLMT_INLINE_LAMBDA { return F::load(p + column + i); };
    norm.apply(F::load(x + i), moments, load).store(y + i);
  }
  if (i < count) {
    const std::size_t rest = count - i;
    const auto load = [&](const float* p) VLMT_INLINE_LAMBDA { return F::load(p + column + i, rest); };
    norm.apply(F::load(x + i, rest), moments, load).store(y + i, rest);
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
