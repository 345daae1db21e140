// Rotary embeddings: policies against their formulas, rotation of every arch against the reference, and the fused norm,
// rotation and KV cache write against the three steps.
#include "vlmt/kernel/rope.hpp"

#include "kernel_check.hpp"
#include "kv_leaves.hpp"

namespace {

using namespace vlmt;
using namespace vlmt_test;

TEST(RopePolicies, InterleavedAxesAreThoseOfQwen3Vl) {
  const RopeInterleaved3d rope;
  std::string map;
  for (std::size_t i = 0; i < 64; ++i) map += "thw"[rope.axis(i, 64)];
  std::string want;
  for (int i = 0; i < 20; ++i) want += "thw";
  EXPECT_EQ(map, want + "tttt");
}

TEST(RopePolicies, VisionRotatesByRowsThenColumns) {
  const Rope2d rope;
  EXPECT_EQ(rope.frequencies(36), 18u);
  for (std::size_t i = 0; i < 36; ++i) {
    EXPECT_EQ(rope.axis(i, 36), i / 18);
    EXPECT_EQ(rope.frequency(i, 36), i % 18);
  }
}

TEST(RopePolicies, FrequenciesFollowTheFormula) {
  std::vector<float> f(64), g(64);
  rope_frequencies(5e6, 64, nullptr, f.data());
  for (std::size_t i = 0; i < 64; ++i) {
    const double want = std::pow(5e6, -2.0 * static_cast<double>(i) / 128.0);
    EXPECT_NEAR(f[i] / want, 1.0, 2 * eps) << i;
  }
  EXPECT_EQ(f[0], 1.0f);
  const std::vector<float> factors(64, 8.0f);
  rope_frequencies(5e6, 64, factors.data(), g.data());
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(g[i], f[i] / 8.0f);
}

TEST(RopeTable, AnglesAreFloatProductsAtAnyPosition) {
  const std::size_t half = 8;
  std::vector<float> f(half);
  rope_frequencies(1e4, half, nullptr, f.data());
  const std::vector<std::int32_t> positions = {0, 1, 2, 7, 1000, 3, 262144, 262143, 5};
  std::vector<float> table(rope_table_floats(3, half));
  const RopeInterleaved3d rope{2, 2};
  rope_table(rope, positions.data(), 3, f.data(), half, table.data());
  for (std::size_t t = 0; t < 3; ++t) {
    for (std::size_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(positions[3 * t + rope.axis(i, half)]) * f[i];
      EXPECT_NEAR(table[t * 2 * half + i], std::cos(static_cast<double>(angle)), 0.5 * eps);
      EXPECT_NEAR(table[t * 2 * half + half + i], std::sin(static_cast<double>(angle)), 0.5 * eps);
    }
  }
}

template <class Arch>
class Rope : public ::testing::Test {};
TYPED_TEST_SUITE(Rope, Archs);

template <class Arch, class Pairing>
void check_rotation(std::size_t half, std::size_t rest) {
  const std::size_t n = 3, heads = 2, dim = 2 * half + rest, stride = heads * dim + 1;
  const auto x = gaussian(n * stride, 1);
  std::vector<std::int32_t> positions = {0, 5, 77};
  std::vector<float> f(half), table(rope_table_floats(n, half));
  rope_frequencies(1e4, half, nullptr, f.data());
  rope_table(Rope1d<Pairing>{}, positions.data(), n, f.data(), half, table.data());
  auto want = x, got = x;
  rope_rows<arch::reference, Pairing>(want.data(), n, heads, dim, stride, table.data(), half);
  rope_rows<Arch, Pairing>(got.data(), n, heads, dim, stride, table.data(), half);
  expect_close(got.data(), want.data(), x.size(), eps, 4 * eps);
  for (std::size_t t = 0; t < n; ++t) {
    EXPECT_EQ(got[t * stride + heads * dim], x[t * stride + heads * dim]);  // padding between rows is not touched
    for (std::size_t i = 2 * half; i < dim; ++i) EXPECT_EQ(got[t * stride + i], x[t * stride + i]);
  }
  // Position 0 rotates nothing; other positions keep the length of every pair.
  for (std::size_t i = 0; i < heads * dim; ++i) EXPECT_EQ(got[i], x[i]);
  const float* a = got.data() + 2 * stride;
  const float* b = x.data() + 2 * stride;
  for (std::size_t i = 0; i < half; ++i) {
    const std::size_t p = Pairing::first(i, half), q = Pairing::second(i, half);
    EXPECT_NEAR(std::hypot(a[p], a[q]), std::hypot(b[p], b[q]), 1e-5);
  }
}

TYPED_TEST(Rope, RotatesAsTheReference) {
  for (const std::size_t half : lengths(TypeParam::lanes)) {
    check_rotation<TypeParam, RopeHalves>(half, 0);
    check_rotation<TypeParam, RopePairs>(half, 3);
  }
  check_rotation<TypeParam, RopeHalves>(36, 0);
  check_rotation<TypeParam, RopeHalves>(64, 8);
}

// `norm` scales queries by weights (dim) and keys by weights + dim; without weights it does nothing.
template <class Arch, class Norm>
void check_store(const KvLeaf& key, const KvLeaf& value, const Norm& norm, const float* weights) {
  const std::size_t n = 3, heads = 4, kv_heads = 2, dim = 64, half = 32, capacity = 9;
  const std::size_t stride = (heads + 2 * kv_heads) * dim;
  const auto qkv = gaussian(n * stride, 2);
  std::vector<float> f(half), table(rope_table_floats(n, half));
  rope_frequencies(5e6, half, nullptr, f.data());
  const std::vector<std::int32_t> positions = {4, 4, 4, 5, 6, 7, 9, 9, 9};
  rope_table(RopeInterleaved3d{10, 10}, positions.data(), n, f.data(), half, table.data());
  const std::size_t key_bytes = kv_rows_bytes(key, kv_heads, dim, capacity);
  const std::size_t value_bytes = kv_rows_bytes(value, kv_heads, dim, capacity);
  const std::int32_t start = 5;

  auto run = [&](std::vector<float>& rows, std::vector<std::byte>& cache, Member& m) {
    const KvView kv{kv_rows(cache.data(), key, dim, capacity), kv_rows(cache.data() + key_bytes, value, dim, capacity),
                    kv_heads, dim, capacity};
    const QkvRows at{rows.data(), rows.data() + heads * dim, rows.data() + (heads + kv_heads) * dim, stride, n, heads};
    qk_norm_rope_store<Arch, RopeHalves>(at, norm, table.data(), half, kv, &start, m);
  };
  auto rows = qkv;
  std::vector<std::byte> cache(key_bytes + value_bytes);
  run(rows, cache, Solo().member());

  // The three steps in sequence, by the reference.
  auto want = qkv;
  for (std::size_t t = 0; t < n; ++t) {
    for (std::size_t h = 0; h < heads + kv_heads; ++h) {
      float* x = want.data() + t * stride + h * dim;
      if (weights != nullptr) {
        rms_norm<arch::reference>(x, 1, dim, weights + (h < heads ? 0 : dim), 1e-6f, F32Rows{x, dim});
      }
      rope_apply<arch::reference, RopeHalves>(table.data() + t * 2 * half, half, x);
    }
  }
  expect_close(rows.data(), want.data(), qkv.size(), 8 * eps, 8 * eps);
  // The cache holds the computed rows in its formats; other slots are not touched.
  std::vector<float> decoded(dim), encoded(dim);
  std::vector<std::byte> row(dim * 4);
  for (std::size_t h = 0; h < kv_heads; ++h) {
    for (std::size_t slot = 0; slot < capacity; ++slot) {
      for (const bool is_key : {true, false}) {
        const KvLeaf& leaf = is_key ? key : value;
        const std::byte* at = (is_key ? kv_rows(cache.data(), key, dim, capacity)
                                      : kv_rows(cache.data() + key_bytes, value, dim, capacity))
                                  .row(h, slot);
        std::fill(row.begin(), row.end(), std::byte{0});
        if (slot >= 5 && slot < 8) {
          const std::size_t column = (heads + (is_key ? 0 : kv_heads) + h) * dim;
          leaf.store(rows.data() + (slot - 5) * stride + column, dim, row.data());
        }
        EXPECT_EQ(0, std::memcmp(at, row.data(), leaf.row_bytes(dim))) << h << " " << slot << " " << is_key;
      }
    }
  }
  on_teams(
      [&](Member& m) {
        static std::vector<float> team_rows;
        static std::vector<std::byte> team_cache;
        if (m.rank() == 0) {
          team_rows = qkv;
          team_cache.assign(cache.size(), std::byte{0});
        }
        m.barrier();
        run(team_rows, team_cache, m);
        m.barrier();
        if (m.rank() == 0) {
          EXPECT_EQ(team_rows, rows);
          EXPECT_EQ(team_cache, cache);
        }
      },
      [](std::size_t) {});
}

TYPED_TEST(Rope, FusedStepWritesTheCache) {
  constexpr std::size_t dim = 64;
  const auto weights = gaussian(2 * dim, 3);
  const RmsQkNorm norm{{weights.data(), 1e-6f}, {weights.data() + dim, 1e-6f}};
  check_store<TypeParam>(kv_leaf<F32, TypeParam>(), kv_leaf<F16, TypeParam>(), norm, weights.data());
  check_store<TypeParam>(kv_leaf<BF16, TypeParam>(), kv_leaf<Q8_0, TypeParam>(), norm, weights.data());
  check_store<TypeParam>(kv_leaf<Q4_0, TypeParam>(), kv_leaf<F32, TypeParam>(), norm, weights.data());
  check_store<TypeParam>(kv_leaf<F16, TypeParam>(), kv_leaf<F16, TypeParam>(), NoQkNorm{}, nullptr);
}

}  // namespace
