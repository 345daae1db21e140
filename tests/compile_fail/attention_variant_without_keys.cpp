// An attention variant without keys(), the range of keys of a query.
// expect: vlmt: an attention variant needs KeyRange keys(int query, int length) const noexcept; derive it from
#include "vlmt/kernel/attention.hpp"

#if VLMT_FIXED
struct Strided : vlmt::CausalAttention {
#else
struct Strided {
#endif
  static constexpr bool visible(int query, int key) noexcept { return (query - key) % 2 == 0; }
};

void attend(const vlmt::QueryRows& q, const vlmt::KvView& kv, float* out, const vlmt::AttentionScratch& scratch) {
  vlmt::attention<vlmt::arch::native>(Strided{}, q, kv, 0.125f, nullptr, vlmt::F32Rows{out, 64}, scratch);
}
