// MoE routers as types: the score function, the number of experts, and the normalisation of their weights.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/router.hpp"
#include "vlmt/tensor/extents.hpp"

VLMT_BEGIN_NAMESPACE

/// The K experts of highest score; K = dynamic takes the number in the file. With Renormalize their weights are the
/// scores divided by the sum of the chosen, otherwise the scores.
template <std::size_t K = dynamic, class Scores = SoftmaxScores, bool Renormalize = true>
struct TopKRouter {
  /// Experts per token, given the number in the file.
  static constexpr std::size_t used(std::size_t in_file) noexcept { return K == dynamic ? in_file : K; }

  /// Writes ids (n, k) and weights (n, k) for n tokens. Overwrites logits (n, experts).
  template <class Arch>
  void route(float* logits, std::size_t n, std::size_t experts, std::size_t k, std::int32_t* ids, float* weights,
             Member& m) const noexcept {
    vlmt::route<Arch, Scores>(logits, n, experts, {k, Renormalize, 1.0f}, ids, weights, m);
  }
};

/// Requirements on a router of an MoE layer.
template <class R, class Arch>
concept RouterPolicy = requires(const R& r, float* f, std::int32_t* ids, Member& m) {
  { R::used(std::size_t{}) }
  noexcept->std::convertible_to<std::size_t>;
  { r.template route<Arch>(f, std::size_t{}, std::size_t{}, std::size_t{}, ids, f, m) }
  noexcept;
};

VLMT_END_NAMESPACE
