// Attention of every arch against the reference: KV formats, head sizes, GQA groups, borders of tiles and chunks,
// teams.
#include "vlmt/kernel/attention.hpp"

#include "attention_cases.hpp"

namespace {

using namespace vlmt;
using namespace vlmt_test;

template <class Arch>
class Attention : public ::testing::Test {};
TYPED_TEST_SUITE(Attention, Archs);

template <class Arch, class Variant>
void check_both(const AttentionCase& c, const Variant& variant) {
  const auto want = c.template prefill<arch::reference>(variant);
  EXPECT_LE(relative_l2(c.template prefill<Arch>(variant), want), attention_tolerance)
      << "prefill n " << c.n << " start " << c.start << " heads " << c.heads << "/" << c.kv_heads << " dim " << c.dim;
  EXPECT_LE(relative_l2(c.template split<Arch>(variant), want), attention_tolerance)
      << "split n " << c.n << " start " << c.start << " heads " << c.heads << "/" << c.kv_heads << " dim " << c.dim;
}

// The reference against exp and sums written out.
TEST(AttentionReference, EqualsTheFormula) {
  AttentionCase c;
  c.n = 2, c.heads = 2, c.kv_heads = 1, c.dim = 3, c.start = 1;
  c.key = c.value = &kv_leaf<F32, arch::reference>();
  c.fill(1);
  const auto got = c.prefill<arch::reference>(CausalAttention{});
  const auto key = [&](std::size_t s, std::size_t i) {
    float v;
    std::memcpy(&v, c.kv.key_row(0, s) + i * 4, 4);
    return static_cast<double>(v);
  };
  const auto value = [&](std::size_t s, std::size_t i) {
    float v;
    std::memcpy(&v, c.kv.value_row(0, s) + i * 4, 4);
    return static_cast<double>(v);
  };
  for (std::size_t t = 0; t < 2; ++t) {
    for (std::size_t h = 0; h < 2; ++h) {
      const float* q = c.queries.data() + (t * 2 + h) * 3;
      double sum = 0.0, o[3] = {};
      for (std::size_t s = 0; s <= t + 1; ++s) {
        double dot = 0.0;
        for (std::size_t i = 0; i < 3; ++i) dot += static_cast<double>(q[i]) * key(s, i);
        const double w = std::exp(dot / std::sqrt(3.0));
        sum += w;
        for (std::size_t i = 0; i < 3; ++i) o[i] += w * value(s, i);
      }
      for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(got[(t * 2 + h) * 3 + i], o[i] / sum, 1e-6);
    }
  }
}

TYPED_TEST(Attention, HeadSizesAndGroups) {
  for (const std::size_t dim : {8u, 64u, 72u, 128u}) {
    for (const std::size_t group : {1u, 2u, 3u, 4u, 8u}) {
      AttentionCase c;
      c.n = 37, c.kv_heads = 2, c.heads = 2 * group, c.dim = dim, c.start = 41;
      c.key = c.value = &kv_leaf<F32, TypeParam>();
      c.fill(static_cast<unsigned>(dim + group));
      check_both<TypeParam>(c, CausalAttention{});
    }
  }
}

TYPED_TEST(Attention, EveryPairOfFormats) {
  std::vector<const KvLeaf*> leaves;
  for_each_type(formats::cache{},
                [&]<class Format>(TypeTag<Format>) { leaves.push_back(&kv_leaf<Format, TypeParam>()); });
  for (const KvLeaf* key : leaves) {
    for (const KvLeaf* value : leaves) {
      AttentionCase c;
      c.n = 5, c.kv_heads = 1, c.heads = 2, c.dim = 96, c.start = 130;
      c.key = key;
      c.value = value;
      c.fill(9);
      check_both<TypeParam>(c, CausalAttention{});
    }
  }
}

TYPED_TEST(Attention, BordersOfTilesAndChunks) {
  for (const std::int32_t start : {0, 1, 62, 63, 64, 65, 255, 256, 257, 511, 600}) {
    for (const std::size_t n : {1u, 2u, 7u}) {
      AttentionCase c;
      c.n = n, c.kv_heads = 2, c.heads = 4, c.dim = 64, c.start = start, c.capacity = 700;
      c.key = c.value = &kv_leaf<F16, TypeParam>();
      c.fill(static_cast<unsigned>(start) + 3);
      check_both<TypeParam>(c, CausalAttention{});
    }
  }
}

TYPED_TEST(Attention, ManyRowsMakeSeveralBlocks) {
  AttentionCase c;
  c.n = 300, c.kv_heads = 1, c.heads = 4, c.dim = 16, c.start = 0;
  c.key = c.value = &kv_leaf<F32, TypeParam>();
  c.fill(4);
  check_both<TypeParam>(c, CausalAttention{});
}

// Chunked prefill: the results of a query do not depend on the other queries of the call.
TYPED_TEST(Attention, ChunksOfAPromptGiveTheSameBits) {
  AttentionCase c;
  c.n = 150, c.kv_heads = 1, c.heads = 2, c.dim = 64, c.start = 20;
  c.key = c.value = &kv_leaf<F16, TypeParam>();
  c.fill(5);
  const auto whole = c.prefill<TypeParam>(CausalAttention{});
  for (const std::size_t piece : {1u, 7u, 64u}) {
    std::vector<float> got;
    for (std::size_t t = 0; t < c.n; t += piece) {
      AttentionCase part = c;
      part.start = c.start + static_cast<std::int32_t>(t);
      part.n = std::min(piece, c.n - t);
      part.queries.assign(c.queries.begin() + static_cast<std::ptrdiff_t>(t * 128),
                          c.queries.begin() + static_cast<std::ptrdiff_t>((t + part.n) * 128));
      const auto one = part.prefill<TypeParam>(CausalAttention{});
      got.insert(got.end(), one.begin(), one.end());
    }
    EXPECT_EQ(whole, got) << piece;
  }
}

/// Floats, and the most that were committed at once.
struct CountingRows : F32Rows {
  std::size_t* most = nullptr;

  template <class Arch>
  void commit(std::size_t, std::size_t, std::size_t count, const float*) const noexcept {
    *most = std::max(*most, count);
  }
};

// A sink gets at most sink_chunk values at once, even of a head that is wider.
TEST(AttentionSinks, HeadsWiderThanAChunkAreCutOnEveryArch) {
  using Arch = arch::native;
  AttentionCase c;
  c.n = 3, c.kv_heads = 1, c.heads = 2, c.dim = 320, c.start = 4;
  c.key = c.value = &kv_leaf<F32, Arch>();
  c.fill(8);
  std::vector<float> tiles(attention_tile_floats(c.dim)), got(c.n * c.heads * c.dim);
  std::vector<float> partials(attention_partial_floats(c.n, c.heads, c.dim, c.capacity));
  const AttentionScratch scratch{tiles.data(), partials.data(), c.capacity};
  const auto want = c.prefill<arch::reference>(CausalAttention{});
  std::size_t most = 0;
  const CountingRows out{{got.data(), c.heads * c.dim}, &most};
  const auto check = [&](const char* what) {
    EXPECT_EQ(most, sink_chunk) << what;
    EXPECT_LE(relative_l2(got, want), attention_tolerance) << what;
    most = 0;
  };
  attention<arch::reference>(CausalAttention{}, c.rows(), c.kv, c.scale, &c.start, out, scratch);
  check("reference");
  attention<Arch>(CausalAttention{}, c.rows(), c.kv, c.scale, &c.start, out, scratch);
  check("prefill");
  attention_split<Arch>(CausalAttention{}, c.rows(), c.kv, c.scale, &c.start, scratch);
  attention_merge<Arch>(CausalAttention{}, c.rows(), c.kv, c.scale, &c.start, out, scratch);
  check("decode");
}

TEST(AttentionTeam, ResultsDoNotDependOnTheTeam) {
  using Arch = arch::native;
  AttentionCase c;
  c.n = 90, c.kv_heads = 2, c.heads = 6, c.dim = 64, c.start = 700, c.capacity = 1000;
  c.key = c.value = &kv_leaf<Q8_0, Arch>();
  c.fill(7);
  const auto whole = c.prefill<Arch>(CausalAttention{});
  const auto split = c.split<Arch>(CausalAttention{});
  std::vector<float> tiles(7 * attention_tile_floats(c.dim));
  std::vector<float> partials(attention_partial_floats(c.n, c.heads, c.dim, c.capacity));
  std::vector<float> got(whole.size()), got_split(whole.size());
  const AttentionScratch scratch{tiles.data(), partials.data(), c.capacity};
  const F32Rows out{got.data(), c.heads * c.dim}, out_split{got_split.data(), c.heads * c.dim};
  on_teams(
      [&](Member& m) {
        attention<Arch>(CausalAttention{}, c.rows(), c.kv, c.scale, &c.start, out, scratch, m);
        m.barrier();
        attention_split<Arch>(CausalAttention{}, c.rows(), c.kv, c.scale, &c.start, scratch, m);
        m.barrier();
        attention_merge<Arch>(CausalAttention{}, c.rows(), c.kv, c.scale, &c.start, out_split, scratch, m);
      },
      [&](std::size_t size) {
        EXPECT_EQ(whole, got) << size;
        EXPECT_EQ(split, got_split) << size;
        std::fill(got.begin(), got.end(), 0.0f);
        std::fill(got_split.begin(), got_split.end(), 0.0f);
      });
}

}  // namespace
