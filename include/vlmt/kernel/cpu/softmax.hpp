// Scores of rows of logits on SIMD registers.
#pragma once

#include <cstddef>
#include <limits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/op/router.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// Maximum of n values; the lowest float if there is none above it.
template <class Arch>
float max_of_row(const float* x, std::size_t n) noexcept {
  using F = simd::Floats<Arch>;
  constexpr float lowest = -std::numeric_limits<float>::max();
  const std::size_t whole = n / F::lanes * F::lanes;
  float most = lowest;
  if (whole != 0) {
    F v(lowest);
    for (std::size_t i = 0; i < whole; i += F::lanes) v = max(v, F::load(x + i));
    most = reduce_max(v);
  }
  for (std::size_t i = whole; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

}  // namespace detail

/// x = scores of n > 0 logits, in place.
template <class Arch, class Scores>
void score_row(float* x, std::size_t n) noexcept {
  using F = simd::Floats<Arch>;
  const std::size_t whole = n / F::lanes * F::lanes;
  float most = 0.0f;
  if constexpr (scores_need_most_v<Scores>) most = detail::max_of_row<Arch>(x, n);
  const auto score = [&](F logit) VLMT_INLINE_LAMBDA {
    if constexpr (scores_need_most_v<Scores>) {
      return Scores::apply(logit, F(most));
    } else {
      return Scores::apply(logit);
    }
  };
  F partial = F::zero();
  for (std::size_t i = 0; i < whole; i += F::lanes) {
    const F s = score(F::load(x + i));
    s.store(x + i);
    if constexpr (Scores::normalized) partial += s;
  }
  if (whole < n) score(F::load(x + whole, n - whole)).store(x + whole, n - whole);
  if constexpr (Scores::normalized) {
    double sum = static_cast<double>(reduce_add(partial));
    for (std::size_t i = whole; i < n; ++i) sum += static_cast<double>(x[i]);
    const F inverse(static_cast<float>(1.0 / sum));
    for (std::size_t i = 0; i < whole; i += F::lanes) (F::load(x + i) * inverse).store(x + i);
    if (whole < n) (F::load(x + whole, n - whole) * inverse).store(x + whole, n - whole);
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
