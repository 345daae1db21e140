// An attention variant whose sink is a double.
// expect: vlmt: the sink of an attention variant is float sink(std::size_t head) const noexcept
#include "vlmt/kernel/attention.hpp"

struct WithSink : vlmt::CausalAttention {
#if VLMT_FIXED
  float sink(std::size_t) const noexcept { return 0.5f; }
#else
  double sink(std::size_t) const noexcept { return 0.5; }
#endif
};

void attend(const vlmt::QueryRows& q, const vlmt::KvView& kv, float* out, const vlmt::AttentionScratch& scratch) {
  vlmt::attention<vlmt::arch::native>(WithSink{}, q, kv, 0.125f, nullptr, vlmt::F32Rows{out, 64}, scratch);
}
