// A custom attention variant: a causal window with a penalty linear in the distance, its slope depending on the head.
#pragma once

#include <algorithm>

#include <vlmt/op/attention_variant.hpp>

struct FadingWindow : vlmt::AttentionVariant {
  static constexpr int window = 96;

  // The slots that a query may see: tiles entirely outside are not read.
  static constexpr vlmt::KeyRange keys(int query, int /*length*/) noexcept {
    return {std::max(0, query + 1 - window), query + 1};
  }
  // Changes a scaled logit, given its query, key and head.
  float score(float s, vlmt::LogitPosition at) const noexcept {
    const float slope = 0.02f * static_cast<float>(1 + at.head % 4);
    return s - slope * static_cast<float>(at.query - at.key);
  }
};
