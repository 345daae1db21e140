// A custom router: the K best experts with equal weights.
#pragma once

#include <algorithm>

#include <vlmt/exec/member.hpp>

template <std::size_t K>
struct EvenRouter {
  // Experts per token, whatever the number in the file.
  static constexpr std::size_t used(std::size_t /*in_file*/) noexcept { return K; }

  // logits (n, experts), may be overwritten; ids and weights (n, k).
  template <class Arch>
  void route(float* logits, std::size_t n, std::size_t experts, std::size_t k, std::int32_t* ids, float* weights,
             vlmt::Member& m) const noexcept {
    const vlmt::Range tokens = m.share(n);
    for (std::size_t t = tokens.begin; t < tokens.end; ++t) {
      const float* row = logits + t * experts;
      for (std::size_t j = 0; j < k; ++j) {
        std::size_t best = experts;
        for (std::size_t e = 0; e < experts; ++e) {
          const bool taken = std::find(ids + t * k, ids + t * k + j, static_cast<std::int32_t>(e)) != ids + t * k + j;
          if (!taken && (best == experts || row[e] > row[best])) best = e;
        }
        ids[t * k + j] = static_cast<std::int32_t>(best);
        weights[t * k + j] = 1.0f / static_cast<float>(k);
      }
    }
  }
};
