// Router scores that may throw inside a kernel.
// expect: vlmt: router scores need a static apply<Arch>(float* scores, std::size_t experts) noexcept; see
#include "vlmt/kernel/router.hpp"

struct Scores {
  template <class Arch>
#if VLMT_FIXED
  static void apply(float* scores, std::size_t experts) noexcept {
#else
  static void apply(float* scores, std::size_t experts) {
#endif
      for (std::size_t e = 0; e < experts; ++e) scores[e] = -scores[e];
}
}
;

void choose(float* logits, std::int32_t* ids, float* weights) {
  vlmt::route<vlmt::arch::native, Scores>(logits, 1, 8, {2, true, 1.0f}, ids, weights);
}
