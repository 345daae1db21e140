// User-written attention hooks, each against the reference and against its own meaning; a paged cache; softmax states.
#include "attention_cases.hpp"

namespace {

using namespace vlmt;
using namespace vlmt_test;

struct Causal2Of3 : CausalAttention {  // a mask inside the key range
  bool visible(int query, int key) const noexcept { return key == query || key % 3 != 0; }
};
struct Alibi : CausalAttention {
  float score(float s, LogitPosition at) const noexcept {
    return s - 0.1f * static_cast<float>(at.head + 1) * static_cast<float>(at.query - at.key);
  }
};
struct HalvedQueriesDoubledKeys : CausalAttention {  // no effect: the factors cancel and are powers of two
  void query(float* x, std::size_t dim, int) const noexcept {
    for (std::size_t i = 0; i < dim; ++i) x[i] *= 0.5f;
  }
  void key(float* x, std::size_t dim, int) const noexcept {
    for (std::size_t i = 0; i < dim; ++i) x[i] *= 2.0f;
  }
};
/// Views a contiguous cache as pages of 12 slots.
struct PagedView {
  KvView kv;
  std::size_t kv_heads() const noexcept { return kv.heads; }
  std::size_t head_dim() const noexcept { return kv.dim; }
  const KvLeaf& key_leaf() const noexcept { return *kv.keys.leaf; }
  const KvLeaf& value_leaf() const noexcept { return *kv.values.leaf; }
  static std::size_t in_page(std::size_t first, std::size_t n) noexcept { return std::min(n, 12 - first % 12); }
  KvRun key_run(std::size_t h, std::size_t first, std::size_t n) const noexcept {
    return kv.key_run(h, first, in_page(first, n));
  }
  KvRun value_run(std::size_t h, std::size_t first, std::size_t n) const noexcept {
    return kv.value_run(h, first, in_page(first, n));
  }
  std::byte* key_row(std::size_t h, std::size_t s) const noexcept { return kv.key_row(h, s); }
  std::byte* value_row(std::size_t h, std::size_t s) const noexcept { return kv.value_row(h, s); }
};
static_assert(KvSource<PagedView>);

template <class Arch>
class Hooks : public ::testing::Test {};
TYPED_TEST_SUITE(Hooks, Best);

TYPED_TEST(Hooks, MatchTheReference) {
  const AttentionCase c = AttentionCase::example<TypeParam>();
  const auto check = [&]<class Variant>(const Variant& variant, const char* name) {
    const auto want = c.template prefill<arch::reference>(variant);
    EXPECT_LE(relative_l2(c.template prefill<TypeParam>(variant), want), attention_tolerance) << name;
    EXPECT_LE(relative_l2(c.template split<TypeParam>(variant), want), attention_tolerance) << name;
  };
  check(Causal2Of3{}, "visible");
  check(Alibi{}, "score");
  check(HalvedQueriesDoubledKeys{}, "query and key");
}

TYPED_TEST(Hooks, HaveTheirDefinedEffect) {
  const AttentionCase c = AttentionCase::example<TypeParam>();
  const auto causal = c.template prefill<TypeParam>(CausalAttention{});
  EXPECT_EQ(c.template prefill<TypeParam>(HalvedQueriesDoubledKeys{}), causal);
  EXPECT_GT(relative_l2(c.template prefill<TypeParam>(Alibi{}), causal), 1e-2);
  EXPECT_GT(relative_l2(c.template prefill<TypeParam>(Causal2Of3{}), causal), 1e-2);
}

TYPED_TEST(Hooks, APagedCacheGivesTheSameBits) {
  const AttentionCase c = AttentionCase::example<TypeParam>();
  const PagedView paged{c.kv};
  std::vector<float> tiles(attention_tile_floats(c.dim));
  std::vector<float> partials(attention_partial_floats(c.n, c.heads, c.dim, c.capacity));
  std::vector<float> got(c.n * c.heads * c.dim);
  const AttentionScratch scratch{tiles.data(), partials.data(), c.capacity};
  const F32Rows out{got.data(), c.heads * c.dim};
  attention<TypeParam>(CausalAttention{}, c.rows(), paged, c.scale, &c.start, out, scratch);
  EXPECT_EQ(got, c.template prefill<TypeParam>(CausalAttention{}));
  attention_split<TypeParam>(CausalAttention{}, c.rows(), paged, c.scale, &c.start, scratch);
  attention_merge<TypeParam>(CausalAttention{}, c.rows(), paged, c.scale, &c.start, out, scratch);
  EXPECT_EQ(got, c.template split<TypeParam>(CausalAttention{}));
}

TEST(SoftmaxStates, MergeInAnyGrouping) {
  const std::vector<float> s = {0.5f, -3.0f, 80.0f, 79.0f, -100.0f, 2.0f};
  SoftmaxState<double> all;
  for (const float x : s) all = merge(all, SoftmaxState<double>{static_cast<double>(x), 1.0}).state;
  double sum = 0.0;
  for (const float x : s) sum += std::exp(static_cast<double>(x) - 80.0);
  EXPECT_EQ(all.max, 80.0);
  EXPECT_NEAR(all.sum, sum, 1e-12);
  const auto with_empty = merge(all, SoftmaxState<double>{});
  EXPECT_EQ(with_empty.state.sum, all.sum);
  EXPECT_EQ(with_empty.of_first, 1.0);
  EXPECT_EQ(with_empty.of_second, 0.0);
  const auto empty = merge(SoftmaxState<double>{}, SoftmaxState<double>{});
  EXPECT_EQ(empty.state.sum, 0.0);
  EXPECT_EQ(normalizer(empty.state), 0.0);
}

}  // namespace
