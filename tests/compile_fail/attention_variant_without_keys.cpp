// An attention variant without keys(), the range of keys of a query.
// expect: vlmt: an attention variant needs KeyRange keys(int query, int length) const noexcept; derive it from
#include "vlmt/kernel/attention.hpp"

#if VLMT_FIXED
struct Doubled : vlmt::CausalAttention {
#else
struct Doubled {
#endif
  template <class V>
  V logit(V s) const noexcept {
    return s + s;
  }
};

void attend(const vlmt::QueryRows& q, const vlmt::KvView& kv, float* out, const vlmt::AttentionScratch& scratch) {
  vlmt::attention<vlmt::arch::native>(Doubled{}, q, kv, 0.125f, nullptr, vlmt::F32Rows{out, 64}, scratch);
}
