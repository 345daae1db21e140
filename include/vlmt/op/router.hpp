// MoE routers as types: the score function, the number of experts, and the normalisation of their weights.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/tensor/extents.hpp"

VLMT_BEGIN_NAMESPACE

struct SoftmaxScores;
struct SigmoidScores;

/// The K experts of highest score; K = dynamic takes the number in the file. With Renormalize their weights are the
/// scores divided by the sum of the chosen, otherwise the scores. Scores turns logits into scores; see
/// kernel/router.hpp.
template <std::size_t K = dynamic, class ScoresType = SoftmaxScores, bool Renormalize = true>
struct TopKRouter {
  using Scores = ScoresType;
  static constexpr bool renormalize = Renormalize;

  /// Experts per token, given the number in the file.
  static constexpr std::size_t used(std::size_t in_file) noexcept { return K == dynamic ? in_file : K; }
};

VLMT_END_NAMESPACE
