// Attention variants of the library, against the reference and against their own meaning.
#include "attention_cases.hpp"

namespace {

using namespace vlmt;
using namespace vlmt_test;

struct Nothing : AttentionVariant {
  static constexpr KeyRange keys(int, int) noexcept { return {3, 3}; }
};

/// Names slots before the first and after the last one.
struct AllAround : AttentionVariant {
  static constexpr KeyRange keys(int query, int length) noexcept { return {query - 400, length + 20}; }
};

template <class Arch>
class Variants : public ::testing::Test {};
TYPED_TEST_SUITE(Variants, Best);

TYPED_TEST(Variants, MatchTheReference) {
  const AttentionCase c = AttentionCase::example<TypeParam>();
  const auto check = [&]<class Variant>(const Variant& variant, const char* name) {
    const auto want = c.template prefill<arch::reference>(variant);
    EXPECT_LE(relative_l2(c.template prefill<TypeParam>(variant), want), attention_tolerance) << name;
    EXPECT_LE(relative_l2(c.template split<TypeParam>(variant), want), attention_tolerance) << name;
  };
  check(FullAttention{}, "full");
  check(SlidingWindow<33>{}, "window 33");
  check(SlidingWindow<257>{}, "window 257");
  SoftCapped<SlidingWindow<100>> capped;
  capped.cap = 2.0f;
  check(capped, "capped window");
}

TYPED_TEST(Variants, HaveTheirDefinedEffect) {
  const AttentionCase c = AttentionCase::example<TypeParam>();
  const auto causal = c.template prefill<TypeParam>(CausalAttention{});
  // A window over the whole sequence equals causal attention; a window of one gives the value of the token itself.
  EXPECT_EQ(c.template prefill<TypeParam>(SlidingWindow<1000>{}), causal);
  const auto own = c.template prefill<TypeParam>(SlidingWindow<1>{});
  for (std::size_t t = 0; t < c.n; ++t) {
    const auto* value = reinterpret_cast<const float*>(c.kv.value_row(0, static_cast<std::size_t>(c.start) + t));
    for (std::size_t i = 0; i < c.dim; ++i) EXPECT_FLOAT_EQ(own[t * 2 * c.dim + i], value[i]);
  }
}

// Slots that were never written hold NaN here.
TYPED_TEST(Variants, SlotsOutsideTheCacheAreLeftOut) {
  AttentionCase c = AttentionCase::example<TypeParam>();
  c.capacity = 2 * (static_cast<std::size_t>(c.start) + c.n);
  c.fill(11);
  const auto want = c.template prefill<TypeParam>(FullAttention{});
  EXPECT_EQ(c.template prefill<TypeParam>(AllAround{}), want);
  EXPECT_EQ(c.template split<TypeParam>(AllAround{}), c.template split<TypeParam>(FullAttention{}));
  EXPECT_EQ(c.template prefill<arch::reference>(AllAround{}), c.template prefill<arch::reference>(FullAttention{}));
}

TYPED_TEST(Variants, AQueryThatSeesNothingGivesZeros) {
  const AttentionCase c = AttentionCase::example<TypeParam>();
  const std::vector<float> zeros(c.n * c.heads * c.dim, 0.0f);
  EXPECT_EQ(c.template prefill<arch::reference>(Nothing{}), zeros);
  EXPECT_EQ(c.template prefill<TypeParam>(Nothing{}), zeros);
  EXPECT_EQ(c.template split<TypeParam>(Nothing{}), zeros);
  const std::vector<std::int32_t> segments = {0, 10};  // all queries lie after the only segment
  const SegmentedAttention outside{segments.data(), 1};
  EXPECT_EQ(c.template prefill<TypeParam>(outside), zeros);
}

// Keys and values in place in the output of a fused projection, segments of several images, no cache.
TYPED_TEST(Variants, SegmentsOfFusedRows) {
  for (const std::size_t dim : {64u, 72u}) {
    const std::size_t heads = 3, n = 203, stride = 3 * heads * dim;
    auto qkv = gaussian(n * stride, 6);
    const std::vector<std::int32_t> segments = {0, 100, 101, 203};
    const KvView kv{kv_rows_of_activations<TypeParam>(qkv.data() + heads * dim, dim, stride),
                    kv_rows_of_activations<TypeParam>(qkv.data() + 2 * heads * dim, dim, stride), heads, dim, n};
    const QueryRows q{qkv.data(), stride, n, heads};
    std::vector<float> want(n * heads * dim), got(want.size()), tiles(attention_tile_floats(dim));
    const SegmentedAttention variant{segments.data(), segments.size() - 1};
    attention<arch::reference>(variant, q, kv, 0.125f, nullptr, F32Rows{want.data(), heads * dim}, {tiles.data()});
    attention<TypeParam>(variant, q, kv, 0.125f, nullptr, F32Rows{got.data(), heads * dim}, {tiles.data()});
    EXPECT_LE(relative_l2(got, want), attention_tolerance);
    // A segment of one patch attends to itself.
    for (std::size_t i = 0; i < heads * dim; ++i) {
      EXPECT_FLOAT_EQ(got[100 * heads * dim + i], qkv[100 * stride + 2 * heads * dim + i]);
    }
  }
}

}  // namespace
