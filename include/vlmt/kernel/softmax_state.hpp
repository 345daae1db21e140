// Mergeable state of an online softmax: of the chunks of a KV cache (kernel/cpu/attention_split.hpp), of attention over
// parts of the keys (kernel/merge_attention.hpp). Prefill tiles keep their states in arrays, in base 2
// (kernel/cpu/attention_tile.hpp).
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float_limits.hpp"
#include "vlmt/numeric/multiply_add.hpp"
#include "vlmt/op/attention_variant.hpp"

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

/// Natural logarithm of sum_i exp(s_i); -infinity for the empty state.
template <class T>
VLMT_HD inline T log_sum(const SoftmaxState<T>& state) noexcept {
  using std::log;
  return state.max + log(state.sum);
}

/// The state whose log_sum is x.
template <class T>
VLMT_HD inline SoftmaxState<T> state_of_log_sum(T x) noexcept {
  if (x == T(-float_infinity)) return {};
  return {x, T(1.0f)};
}

/// State of the softmax of a query of `head` before its first key: the sink of the variant, if it has one.
template <class T, class Variant>
VLMT_HD inline SoftmaxState<T> first_state([[maybe_unused]] const Variant& variant,
                                           [[maybe_unused]] std::size_t head) noexcept {
  if constexpr (has_sink_v<Variant>) {
    constexpr bool fits = requires {
      { variant.sink(head) } noexcept -> std::same_as<float>;
    };
    static_assert(fits,
                  "vlmt: the sink of an attention variant is float sink(std::size_t head) const noexcept; see "
                  "op/attention_variant.hpp");
    if constexpr (fits) return state_of_log_sum(static_cast<T>(variant.sink(head)));
  }
  return {};
}

VLMT_END_NAMESPACE
