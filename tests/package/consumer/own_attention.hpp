// A custom attention variant: a causal window with a penalty linear in the distance, its slope depending on the head.
#pragma once

#include <vlmt/op/attention_variant.hpp>

struct FadingWindow : vlmt::AttentionVariant {
  static constexpr int window = 96;

  // The slots that a query may see: tiles entirely outside are not read.
  static VLMT_HD constexpr vlmt::KeyRange keys(int query, int /*length*/) noexcept {
    return {query + 1 > window ? query + 1 - window : 0, query + 1};
  }
  // Changes a scaled logit, given its query, key and head.
  template <class V>
  VLMT_HD V score(V s, vlmt::LogitPosition<V> at) const noexcept {
    using vlmt::arithmetic::fma, vlmt::arithmetic::min, vlmt::arithmetic::number;
    const V slope = number<V>(0.02) * (min(number<V>(3.0), at.head) + number<V>(1.0));
    return fma(slope, at.key - at.query, s);
  }
};
