// Router scores that may throw inside a kernel.
// expect: vlmt: router scores need a static bool normalized and template <class V> static V apply(V logit) or apply(V
#include "vlmt/kernel/router.hpp"

struct Scores {
  static constexpr bool normalized = false;
  template <class V>
  static V apply(V logit) noexcept(VLMT_FIXED) {
    return -logit;
  }
};

void choose(float* logits, std::int32_t* ids, float* weights) {
  vlmt::route<vlmt::arch::native, Scores>(logits, 1, 8, {2, true, 1.0f}, ids, weights);
}
