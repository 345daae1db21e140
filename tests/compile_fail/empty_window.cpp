// A sliding window that excludes the query's own slot.
// expect: vlmt: a sliding window holds at least the query's own slot
#include "vlmt/op/attention_variant.hpp"

#if VLMT_FIXED
using Variant = vlmt::SlidingWindow<1>;
#else
using Variant = vlmt::SlidingWindow<0>;
#endif

constexpr Variant variant{};
