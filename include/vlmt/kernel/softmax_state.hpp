// Mergeable state of an online softmax. Its one user is kernel/cpu/attention_split.hpp, which merges the partial
// results of the chunks of a KV cache. Prefill tiles keep their states in arrays instead
// (kernel/cpu/attention_tile.hpp).
#pragma once

#include <cmath>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float_limits.hpp"
#include "vlmt/numeric/multiply_add.hpp"

VLMT_BEGIN_NAMESPACE

/// Over logits s_i: max = max_i s_i, sum = sum_i exp(s_i - max). The matching weighted values are
/// o = sum_i exp(s_i - max) v_i. T is float or double. The empty state has max = -inf and sum = 0.
/// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018.)
template <class T>
struct SoftmaxState {
  T max = T(-float_infinity);
  T sum = T(0.0f);
};

/// A merged state, and the factors for the weighted values: o = o_a * of_first + o_b * of_second.
template <class T>
struct SoftmaxMerge {
  SoftmaxState<T> state;
  T of_first;
  T of_second;
};

/// Merges two states; an empty state contributes nothing.
template <class T>
VLMT_HD inline SoftmaxMerge<T> merge(const SoftmaxState<T>& a, const SoftmaxState<T>& b) noexcept {
  using std::exp;
  const T max = a.max > b.max ? a.max : b.max;
  // Exactly 0 for an empty side, and for both sides if both are empty (-inf - -inf would be NaN).
  const T fa = a.sum > T(0.0f) ? exp(a.max - max) : T(0.0f);
  const T fb = b.sum > T(0.0f) ? exp(b.max - max) : T(0.0f);
  return {{max, multiply_add(a.sum, fa, b.sum * fb)}, fa, fb};
}

/// Final factor of the weighted values: 1 / sum, or 0 for a query that saw no key.
template <class T>
VLMT_HD inline T normalizer(const SoftmaxState<T>& state) noexcept {
  return state.sum > T(0.0f) ? T(1.0f) / state.sum : T(0.0f);
}

VLMT_END_NAMESPACE
