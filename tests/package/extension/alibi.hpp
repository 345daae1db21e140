// An attention variant of our own: causal, with a penalty that grows with distance (Press et al., "ALiBi", 2022).
#pragma once

#include <cmath>

#include <vlmt/kernel/attention_variant.hpp>

namespace lab {

struct Alibi : vlmt::CausalAttention {
  float score(float logit, vlmt::AttentionAt at) const noexcept {
    const float slope = std::exp2(-0.5f * static_cast<float>(at.head + 1));
    return logit - slope * static_cast<float>(at.query - at.key);
  }
};

}  // namespace lab
