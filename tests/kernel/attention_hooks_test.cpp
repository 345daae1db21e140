// User-written attention hooks, each against the reference and against its own meaning; a paged cache; softmax states.
#include "attention_cases.hpp"

namespace {

using namespace vlmt;
using namespace vlmt_test;

using arithmetic::floor, arithmetic::fma, arithmetic::number;

struct Causal2Of3 : CausalAttention {  // a mask inside the key range
  template <class V>
  auto visible(V query, V key) const noexcept {
    return (key == query) | (key > floor(key / number<V>(3.0)) * number<V>(3.0));
  }
};
struct Alibi : CausalAttention {
  template <class V>
  V score(V s, LogitPosition<V> at) const noexcept {
    return fma(number<V>(-0.125) * (at.head + number<V>(1.0)), at.query - at.key, s);
  }
};
struct HalvedQueriesDoubledKeys : CausalAttention {  // no effect: the factors cancel and are powers of two
  template <class V, class Load>
  V query(V x, int, const Load&) const noexcept {
    return x * number<V>(0.5);
  }
  template <class V, class Load>
  V key(V x, int, const Load&) const noexcept {
    return x * number<V>(2.0);
  }
};

/// Columns of queries and keys are weighted; keys also by the parity of their slot.
struct WeightedColumns : CausalAttention {
  const float* weights = nullptr;
  template <class V, class Load>
  V query(V x, int, const Load& load) const noexcept {
    return x * load(weights);
  }
  template <class V, class Load>
  V key(V x, int slot, const Load& load) const noexcept {
    return x * load(weights) * number<V>(slot % 2 == 0 ? 0.5 : 2.0);
  }
};
/// The same as loops over rows.
struct WeightedColumnsLoops : CausalAttention {
  const float* weights = nullptr;
  std::size_t columns = 0;
  void query(float* x, std::size_t dim, int) const noexcept {
    EXPECT_EQ(dim, columns);
    for (std::size_t i = 0; i < dim; ++i) x[i] *= weights[i];
  }
  void key(float* x, std::size_t dim, int slot) const noexcept {
    for (std::size_t i = 0; i < dim; ++i) x[i] = x[i] * weights[i] * (slot % 2 == 0 ? 0.5f : 2.0f);
  }
};

/// A quarter turn of each pair of a query in odd slots, and other weights for each pair of a key.
template <class PairingType>
struct TurnedPairs : CausalAttention {
  using Pairing = PairingType;
  const float* weights = nullptr;
  template <class V, class Load>
  ElementPair<V> query(ElementPair<V> x, int slot, const Load&) const noexcept {
    return slot % 2 == 0 ? x : ElementPair<V>{-x.second, x.first};
  }
  template <class V, class Load>
  ElementPair<V> key(ElementPair<V> x, int, const Load& load) const noexcept {
    return {x.first * load(weights), x.second * number<V>(2.0)};
  }
};
template <class PairingType>
struct TurnedPairsLoops : CausalAttention {
  const float* weights = nullptr;
  void query(float* x, std::size_t dim, int slot) const noexcept {
    for (std::size_t i = 0; i < dim / 2 && slot % 2 != 0; ++i) {
      const float first = x[PairingType::first(i, dim / 2)], second = x[PairingType::second(i, dim / 2)];
      x[PairingType::first(i, dim / 2)] = -second;
      x[PairingType::second(i, dim / 2)] = first;
    }
  }
  void key(float* x, std::size_t dim, int) const noexcept {
    for (std::size_t i = 0; i < dim / 2; ++i) {
      x[PairingType::first(i, dim / 2)] *= weights[i];
      x[PairingType::second(i, dim / 2)] *= 2.0f;
    }
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
  const std::vector<float> weights = gaussian(c.dim, 5);
  check(WeightedColumns{{}, weights.data()}, "elements");
  check(TurnedPairs<RopeHalves>{{}, weights.data()}, "halves");
  check(TurnedPairs<RopePairs>{{}, weights.data()}, "pairs");
}

// Hooks of elements and pairs give the bits of loops over rows. Half of the 42 columns is no multiple of a vector.
TYPED_TEST(Hooks, ElementsAndPairsEqualLoops) {
  AttentionCase c;
  c.n = 5, c.heads = 2, c.dim = 42, c.start = 100;
  c.key = c.value = &kv_leaf<F32, TypeParam>();
  c.fill(12);
  const std::vector<float> weights = gaussian(c.dim, 6);
  const auto check = [&]<class Variant, class Loops>(const Variant& variant, const Loops& loops, const char* name) {
    const auto want = c.template prefill<TypeParam>(loops);
    EXPECT_GT(relative_l2(want, c.template prefill<TypeParam>(CausalAttention{})), 1e-2) << name;
    EXPECT_EQ(c.template prefill<TypeParam>(variant), want) << name;
    EXPECT_EQ(c.template split<TypeParam>(variant), c.template split<TypeParam>(loops)) << name;
    EXPECT_EQ(c.template prefill<arch::reference>(variant), c.template prefill<arch::reference>(loops)) << name;
  };
  check(WeightedColumns{{}, weights.data()}, WeightedColumnsLoops{{}, weights.data(), c.dim}, "elements");
  check(TurnedPairs<RopeHalves>{{}, weights.data()}, TurnedPairsLoops<RopeHalves>{{}, weights.data()}, "halves");
  check(TurnedPairs<RopePairs>{{}, weights.data()}, TurnedPairsLoops<RopePairs>{{}, weights.data()}, "pairs");
}

// A bias of -0.125 (head + 1) for each slot of distance, from a table or computed.
TYPED_TEST(Hooks, LinearBiasesReadTheSlopeOfEachHead) {
  const AttentionCase c = AttentionCase::example<TypeParam>();
  const std::vector<float> slopes = {0.125f, 0.25f};
  const LinearBiases<> biases{{}, slopes.data()};
  EXPECT_EQ(c.template prefill<TypeParam>(biases), c.template prefill<TypeParam>(Alibi{}));
  EXPECT_EQ(c.template split<TypeParam>(biases), c.template split<TypeParam>(Alibi{}));
  EXPECT_EQ(c.template prefill<arch::reference>(biases), c.template prefill<arch::reference>(Alibi{}));
}

// Both values of a query are the mean of those keys that the mask shows, if all logits are equal.
TYPED_TEST(Hooks, MasksHideSingleKeys) {
  AttentionCase c = AttentionCase::example<TypeParam>();
  std::fill(c.queries.begin(), c.queries.end(), 0.0f);
  for (const auto& got : {c.template prefill<TypeParam>(Causal2Of3{}), c.template split<TypeParam>(Causal2Of3{})}) {
    for (std::size_t t = 0; t < c.n; ++t) {
      const std::size_t slot = static_cast<std::size_t>(c.start) + t;
      for (std::size_t i = 0; i < c.dim; ++i) {
        double sum = 0.0, count = 0.0;
        for (std::size_t k = 0; k <= slot; ++k) {
          if (k != slot && k % 3 == 0) continue;
          sum += static_cast<double>(reinterpret_cast<const float*>(c.kv.value_row(0, k))[i]);
          count += 1.0;
        }
        EXPECT_NEAR(got[t * 2 * c.dim + i], sum / count, 1e-6) << t << " " << i;
      }
    }
  }
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
