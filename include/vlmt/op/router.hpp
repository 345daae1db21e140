// MoE routers as types: the scores, the number of experts, and the normalisation of their weights.
#pragma once

#include <concepts>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/arithmetic.hpp"
#include "vlmt/tensor/extents.hpp"

VLMT_BEGIN_NAMESPACE

/// Router scores on V: apply(logit), or apply(logit, most) with the largest logit of the row; with `normalized` the
/// results are divided by their sum over the row. One body serves references, SIMD and devices.
template <class S, class V>
concept ScoresOf = requires {
  { S::normalized } -> std::convertible_to<bool>;
}
&&(
    requires(V x) {
      { S::apply(x) }
      noexcept->std::same_as<V>;
    } ||
    requires(V x) {
      { S::apply(x, x) }
      noexcept->std::same_as<V>;
    });

/// True if the scores depend on the largest logit of the row.
template <class S>
inline constexpr bool scores_need_most_v = requires(double x) {
  S::apply(x, x);
};

/// Scores by a softmax over all experts.
struct SoftmaxScores {
  static constexpr bool normalized = true;
  template <class V>
  static VLMT_HD VLMT_INLINE V apply(V logit, V most) noexcept {
    using namespace arithmetic;
    return exp(logit - most);
  }
};

/// Scores by a sigmoid of each logit.
struct SigmoidScores {
  static constexpr bool normalized = false;
  template <class V>
  static VLMT_HD VLMT_INLINE V apply(V logit) noexcept {
    using namespace arithmetic;
    return number<V>(1.0) / (number<V>(1.0) + exp(-logit));
  }
};

/// The K experts of highest score; K = dynamic takes the number in the file. With Renormalize their weights are the
/// scores divided by the sum of the chosen, otherwise the scores. Scores turns logits into scores; see ScoresOf.
template <std::size_t K = dynamic, class ScoresType = SoftmaxScores, bool Renormalize = true>
struct TopKRouter {
  using Scores = ScoresType;
  static constexpr bool renormalize = Renormalize;

  /// Experts per token, given the number in the file.
  static constexpr std::size_t used(std::size_t in_file) noexcept { return K == dynamic ? in_file : K; }
};

/// As TopKRouter, with parameters of the layer: a bias that counts for the choice but not for the weights, experts in
/// groups of which only the best are looked at, and a factor of the weights (DeepSeek-V3, 2.1.2).
template <class ScoresType = SigmoidScores, bool Renormalize = true>
struct GroupedRouter : TopKRouter<dynamic, ScoresType, Renormalize> {
  const float* bias = nullptr;  ///< (experts), or null
  std::size_t groups = 1;       ///< groups of equal size, consecutive experts each
  std::size_t groups_used = 1;  ///< the best, by the sum of the two highest biased scores of each
  float scale = 1.0f;           ///< multiplies the weights
};

VLMT_END_NAMESPACE
