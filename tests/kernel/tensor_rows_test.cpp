// Kernels on rows of tensors equal their raw forms bit by bit, for all element types and orders.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/tensors/activation.hpp"
#include "vlmt/kernel/tensors/norm.hpp"
#include "vlmt/kernel/tensors/quantize.hpp"
#include "vlmt/kernel/tensors/rope.hpp"
#include "vlmt/kernel/tensors/router.hpp"
#include "vlmt/kernel/tensors/sampling.hpp"
#include "vlmt/kernel/tensors/softmax.hpp"
#include "vlmt/tensor/eigen.hpp"
#include "vlmt/tensor/slice.hpp"

#include "base/assertion_of.hpp"
#include "kernel/kernel_check.hpp"
#include "kernel/tensor_operands.hpp"

namespace tensor_rows_tests {
namespace {

using namespace vlmt;
using vlmt_test::for_operands;
using vlmt_test::gaussian;
using vlmt_test::Order;
using vlmt_test::rounded;
using vlmt_test::Stored;

using Native = arch::native;
constexpr std::size_t n = 5, h = 67;

TEST(TensorRows, RmsNorm) {
  const std::vector<float> x = gaussian(n * h, 1), weight = gaussian(h, 2);
  ThreadTeam team(3);
  TensorScratch scratch;
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    const std::vector<float> in = rounded<T>(x), w = rounded<T>(weight);
    std::vector<float> want(n * h);
    rms_norm<Native>(in.data(), n, h, w.data(), 1e-5f, F32Rows{want.data(), h});
    Stored<T> from(x, n, h, order), to(n, h, order);
    Stored<T> scale(weight, 1, h, order);
    rms_norm(from.cview(), scale.cview(), 1e-5f, to.view());
    to.expect(want);
    rms_norm(from.view(), scale.view(), 1e-5f, from.view(), team, scratch);
    from.expect(want);
  });
}

// In double, with matrices of Eigen: a column-major input, a row-major output, a vector of weights.
TEST(TensorRows, RmsNormOfEigenMatrices) {
  const std::vector<float> values = gaussian(n * h, 3);
  const Eigen::MatrixXf x = Eigen::Map<const Eigen::MatrixXf>(values.data(), n, h);
  const Eigen::VectorXf weight = Eigen::VectorXf::LinSpaced(h, -1.0f, 1.0f);
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> y(n, h);
  rms_norm(x, weight, 1e-5f, y);
  const Eigen::MatrixXd wide = x.cast<double>();
  for (Eigen::Index r = 0; r < x.rows(); ++r) {
    const double inverse = 1.0 / std::sqrt(wide.row(r).squaredNorm() / h + 1e-5);
    for (Eigen::Index c = 0; c < x.cols(); ++c) {
      const double want = wide(r, c) * inverse * static_cast<double>(weight(c));
      EXPECT_NEAR(static_cast<double>(y(r, c)), want, 1e-6 * (1.0 + std::fabs(want)));
    }
  }
  Eigen::MatrixXf z(n, h);
  rms_norm(x.middleCols(3, 10), weight.head(10), 1e-5f, z.leftCols(10));
  rms_norm(slice(tensor_view(x), 1, 3, 13), weight.head(10), 1e-5f, z.rightCols(10));
  EXPECT_TRUE(z.leftCols(10) == z.rightCols(10));
}

TEST(TensorRows, OtherNorms) {
  const std::vector<float> x = gaussian(n * h, 4), weight = gaussian(h, 5), bias = gaussian(h, 6);
  ThreadTeam team(2);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    const std::vector<float> in = rounded<T>(x), w = rounded<T>(weight), b = rounded<T>(bias);
    std::vector<float> want(n * h);
    layer_norm<Native>(in.data(), n, h, w.data(), b.data(), 1e-5f, F32Rows{want.data(), h});
    Stored<T> from(x, n, h, order), to(n, h, order), scale(weight, 1, h, order), shift(bias, 1, h, order);
    layer_norm(from.cview(), scale.cview(), shift.cview(), 1e-5f, to.view(), team);
    to.expect(want);
    norm_rows<Native>(RmsNorm{weight.data(), 1e-5f}, in.data(), n, h, h, F32Rows{want.data(), h});
    norm_rows(RmsNorm{weight.data(), 1e-5f}, from.cview(), to.view());
    to.expect(want);
  });
}

TEST(TensorRows, Activations) {
  const std::vector<float> x = gaussian(n * h, 7), other = gaussian(n * h, 8);
  ThreadTeam team(2);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    const std::vector<float> in = rounded<T>(x), up = rounded<T>(other);
    std::vector<float> want(n * h);
    activate_rows<Native, Silu>(in.data(), n, h, h, F32Rows{want.data(), h});
    Stored<T> from(x, n, h, order), to(n, h, order), second(other, n, h, Order::dense);
    activate_rows(Silu{}, from.cview(), to.view(), team);
    to.expect(want);
    gated_rows<Native, GeluTanh>(in.data(), up.data(), n, h, h, F32Rows{want.data(), h});
    gated_rows(GeluTanh{}, from.cview(), second.cview(), to.view());
    to.expect(want);
    gated_rows(GeluTanh{}, from.cview(), second.cview(), second.view(), team);
    second.expect(want);
  });
}

TEST(TensorRows, Softmax) {
  const std::vector<float> x = gaussian(n * h, 9);
  ThreadTeam team(3);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    std::vector<float> want = rounded<T>(x);
    for (std::size_t r = 0; r < n; ++r) softmax_row<Native>(want.data() + r * h, h);
    Stored<T> from(x, n, h, order), to(n, h, order);
    softmax(from.cview(), to.view(), team);
    to.expect(want);
    softmax(from.cview(), from.view());
    from.expect(want);
  });
}

TEST(TensorRows, Rope) {
  constexpr std::size_t heads = 3, dim = 16, half = dim / 2;
  const std::vector<float> x = gaussian(n * heads * dim, 10);
  std::vector<std::int32_t> positions, axes;
  for (std::size_t t = 0; t < n; ++t) {
    positions.push_back(static_cast<std::int32_t>(7 * t));
    for (const std::size_t scale : {1u, 20u, 300u}) axes.push_back(static_cast<std::int32_t>(scale * t));
  }
  std::vector<float> frequencies(half), table(rope_table_floats(n, half));
  rope_frequencies(1e4, half, nullptr, frequencies.data());
  ThreadTeam team(3);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    rope_table(Rope1d<RopePairs>{}, positions.data(), n, frequencies.data(), half, table.data());
    std::vector<float> want = rounded<T>(x);
    rope_rows<Native, RopePairs>(want.data(), n, heads, dim, heads * dim, table.data(), half);
    Stored<T> one(x, n, heads * dim, order), three(x, n, heads * dim, order), part(x, n, heads * dim, order);
    rope(Rope1d<RopePairs>{}, positions, frequencies, one.parts(dim), team);
    one.expect(want);
    const RopeInterleaved3d policy{3, 3};
    rope_table(policy, axes.data(), n, frequencies.data(), half, table.data());
    want = rounded<T>(x);
    rope_rows<Native, RopeHalves>(want.data(), n, heads, dim, heads * dim, table.data(), half);
    rope(policy, view(axes.data(), n, 3), frequencies, three.parts(dim));
    three.expect(want);
    // Half of each head.
    rope_table(Rope1d<>{}, positions.data(), n, frequencies.data(), half / 2, table.data());
    want = rounded<T>(x);
    rope_rows<Native, RopeHalves>(want.data(), n, heads, dim, heads * dim, table.data(), half / 2);
    rope(Rope1d<>{}, positions, view(frequencies.data(), half / 2), slice(part.parts(dim), 2, 0, half));
    part.expect(want);
  });
}

TEST(TensorRows, Route) {
  constexpr std::size_t experts = 20, k = 4;
  const std::vector<float> logits = gaussian(n * experts, 11);
  ThreadTeam team(2);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    std::vector<float> in = rounded<T>(logits), want(n * k);
    std::vector<std::int32_t> want_ids(n * k), ids(n * k);
    route<Native, SigmoidScores>(in.data(), n, experts, {k, true, 1.0f}, want_ids.data(), want.data());
    Stored<T> from(logits, n, experts, order), weights(n, k, order);
    route(TopKRouter<k, SigmoidScores>{}, from.cview(), view(ids.data(), n, k), weights.view(), team);
    weights.expect(want);
    EXPECT_EQ(ids, want_ids);
    std::vector<std::int32_t> columns(n * k);
    route(TopKRouter<k, SigmoidScores>{}, from.cview(), transposed(view(columns.data(), k, n)), weights.view());
    for (std::size_t i = 0; i < n * k; ++i) EXPECT_EQ(columns[i % k * n + i / k], want_ids[i]);
    from.expect(logits);  // not overwritten
  });
}

TEST(TensorRows, Quantize) {
  constexpr std::size_t cols = 96;
  const std::vector<float> x = gaussian(n * cols, 12);
  ThreadTeam team(2);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    const std::vector<float> in = rounded<T>(x);
    std::vector<Int8Group> want(QuantizedRows::count(n, cols));
    Solo solo;
    quantize_rows<Native>(in.data(), n, cols, cols, {want.data(), cols / 32}, solo);
    Stored<T> from(x, n, cols, order);
    QuantizedTensor got(n, cols);
    quantize_rows(from.cview(), got, team);
    for (std::size_t g = 0; g < want.size(); ++g) {
      EXPECT_EQ(got.rows().groups[g].scale, want[g].scale);
      for (std::size_t i = 0; i < Int8Group::values; ++i) ASSERT_EQ(got.rows().groups[g].q[i], want[g].q[i]);
    }
  });
}

TEST(TensorRows, Sampling) {
  constexpr std::size_t vocab = 500;
  const std::vector<float> logits = gaussian(n * vocab, 13);
  const std::vector<std::int32_t> targets = {3, 499, 0, 77, 250};
  ThreadTeam team(3);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    const std::vector<float> in = rounded<T>(logits);
    Stored<T> from(logits, n, vocab, order), scores(1, n, order);
    std::vector<float> want(n);
    score_rows<Native>(in.data(), n, vocab, targets.data(), want.data());
    score_rows(from.cview(), targets, scores.view(), team);
    scores.expect(want);

    const SamplingParams params{.temperature = 0.7f, .top_k = 40, .top_p = 0.9f};
    std::vector<LogitBlock> stats(logit_blocks(vocab));
    std::vector<TokenLogit> candidates(vocab), best(3), got(3);
    SamplerRng raw{42, 0}, rng{42, 0};
    SampledToken token;
    scan_logits<Native>(in.data(), vocab, &params, stats.data());
    pick_token(in.data(), vocab, &params, stats.data(), candidates.data(), &raw, &token);
    const SampledToken sampled = sample_token(rows(from.cview(), 0, 1), params, rng, team);
    EXPECT_EQ(sampled.token, token.token);
    EXPECT_EQ(sampled.probability, token.probability);
    EXPECT_EQ(rng.counter, raw.counter);
    scan_logits<Native>(in.data(), vocab, 1.0f, stats.data());
    top_log_probs(in.data(), vocab, stats.data(), 3, candidates.data(), best.data());
    top_log_probs(rows(from.cview(), 0, 1), got);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(got[i].token, best[i].token);
      EXPECT_EQ(got[i].value, best[i].value);
    }
  });
}

#if VLMT_ASSERTS

// Each sentence names the call, the argument, what is expected and what is found.
TEST(TensorRows, WrongSizes) {
  using vlmt_test::assertion_of;
  std::vector<float> a(1000), b(1000);
  std::vector<std::int32_t> ids(100);
  const auto of = [&](auto... sizes) { return view(a.data(), sizes...); };
  const auto to = [&](auto... sizes) { return view(b.data(), sizes...); };
  EXPECT_EQ(assertion_of([&] { rms_norm(of(2, 64), of(63), 0.0f, to(2, 64)); }),
            "rms_norm: weight is (63), expected (64)");
  EXPECT_EQ(assertion_of([&] { rms_norm(of(2, 64), of(64), 0.0f, to(3, 64)); }),
            "rms_norm: y is (3, 64), expected (2, 64)");
  EXPECT_EQ(assertion_of([&] { rms_norm(of(2, 64), of(2, 32), 0.0f, to(2, 64)); }),
            "rms_norm: weight is (2, 32), expected one row or one column");
  EXPECT_EQ(assertion_of([&] { rms_norm(view<float>(nullptr, 2, 64), of(64), 0.0f, to(2, 64)); }),
            "rms_norm: x is (2, 64), expected memory, found null");
  const StridedView<float, 2> repeated(ViewEngine<float>(b.data()),
                                       Strided<DynExtents<2>>(DynExtents<2>(2, 64), {0, 1}));
  EXPECT_EQ(assertion_of([&] { rms_norm(of(2, 64), of(64), 0.0f, repeated); }),
            "rms_norm: y is (2, 64), expected an element of its own for each index, found a stride of 0");
  EXPECT_EQ(assertion_of([&] { layer_norm(of(2, 64), of(64), of(65), 0.0f, to(2, 64)); }),
            "layer_norm: bias is (65), expected (64)");
  EXPECT_EQ(assertion_of([&] { norm_rows(RmsNorm{a.data()}, of(2, 64), to(2, 63)); }),
            "norm_rows: y is (2, 63), expected (2, 64)");
  EXPECT_EQ(assertion_of([&] { activate_rows(Silu{}, of(2, 64), to(2, 63)); }),
            "activate_rows: y is (2, 63), expected (2, 64)");
  EXPECT_EQ(assertion_of([&] { gated_rows(Silu{}, of(2, 64), of(1, 64), to(2, 64)); }),
            "gated_rows: up is (1, 64), expected (2, 64)");
  EXPECT_EQ(assertion_of([&] { softmax(of(2, 64), to(64, 2)); }), "softmax: y is (64, 2), expected (2, 64)");
  EXPECT_EQ(assertion_of([&] { softmax(of(2, 0), to(2, 0)); }), "softmax: x is (2, 0), expected at least one column");
  EXPECT_EQ(assertion_of([&] { rope(Rope1d<>{}, view(ids.data(), 3), of(8), to(2, 2, 16)); }),
            "rope: positions is (3), expected (2)");
  EXPECT_EQ(assertion_of([&] { rope(Rope1d<>{}, view(ids.data(), 2), of(9), to(2, 2, 16)); }),
            "rope: frequencies is (9), expected (8)");
  EXPECT_EQ(assertion_of([&] { rope(Rope1d<>{}, view(ids.data(), 2), of(7), to(2, 2, 15)); }),
            "rope: x is (2, 2, 15), expected an even size of heads");
  EXPECT_EQ(assertion_of([&] { rope(Rope2d{}, view(ids.data(), 2, 3), of(4), to(2, 2, 16)); }),
            "rope: positions is (2, 3), expected (2, 2)");
  EXPECT_EQ(assertion_of([&] { route(TopKRouter<4>{}, of(2, 8), view(ids.data(), 2, 3), to(2, 3)); }),
            "route: ids is (2, 3), expected (2, 4)");
  EXPECT_EQ(assertion_of([&] { route(TopKRouter<4>{}, of(2, 8), view(ids.data(), 2, 4), to(2, 3)); }),
            "route: weights is (2, 3), expected (2, 4)");
  EXPECT_EQ(assertion_of([&] { route(TopKRouter<4>{}, of(2, 3), view(ids.data(), 2, 4), to(2, 4)); }),
            "route: ids is (2, 4), expected at most one choice for each expert");
  QuantizedTensor q(2, 64);
  EXPECT_EQ(assertion_of([&] { quantize_rows(of(2, 32), q); }), "quantize_rows: x is (2, 32), expected (2, 64)");
  SamplerRng rng;
  EXPECT_EQ(assertion_of([&] { sample_token(of(0), {}, rng); }),
            "sample_token: logits is (0), expected between 1 and 2^31 - 1 tokens");
  std::vector<TokenLogit> top(9);
  EXPECT_EQ(assertion_of([&] { top_log_probs(of(8), top); }),
            "top_log_probs: top is (9), expected at most the number of tokens");
  EXPECT_EQ(assertion_of([&] { score_rows(of(2, 8), view(ids.data(), 3), to(2)); }),
            "score_rows: targets is (3), expected (2)");
}

#endif

}  // namespace
}  // namespace tensor_rows_tests
