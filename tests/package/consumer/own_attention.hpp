// An attention variant of our own: a causal window in which far keys count less, more so in some heads than in others.
#pragma once

#include <algorithm>

#include <vlmt/kernel/attention_variant.hpp>

struct FadingWindow : vlmt::AttentionVariant {
  static constexpr int window = 96;

  // The slots that a query sees at all: tiles outside are never read.
  static constexpr vlmt::KeyRange keys(int query, int /*length*/) noexcept {
    return {std::max(0, query + 1 - window), query + 1};
  }
  // Changes a scaled logit, given where it stands.
  float score(float s, vlmt::AttentionAt at) const noexcept {
    const float slope = 0.02f * static_cast<float>(1 + at.head % 4);
    return s - slope * static_cast<float>(at.query - at.key);
  }
};
