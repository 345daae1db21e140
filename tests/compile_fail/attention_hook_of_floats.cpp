// An attention variant whose hook takes only floats.
// expect: vlmt: hooks of an attention variant are arithmetic: template <class V> V logit(V s), V score(V s,
#include "vlmt/kernel/attention.hpp"

struct Halved : vlmt::CausalAttention {
#if VLMT_FIXED
  template <class V>
  V logit(V s) const noexcept {
    return s * vlmt::arithmetic::number<V>(0.5);
  }
#else
  float logit(float s) const noexcept { return s * 0.5f; }
#endif
};

void attend(const vlmt::QueryRows& q, const vlmt::KvView& kv, float* out, const vlmt::AttentionScratch& scratch) {
  vlmt::attention<vlmt::arch::native>(Halved{}, q, kv, 0.125f, nullptr, vlmt::F32Rows{out, 64}, scratch);
}
