// Wrong arguments of kernels: an assertion names the call, the condition and both values, and a handler may throw.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/attention.hpp"
#include "vlmt/kernel/grouped_matmul.hpp"
#include "vlmt/kernel/low_rank.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/merge_attention.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/kernel/patch_embed.hpp"
#include "vlmt/kernel/resample.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/kernel/router.hpp"
#include "vlmt/kernel/rows.hpp"
#include "vlmt/kernel/sampling.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/q4_0.hpp"
#include "vlmt/quant/q8_0.hpp"
#include "vlmt/quant/row.hpp"

#include "base/assertion_of.hpp"

#if VLMT_ASSERTS

namespace argument_checks_tests {
namespace {

using namespace vlmt;
using vlmt_test::assertion_of;

/// Checks do not depend on the arch; this one compiles fastest.
using Arch = arch::reference;

struct Matrix {
  Matrix(std::size_t rows, std::size_t cols) : bytes(packed_bytes<Q8_0, Arch>(rows, cols)) {
    matrix = make_packed_matrix<Q8_0, Arch>(bytes.data(), rows, cols);
  }
  std::vector<std::byte> bytes;
  PackedMatrix<Arch> matrix;
};

class ArgumentChecks : public ::testing::Test {
 protected:
  std::vector<float> x_ = std::vector<float>(4096), y_ = std::vector<float>(4096);
  std::vector<Int8Group> groups_ = std::vector<Int8Group>(256);
  Solo solo_;
};

TEST_F(ArgumentChecks, AMatmulOfOtherWidths) {
  const Matrix w(8, 128);
  const Store<Arch> out{y_.data(), 8};
  EXPECT_EQ(assertion_of([&] { matmul(w.matrix, float_rows(x_.data(), 2, 64), out, solo_); }),
            "matmul: x.cols == w.cols: 64 and 128");
  EXPECT_EQ(
      assertion_of([&] { matmul(w.matrix, view(std::as_const(x_).data(), 2, 64), view(y_.data(), 2, 8), solo_); }),
      "matmul: x.extent(1) == w.cols: 64 and 128");
  EXPECT_EQ(
      assertion_of([&] { matmul(w.matrix, view(std::as_const(x_).data(), 2, 128), view(y_.data(), 2, 9), solo_); }),
      "matmul: y.extent(1) == w.rows: 9 and 8");
  EXPECT_EQ(
      assertion_of([&] { matmul(w.matrix, view(std::as_const(x_).data(), 2, 128), view(y_.data(), 3, 8), solo_); }),
      "matmul: x.extent(0) == y.extent(0): 2 and 3");
  const Matrix other(9, 128), narrow(8, 64);
  const Activations x = float_rows(x_.data(), 2, 128);
  const auto pair = [](std::size_t, std::size_t, std::size_t, const float*, const float*) {};
  EXPECT_EQ(assertion_of([&] { matmul_pair(w.matrix, other.matrix, x, pair, solo_); }),
            "matmul_pair: a.rows == b.rows: 8 and 9");
  EXPECT_EQ(assertion_of([&] { matmul_pair(w.matrix, narrow.matrix, x, pair, solo_); }),
            "matmul_pair: b: x.cols == w.cols: 128 and 64");
  EXPECT_EQ(assertion_of([&] {
              matmul_many(x, solo_, MatmulJob{w.matrix, out}, MatmulJob{narrow.matrix, out});
            }),
            "matmul_many: x.cols == w.cols: 128 and 64");
  EXPECT_EQ(assertion_of([&] { matmul(w.matrix, x, out, solo_); }), "none");
}

TEST_F(ArgumentChecks, AMatmulWithoutMemory) {
  const Matrix w(8, 64);
  const Store<Arch> out{y_.data(), 8};
  PackedMatrix<Arch> empty = w.matrix;
  empty.data = nullptr;
  EXPECT_EQ(assertion_of([&] { matmul(empty, float_rows(x_.data(), 2, 64), out, solo_); }),
            "matmul: w.data is not null");
  EXPECT_EQ(assertion_of([&] { matmul(PackedMatrix<Arch>{}, float_rows(x_.data(), 2, 64), out, solo_); }),
            "matmul: w.leaves is not null");
  EXPECT_EQ(assertion_of([&] { matmul(w.matrix, float_rows(nullptr, 2, 64), out, solo_); }), "matmul: x.x is not null");
  EXPECT_EQ(assertion_of([&] { matmul(w.matrix, float_rows(x_.data(), 2, 64), Store<Arch>{}, solo_); }),
            "matmul: epilogue: data is not null");
  EXPECT_EQ(assertion_of([&] {
              matmul(w.matrix, float_rows(x_.data(), 2, 64), BiasStore<Arch>{y_.data(), 8}, solo_);
            }),
            "matmul: epilogue: bias is not null");
}

// A stride of 0 would repeat a row, a stride below the width would mix two.
TEST_F(ArgumentChecks, StridesBelowTheWidth) {
  const Matrix w(8, 64);
  const Store<Arch> out{y_.data(), 8};
  const Activations repeated{x_.data(), 0, {}, 2, 64};
  EXPECT_EQ(assertion_of([&] { matmul(w.matrix, repeated, out, solo_); }), "matmul: x.cols <= x.stride: 64 and 0");
  const Activations one_row{x_.data(), 0, {}, 1, 64};
  EXPECT_EQ(assertion_of([&] { matmul(w.matrix, one_row, Store<Arch>{y_.data(), 0}, solo_); }), "none");
  const Activations short_groups{nullptr, 0, {groups_.data(), 1}, 2, 64};
  EXPECT_EQ(assertion_of([&] { matmul(w.matrix, short_groups, out, solo_); }),
            "matmul: QuantizedRows::row_groups(x.cols) <= x.q.stride: 2 and 1");
  EXPECT_EQ(assertion_of([&] {
              matmul(w.matrix, float_rows(x_.data(), 2, 64), Store<Arch>{y_.data(), 7}, solo_);
            }),
            "matmul: epilogue: columns <= stride: 8 and 7");
  const float weight[64] = {};
  EXPECT_EQ(assertion_of([&] {
              norm_rows<Arch>(RmsNorm{weight}, x_.data(), 2, 64, 0, F32Rows{y_.data(), 64});
            }),
            "norm_rows: x: columns <= stride: 64 and 0");
  EXPECT_EQ(assertion_of([&] {
              rms_norm<Arch>(x_.data(), 2, 64, weight, 1e-6f, F32Rows{y_.data(), 63});
            }),
            "norm_rows: out: columns <= stride: 64 and 63");
  EXPECT_EQ(assertion_of([&] {
              activate_rows<Arch, Silu>(x_.data(), 2, 64, 63, F32Rows{y_.data(), 64});
            }),
            "activate_rows: x: columns <= stride: 64 and 63");
}

TEST_F(ArgumentChecks, RowsThatAreNoWholeGroups) {
  EXPECT_EQ(assertion_of([&] {
              quantize_rows<Arch>(x_.data(), 2, 48, 48, {groups_.data(), 2}, solo_);
            }),
            "quantize_rows: k is a multiple of Int8Group::values: 48 and 32");
  EXPECT_EQ(assertion_of([&] {
              quantize_rows<Arch>(x_.data(), 2, 64, 64, {groups_.data(), 1}, solo_);
            }),
            "quantize_rows: out: row_groups(columns) <= stride: 2 and 1");
  EXPECT_EQ(assertion_of([&] { quantize_rows<Arch>(x_.data(), 2, 64, 64, {}, solo_); }),
            "quantize_rows: out: groups is not null");
  const float weight[40] = {};
  EXPECT_EQ(assertion_of([&] {
              rms_norm<Arch>(x_.data(), 2, 40, weight, 0.0f, QuantizedRows{groups_.data(), 2});
            }),
            "norm_rows: out: run is a multiple of Int8Group::values: 40 and 32");
  Q8_0::Block block{};
  EXPECT_EQ(assertion_of([&] { encode_row<Q8_0>(x_.data(), 33, &block); }),
            "encode_row: n is a multiple of F::values: 33 and 32");
  std::byte packed[1024];
  EXPECT_EQ(assertion_of([&] { pack<Q8_0, Arch>(&block, 1, 48, packed, solo_); }),
            "pack: cols is a multiple of Format::values: 48 and 32");
}

/// Queries, keys and values of width 32 that fit each other, to be spoilt by a test.
struct Attention {
  explicit Attention(std::vector<float>& x, std::vector<float>& y)
      : q{x.data(), 128, 3, 4}, out{y.data(), 128}, tiles(attention_tile_floats(32)), partials(4096), cache(4096) {
    kv = {kv_rows(reinterpret_cast<std::byte*>(cache.data()), kv_leaf_v<F32, Arch>, 32, 8),
          kv_rows(reinterpret_cast<std::byte*>(cache.data() + 1024), kv_leaf_v<F32, Arch>, 32, 8), 2, 32, 8};
    scratch = {tiles.data(), partials.data(), 8};
  }
  std::string fails() {
    return assertion_of([&] { attention<Arch>(CausalAttention{}, q, kv, 1.0f, &start, out, scratch); });
  }

  QueryRows q;
  KvView kv;
  F32Rows out;
  std::int32_t start = 5;
  std::vector<float> tiles, partials, cache;
  AttentionScratch scratch;
};

TEST_F(ArgumentChecks, Attention) {
  Attention a(x_, y_);
  EXPECT_EQ(a.fails(), "none");
  const Attention good = a;
  const auto restore = [&] { a.q = good.q, a.kv = good.kv, a.out = good.out, a.scratch = good.scratch, a.start = 5; };
  a.q.heads = 3, a.kv.heads = 2;
  EXPECT_EQ(a.fails(), "attention: q.heads is a multiple of kv_heads: 3 and 2");
  restore(), a.kv.heads = 0;
  EXPECT_EQ(a.fails(), "attention: q.heads is a multiple of kv_heads: 4 and 0");
  restore(), a.q.n = 4;
  EXPECT_EQ(a.fails(), "attention: slots <= capacity: 9 and 8");
  restore(), a.start = -1;
  EXPECT_EQ(a.fails(), "attention: 0 <= first: 0 and -1");
  restore(), a.start = 1 << 24;
  EXPECT_EQ(a.fails(), "attention: slots <= attention_max_slots: 16777219 and 16777216");
  restore(), a.q.stride = 0;
  EXPECT_EQ(a.fails(), "attention: q.heads * head_dim <= q.stride: 128 and 0");
  restore(), a.out.stride = 127;
  EXPECT_EQ(a.fails(), "attention: out: columns <= stride: 128 and 127");
  restore(), a.scratch.tiles = nullptr;
  EXPECT_EQ(a.fails(), "attention: scratch.tiles is not null");
  restore(), a.kv.values.leaf = nullptr;
  EXPECT_EQ(a.fails(), "attention: values.leaf is not null");
  restore(), a.kv.keys.leaf = &kv_leaf_v<Q4_0, Arch>, a.kv.dim = 16;
  EXPECT_EQ(a.fails(), "attention: dim is a multiple of keys.leaf->block_values: 16 and 32");
  restore(), a.kv.keys.slot_stride = 0;
  EXPECT_EQ(a.fails(), "attention: keys.leaf->row_bytes(dim) <= keys.slot_stride: 128 and 0");
}

// The two halves of decode; arch::reference does without partial results.
TEST_F(ArgumentChecks, AttentionInChunks) {
  Attention a(x_, y_);
  a.q.n = 1, a.start = 7;
  const auto split = [&] {
    return assertion_of(
        [&] { attention_split<arch::native>(CausalAttention{}, a.q, a.kv, 1.0f, &a.start, a.scratch, solo_); });
  };
  EXPECT_EQ(split(), "none");
  a.scratch.capacity = 7;
  EXPECT_EQ(split(), "attention_split: slots <= scratch.capacity: 8 and 7");
  a.scratch.partials = nullptr;
  EXPECT_EQ(split(), "attention_split: scratch.partials is not null");
  EXPECT_EQ(assertion_of([&] {
              attention_merge<arch::native>(CausalAttention{}, a.q, a.kv, 1.0f, &a.start, a.out, a.scratch, solo_);
            }),
            "attention_merge: scratch.partials is not null");
}

TEST_F(ArgumentChecks, MergedAttention) {
  const AttentionPart good{x_.data(), 128, x_.data()};
  const auto merge = [&](const AttentionPart& a, const AttentionPart& b, std::size_t stride) {
    return assertion_of([&] { merge_attention<Arch>(a, b, 3, 4, 32, F32Rows{y_.data(), stride}); });
  };
  EXPECT_EQ(merge(good, good, 128), "none");
  EXPECT_EQ(merge({nullptr, 128, x_.data()}, good, 128), "merge_attention: x is not null");
  EXPECT_EQ(merge(good, {x_.data(), 127, x_.data()}, 128), "merge_attention: columns <= stride: 128 and 127");
  EXPECT_EQ(merge(good, {x_.data(), 128, nullptr}, 128), "merge_attention: part.log_sums is not null");
  EXPECT_EQ(merge(good, good, 127), "merge_attention: out: columns <= stride: 128 and 127");
}

TEST_F(ArgumentChecks, RotaryEmbedding) {
  Attention a(x_, y_);
  const std::vector<float> table(1024);
  EXPECT_EQ(assertion_of([&] { rope_rows<Arch, RopeHalves>(x_.data(), 2, 4, 32, 128, table.data(), 17); }),
            "rope_rows: 2 * half <= head_dim: 34 and 32");
  EXPECT_EQ(assertion_of([&] { rope_rows<Arch, RopeHalves>(x_.data(), 2, 4, 32, 96, table.data(), 16); }),
            "rope_rows: x: columns <= stride: 128 and 96");
  const QkvRows rows{x_.data(), x_.data() + 128, x_.data() + 192, 256, 3, 4};
  const auto store = [&](const float* t, const std::int32_t* start) {
    return assertion_of(
        [&] { qk_norm_rope_store<Arch, RopeHalves>(rows, NoQkNorm{}, t, 16, a.kv, start, solo_.member()); });
  };
  EXPECT_EQ(store(table.data(), &a.start), "none");
  EXPECT_EQ(store(nullptr, &a.start), "qk_norm_rope_store: table is not null");
  EXPECT_EQ(store(table.data(), nullptr), "qk_norm_rope_store: start is not null");
  a.start = 6;
  EXPECT_EQ(store(table.data(), &a.start), "qk_norm_rope_store: slots <= capacity: 9 and 8");
}

TEST_F(ArgumentChecks, LowRankDeltas) {
  std::vector<std::int32_t> adapter = {1, -1};
  std::vector<float> t(8);
  const auto down = [&](const std::int32_t* of) {
    return assertion_of(
        [&] { low_rank_rows<Arch>(x_.data(), 2, 64, 64, y_.data(), of, 2, 4, t.data(), solo_.member()); });
  };
  EXPECT_EQ(down(adapter.data()), "none");
  EXPECT_EQ(down(nullptr), "low_rank_rows: adapter is not null");
  adapter[0] = 2;
  EXPECT_EQ(down(adapter.data()), "low_rank_rows: adapter[row] < adapters: 2 and 2");
  adapter[0] = -2;
  EXPECT_EQ(down(adapter.data()), "low_rank_rows: -1 <= adapter[row]: -1 and -2");
  adapter[0] = 1;
  const Matrix w(8, 64);
  const auto up = [&](const op::Delta<float>& delta) {
    const DeltaEpilogue<Arch, Store<Arch>, float> epilogue{{y_.data(), 8}, delta};
    return assertion_of([&] { matmul(w.matrix, float_rows(x_.data(), 2, 64), epilogue, solo_.member()); });
  };
  const std::vector<float> b(2 * low_rank_up_values(8, 4));
  EXPECT_EQ(up({b.data(), adapter.data(), t.data(), 4, 4, 8}), "none");
  EXPECT_EQ(up({b.data(), adapter.data(), t.data(), 4, 4, 9}), "matmul: epilogue: d.out == columns: 9 and 8");
  EXPECT_EQ(up({b.data(), adapter.data(), t.data(), 3, 4, 8}), "matmul: epilogue: d.rank <= d.stride: 4 and 3");
  EXPECT_EQ(up({nullptr, adapter.data(), t.data(), 4, 4, 8}), "matmul: epilogue: d.up is not null");
}

TEST_F(ArgumentChecks, Experts) {
  std::vector<std::int32_t> ids = {0, 3, 1, 4}, offsets(5), tokens(4), positions(4);
  const ExpertGroups groups{offsets.data(), tokens.data(), positions.data(), 4};
  EXPECT_EQ(assertion_of([&] { route<Arch, SoftmaxScores>(x_.data(), 2, 4, {5}, ids.data(), y_.data()); }),
            "route: options.k <= experts: 5 and 4");
  EXPECT_EQ(assertion_of([&] { route<Arch, SoftmaxScores>(x_.data(), 2, 2000, {5}, ids.data(), y_.data()); }),
            "route: experts <= max_experts: 2000 and 1024");
  EXPECT_EQ(assertion_of([&] { group_by_expert(ids.data(), 2, 2, groups); }),
            "group_by_expert: ids[i] < groups.experts: 4 and 4");
  ids[3] = -1;
  EXPECT_EQ(assertion_of([&] { group_by_expert(ids.data(), 2, 2, groups); }), "group_by_expert: 0 <= ids[i]: 0 and -1");
  ids[3] = 2;
  EXPECT_EQ(assertion_of([&] { group_by_expert(ids.data(), 2, 2, groups); }), "none");
  std::vector<std::byte> bytes(4 * packed_bytes<Q8_0, Arch>(8, 64));
  const auto w = make_packed_experts<Q8_0, Arch>(bytes.data(), 4, 8, 64);
  const Store<Arch> out{y_.data(), 8};
  EXPECT_EQ(assertion_of([&] { grouped_matmul(w, groups, tokens.data(), float_rows(x_.data(), 2, 32), out, solo_); }),
            "grouped_matmul: x.cols == w.cols: 32 and 64");
  EXPECT_EQ(assertion_of([&] { grouped_matmul(w, groups, nullptr, float_rows(x_.data(), 2, 64), out, solo_); }),
            "grouped_matmul: grouped <= x.rows: 4 and 2");
  EXPECT_EQ(assertion_of([&] { grouped_matmul(w, groups, tokens.data(), float_rows(x_.data(), 2, 64), out, solo_); }),
            "none");
}

TEST_F(ArgumentChecks, RowsOfTables) {
  const RowDecoder table{
      x_.data(),
      [](const void* matrix, std::size_t row, float* out) noexcept { out[0] = static_cast<const float*>(matrix)[row]; },
      10};
  const std::vector<std::int32_t> ids = {3, -1, 10};
  EXPECT_EQ(assertion_of([&] { embed_rows(table, ids.data(), 3, 1, y_.data()); }),
            "embed_rows: ids[t] < table.rows: 10 and 10");
  EXPECT_EQ(assertion_of([&] { embed_rows(table, ids.data(), 2, 1, y_.data()); }), "none");
  const Matrix w(8, 64);
  EXPECT_EQ(assertion_of([&] { w.matrix.decode_row(8, y_.data()); }), "PackedMatrix::decode_row: r < rows: 8 and 8");
}

TEST_F(ArgumentChecks, Sampling) {
  std::vector<LogitBlock> stats(2);
  const std::int32_t token = 100;
  EXPECT_EQ(assertion_of([&] { token_log_prob(x_.data(), 100, stats.data(), &token, y_.data()); }),
            "token_log_prob: *token < vocab: 100 and 100");
  EXPECT_EQ(assertion_of([&] { score_rows<Arch>(x_.data(), 1, 100, &token, y_.data()); }),
            "score_rows: targets[r] < vocab: 100 and 100");
  TokenLogit top[101];
  EXPECT_EQ(assertion_of([&] { top_log_probs(x_.data(), 100, stats.data(), 101, top, top); }),
            "top_log_probs: n <= vocab: 101 and 100");
}

TEST_F(ArgumentChecks, Images) {
  const ResamplePlan plan = plan_resample(4, 4, 2, 2);
  const std::uint8_t in[48] = {};
  std::uint8_t out[12];
  EXPECT_EQ(assertion_of([&] { resample(in, plan, out, nullptr); }), "resample: scratch is not null");
  EXPECT_EQ(assertion_of([&] { plan_resample(0, 4, 2, 2); }), "resample_axis: 0 < in: 0 and 0");
  EXPECT_EQ(assertion_of([&] { plan_resample_window(4, 4, 2, 2, 1, 0, 2, 2); }),
            "resample_axis: first <= whole - out: 1 and 0");
  EXPECT_EQ(assertion_of([&] { patch_embed<Arch>(PatchKernel{}, x_.data(), 1, y_.data()); }),
            "patch_embed: w.weight is not null");
}

// From a member of a team a handler's exception reaches the caller of Team::run.
TEST_F(ArgumentChecks, OnATeam) {
  const Matrix w(8, 128);
  ThreadTeam team(3);
  EXPECT_EQ(assertion_of([&] {
              team.run([&](Member& m) {
                matmul(w.matrix, float_rows(x_.data(), 2, 64), Store<Arch>{y_.data(), 8}, m);
                m.barrier();
              });
            }),
            "matmul: x.cols == w.cols: 64 and 128");
}

}  // namespace
}  // namespace argument_checks_tests

#endif
