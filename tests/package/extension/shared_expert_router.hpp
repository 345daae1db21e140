// A router of our own: expert 0 works for every token, with half of the weight; a softmax chooses the others.
#pragma once

#include <vlmt/exec/member.hpp>
#include <vlmt/kernel/router.hpp>

namespace lab {

struct SharedExpertRouter {
  static constexpr std::size_t used(std::size_t in_file) noexcept { return in_file < 2 ? 2 : in_file; }

  template <class Arch>
  void route(float* logits, std::size_t n, std::size_t experts, std::size_t k, std::int32_t* ids, float* weights,
             vlmt::Member& m) const noexcept {
    const vlmt::Range tokens = m.share(n);
    for (std::size_t t = tokens.begin; t < tokens.end; ++t) {
      // Of the other experts, by the library's own choice on this thread alone.
      vlmt::Solo solo;
      std::int32_t* id = ids + t * k;
      float* weight = weights + t * k;
      vlmt::route<Arch, vlmt::SoftmaxScores>(logits + t * experts + 1, 1, experts - 1, {k - 1, true, 0.5f}, id + 1,
                                             weight + 1, solo.member());
      for (std::size_t j = 1; j < k; ++j) ++id[j];
      id[0] = 0;
      weight[0] = 0.5f;
    }
  }
};

}  // namespace lab
