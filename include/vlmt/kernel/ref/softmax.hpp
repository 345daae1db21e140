// Scalar scores and argmax of rows of logits.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/op/router.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// p = scores of n > 0 logits, in place.
template <class Scores>
void score_row(float* p, std::size_t n) noexcept {
  double most = static_cast<double>(p[0]);
  for (std::size_t i = 1; i < n; ++i) most = std::fmax(most, static_cast<double>(p[i]));
  const auto score = [&](float logit) {
    if constexpr (scores_need_most_v<Scores>) {
      return Scores::apply(static_cast<double>(logit), most);
    } else {
      return Scores::apply(static_cast<double>(logit));
    }
  };
  double sum = Scores::normalized ? 0.0 : 1.0;
  for (std::size_t i = 0; Scores::normalized && i < n; ++i) sum += score(p[i]);
  for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<float>(score(p[i]) / sum);
}

/// The lowest index of the largest of n > 0 values, none of them NaN.
inline std::size_t argmax_lane(const float* x, std::size_t n) noexcept {
  std::size_t best = 0;
  for (std::size_t i = 1; i < n; ++i) best = x[i] > x[best] ? i : best;
  return best;
}

}  // namespace ref

VLMT_END_NAMESPACE
