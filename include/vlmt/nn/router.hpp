// The router of an MoE layer as a type: how scores are made, how many experts are taken, how weights are normalised.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/router.hpp"
#include "vlmt/tensor/extents.hpp"

VLMT_BEGIN_NAMESPACE

/// The K best experts by score (as many as the file says if K is dynamic), their scores divided by the sum.
template <std::size_t K = dynamic, class Scores = SoftmaxScores, bool Renormalize = true>
struct TopKRouter {
  /// Experts of a token, given the number in the file.
  static constexpr std::size_t used(std::size_t in_file) noexcept { return K == dynamic ? in_file : K; }

  /// Chooses experts: logits (n, experts) is overwritten, ids and weights are (n, k).
  template <class Arch>
  void route(float* logits, std::size_t n, std::size_t experts, std::size_t k, std::int32_t* ids, float* weights,
             Member& m) const noexcept {
    vlmt::route<Arch, Scores>(logits, n, experts, {k, Renormalize, 1.0f}, ids, weights, m);
  }
};

/// What an MoE layer needs of a router.
template <class R, class Arch>
concept RouterPolicy = requires(const R& r, float* f, std::int32_t* ids, Member& m) {
  { R::used(std::size_t{}) }
  noexcept->std::convertible_to<std::size_t>;
  { r.template route<Arch>(f, std::size_t{}, std::size_t{}, std::size_t{}, ids, f, m) }
  noexcept;
};

VLMT_END_NAMESPACE
