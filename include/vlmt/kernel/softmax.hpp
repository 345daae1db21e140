// Scores of a row of logits, as a router or a softmax needs them.
#pragma once

#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/softmax.hpp"
#include "vlmt/kernel/ref/softmax.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/op/router.hpp"

VLMT_BEGIN_NAMESPACE

/// Router scores that kernels of Arch can compute: on double for arch::reference, else also on SIMD vectors.
template <class S, class Arch>
concept RouterScores = ScoresOf<S, double> && (is_reference_v<Arch> || ScoresOf<S, simd::Floats<Arch>>);

/// x = scores of n > 0 logits, on the calling thread.
template <class Arch, class Scores>
void score_row(float* x, std::size_t n) {
  static_assert(RouterScores<Scores, Arch>,
                "vlmt: router scores need a static bool normalized and template <class V> static V apply(V logit) or "
                "apply(V logit, V most), noexcept, for double and for SIMD vectors; see op/router.hpp");
  VLMT_ASSERT_LT("score_row", 0, n);
  VLMT_ASSERT_SET("score_row", x);
  if constexpr (!RouterScores<Scores, Arch>) {
    return;  // the assertion above is the one error
  } else if constexpr (is_reference_v<Arch>) {
    ref::score_row<Scores>(x, n);
  } else {
    cpu::score_row<Arch, Scores>(x, n);
  }
}

/// x = softmax(x) over n > 0 finite values, on the calling thread.
template <class Arch>
void softmax_row(float* x, std::size_t n) {
  score_row<Arch, SoftmaxScores>(x, n);
}

VLMT_END_NAMESPACE
