// Mixture-of-experts routing: scores, top-k, grouping of rows by expert.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/argmax.hpp"
#include "vlmt/kernel/ref/softmax.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/softmax.hpp"
#include "vlmt/op/expert_groups.hpp"
#include "vlmt/op/router.hpp"

VLMT_BEGIN_NAMESPACE

/// Maximum experts per layer.
inline constexpr std::size_t max_experts = 1024;

namespace detail {

template <class Arch>
std::size_t argmax_lane(const float* x, std::size_t n) noexcept {
  if constexpr (is_reference_v<Arch>) {
    return ref::argmax_lane(x, n);
  } else {
    return cpu::argmax_lane<Arch>(x, n);
  }
}

}  // namespace detail

/// Top-k and weights of the chosen experts.
struct RouterOptions {
  std::size_t k = 8;            ///< experts per token, at most `experts`
  bool renormalize = true;      ///< divide the chosen scores by their sum
  float scale = 1.0f;           ///< multiplies the weights
  const float* bias = nullptr;  ///< (experts), added to the scores for the choice only; or null
  std::size_t groups = 1;       ///< groups of consecutive experts; divides `experts`
  std::size_t groups_used = 1;  ///< best groups, by the sum of their two highest scores; only their experts are chosen
};

namespace detail {

/// Sets all but the `used` best of `groups` groups of left (experts) to -inf. Ties go to the first group.
inline void keep_best_groups(float* left, std::size_t experts, std::size_t groups, std::size_t used) noexcept {
  constexpr float none = -std::numeric_limits<float>::infinity();
  const std::size_t size = experts / groups;
  float sums[max_experts];
  for (std::size_t g = 0; g < groups; ++g) {
    float first = none, second = none;
    for (std::size_t e = g * size; e < (g + 1) * size; ++e) {
      second = std::max(second, std::min(first, left[e]));
      first = std::max(first, left[e]);
    }
    sums[g] = size == 1 ? first : first + second;
  }
  for (std::size_t g = 0; g < groups; ++g) {
    std::size_t better = 0;
    for (std::size_t o = 0; o < groups; ++o) better += sums[o] > sums[g] || (sums[o] == sums[g] && o < g) ? 1 : 0;
    if (better >= used) std::fill_n(left + g * size, size, none);
  }
}

}  // namespace detail

/// Chooses the k experts with the highest scores of every token, best first; ties go to the lower index, and a score of
/// NaN ranks lowest (SoftmaxScores turn one NaN logit into NaN for all experts). `logits` (n, experts) is overwritten
/// with the scores; `ids` and `weights` are (n, k). Tokens are split across the team.
template <class Arch, class Scores>
void route(float* logits, std::size_t n, std::size_t experts, const RouterOptions& options, std::int32_t* ids,
           float* weights, Member& m = Solo().member()) {
  VLMT_ASSERT_LE("route", experts, max_experts);
  VLMT_ASSERT_LE("route", options.k, experts);
  VLMT_ASSERT_MULTIPLE("route", experts, options.groups);
  VLMT_ASSERT_LE("route", options.groups_used, options.groups);
  VLMT_ASSERT_LE("route", options.k * options.groups, experts * options.groups_used);
  if (n == 0) return;
  VLMT_ASSERT_SET("route", logits);
  VLMT_ASSERT_SET("route", ids);
  VLMT_ASSERT_SET("route", weights);
  constexpr float lowest = -std::numeric_limits<float>::max();  // replaces NaN
  const Range tokens = m.share(n);
  for (std::size_t t = tokens.begin; t < tokens.end; ++t) {
    float* scores = logits + t * experts;
    score_row<Arch, Scores>(scores, experts);
    float left[max_experts];  // scores of experts not chosen yet, -inf for the others
    for (std::size_t e = 0; e < experts; ++e) {
      const float score = options.bias == nullptr ? scores[e] : scores[e] + options.bias[e];
      left[e] = score > lowest ? score : lowest;
    }
    if (options.groups > 1) detail::keep_best_groups(left, experts, options.groups, options.groups_used);
    double sum = 0.0;
    for (std::size_t j = 0; j < options.k; ++j) {
      const std::size_t best = detail::argmax_lane<Arch>(left, experts);
      left[best] = -std::numeric_limits<float>::infinity();
      ids[t * options.k + j] = static_cast<std::int32_t>(best);
      weights[t * options.k + j] = scores[best];
      sum += static_cast<double>(scores[best]);
    }
    for (std::size_t j = 0; j < options.k; ++j) {
      const double w = static_cast<double>(weights[t * options.k + j]);
      const double share = options.renormalize ? (sum > 0.0 ? w / sum : 0.0) : w;
      weights[t * options.k + j] = static_cast<float>(share * static_cast<double>(options.scale));
    }
  }
}

/// Fills `groups` from ids (n, k), each in [0, groups.experts), by a stable counting sort: token order is kept. Every
/// member counts all choices and writes those of its share of the experts.
inline void group_by_expert(const std::int32_t* ids, std::size_t n, std::size_t k, const ExpertGroups& groups,
                            Member& m = Solo().member()) {
  VLMT_ASSERT_LE("group_by_expert", groups.experts, max_experts);
  VLMT_ASSERT_SET("group_by_expert", groups.offsets);
  VLMT_ASSERT_SET("group_by_expert", groups.tokens);
  VLMT_ASSERT_SET("group_by_expert", groups.positions);
  std::int32_t next[max_experts + 1] = {};
  for (std::size_t i = 0; i < n * k; ++i) {
    VLMT_ASSERT_LE("group_by_expert", 0, ids[i]);
    VLMT_ASSERT_LT("group_by_expert", ids[i], groups.experts);
    ++next[static_cast<std::size_t>(ids[i]) + 1];
  }
  for (std::size_t e = 0; e < groups.experts; ++e) next[e + 1] += next[e];
  const Range mine = m.share(groups.experts);
  for (std::size_t e = mine.begin; e < mine.end; ++e) groups.offsets[e] = next[e];
  if (mine.end == groups.experts) groups.offsets[groups.experts] = next[groups.experts];
  for (std::size_t i = 0; i < n * k; ++i) {
    const auto e = static_cast<std::size_t>(ids[i]);
    if (e < mine.begin || e >= mine.end) continue;
    const std::int32_t row = next[e]++;
    groups.tokens[row] = static_cast<std::int32_t>(i / k);
    groups.positions[i] = row;
  }
}

/// A user's own router: ids and weights (n, k) from logits (n, experts), which it may overwrite, as a loop over rows
/// for the members of a team. Such a router runs on the CPU only; TopKRouter is a value that every backend can compute.
template <class R, class Arch>
concept RowRouter = requires(const R& r, float* f, std::int32_t* ids, Member& m) {
  { r.template route<Arch>(f, std::size_t{}, std::size_t{}, std::size_t{}, ids, f, m) }
  noexcept;
};

/// Requirements on the router of an MoE layer: the experts used per token, and what a TopKRouter names or a loop.
template <class R, class Arch>
concept RouterPolicy = requires {
  { R::used(std::size_t{}) }
  noexcept->std::convertible_to<std::size_t>;
}
&&(RowRouter<R, Arch> || requires {
  typename R::Scores;
  { R::renormalize } -> std::convertible_to<bool>;
});

/// Routes by the policy `router`; see RouterPolicy.
template <class Arch, class Router>
void route_by(const Router& router, float* logits, std::size_t n, std::size_t experts, std::size_t k, std::int32_t* ids,
              float* weights, Member& m) {
  static_assert(RouterPolicy<Router, Arch>,
                "vlmt: a router needs a static used(in_file) and route<Arch>(logits, n, experts, k, ids, weights, m) "
                "const, both noexcept; or the members of TopKRouter in op/router.hpp");
  if constexpr (RowRouter<Router, Arch>) {
    router.template route<Arch>(logits, n, experts, k, ids, weights, m);
  } else if constexpr (RouterPolicy<Router, Arch>) {
    RouterOptions options{.k = k, .renormalize = Router::renormalize};
    if constexpr (requires { router.groups_used; }) {
      options.scale = router.scale;
      options.bias = router.bias;
      options.groups = router.groups;
      options.groups_used = router.groups_used;
    }
    route<Arch, typename Router::Scores>(logits, n, experts, options, ids, weights, m);
  }
}

VLMT_END_NAMESPACE
