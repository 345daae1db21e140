// Matrices, products, attention and images as tensors equal their raw forms bit by bit, for all element types and
// orders.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/tensors/attention.hpp"
#include "vlmt/kernel/tensors/grouped_matmul.hpp"
#include "vlmt/kernel/tensors/matmul.hpp"
#include "vlmt/kernel/tensors/patches.hpp"
#include "vlmt/kernel/tensors/resample.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/q8_0.hpp"
#include "vlmt/tensor/eigen.hpp"
#include "vlmt/tensor/slice.hpp"

#include "base/assertion_of.hpp"
#include "kernel/kernel_check.hpp"
#include "kernel/tensor_operands.hpp"

namespace tensor_products_tests {
namespace {

using namespace vlmt;
using vlmt_test::for_operands;
using vlmt_test::gaussian;
using vlmt_test::Order;
using vlmt_test::rounded;
using vlmt_test::Stored;

using Native = arch::native;

/// Blocks of weights (rows, cols).
std::vector<Q8_0::Block> blocks_of(const std::vector<float>& weights) {
  std::vector<Q8_0::Block> blocks(weights.size() / Q8_0::values);
  encode_row<Q8_0>(weights.data(), weights.size(), blocks.data());
  return blocks;
}

/// A tensor of a file that holds the blocks.
AnyTensor tensor_of(const std::vector<Q8_0::Block>& blocks, std::size_t rank, std::array<std::size_t, 4> shape) {
  AnyTensor t;
  t.name = "w";
  t.type_id = Q8_0::type_id;
  t.rank = rank;
  t.shape = shape;
  t.bytes = std::as_bytes(std::span(blocks));
  return t;
}

void expect_bytes(const std::byte* got, const std::vector<std::byte>& want) {
  EXPECT_EQ(std::vector<std::byte>(got, got + want.size()), want);
}

// However a matrix is made, its bytes are those of `pack`.
TEST(TensorMatrix, IsMadeFromFloatsBlocksAndFiles) {
  constexpr std::size_t rows = 37, cols = 96;
  const std::vector<float> weights = gaussian(rows * cols, 1);
  ThreadTeam team(3);
  TensorScratch scratch;
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    const auto blocks = blocks_of(rounded<T>(weights));
    std::vector<std::byte> want(packed_bytes<Q8_0, Native>(rows, cols));
    Solo solo;
    pack<Q8_0, Native>(blocks.data(), rows, cols, want.data(), solo.member());
    Stored<T> from(weights, rows, cols, order);
    using M = Matrix<Q8_0>;
    const M matrices[] = {M::encode(from.cview(), team, scratch), M::encode(from.view()),
                          M::pack(view(blocks.data(), rows, cols / 32), team),
                          M::pack(tensor_of(blocks, 2, {rows, cols, 1, 1}))};
    for (const M& m : matrices) {
      EXPECT_EQ(m.rows(), rows);
      EXPECT_EQ(m.cols(), cols);
      EXPECT_EQ(m.bytes(), want.size());
      expect_bytes(m.packed().data, want);
    }
  });
  EXPECT_GT(scratch.bytes(), 0u);
  const PackedMatrix<Native> packed = Matrix<Q8_0>();
  EXPECT_EQ(packed.rows, 0u);
  EXPECT_EQ(Matrix<Q8_0>::format(), "Q8_0");
}

TEST(TensorMatrix, IsMadeFromStackedExperts) {
  constexpr std::size_t experts = 3, rows = 19, cols = 64;
  const std::vector<float> weights = gaussian(experts * rows * cols, 2);
  const auto blocks = blocks_of(weights);
  const std::size_t bytes = packed_bytes<Q8_0, Native>(rows, cols);
  std::vector<std::byte> want(experts * bytes);
  Solo solo;
  for (std::size_t e = 0; e < experts; ++e) {
    pack<Q8_0, Native>(blocks.data() + e * rows * 2, rows, cols, want.data() + e * bytes, solo.member());
  }
  ThreadTeam team(3);
  using E = ExpertMatrices<Q8_0>;
  const E made[] = {E::encode(view(weights.data(), experts, rows, cols), team),
                    E::pack(view(blocks.data(), experts, rows, cols / 32), team),
                    E::pack(tensor_of(blocks, 3, {experts, rows, cols, 1}))};
  for (const E& e : made) {
    EXPECT_EQ(e.experts(), experts);
    expect_bytes(e.packed().data, want);
  }
}

std::string error_of(const AnyTensor& t, bool experts = false) {
  try {
    if (experts) {
      ExpertMatrices<Q8_0>::pack(t);
    } else {
      Matrix<Q8_0>::pack(t);
    }
  } catch (const InputError& e) {
    return e.what();
  }
  return "none";
}

TEST(TensorMatrix, RefusesOtherTensorsOfFiles) {
  const auto blocks = blocks_of(std::vector<float>(4 * 64));
  const AnyTensor good = tensor_of(blocks, 2, {4, 64, 1, 1});
  EXPECT_EQ(error_of(good), "none");
  AnyTensor t = good;
  t.type_id = F32::type_id;
  EXPECT_EQ(error_of(t), "`w`: this tensor does not fit the matrix (expected Q8_0, found F32)");
  t.type_id = 9999;
  EXPECT_EQ(error_of(t), "`w`: this tensor does not fit the matrix (expected Q8_0, found type 9999)");
  t = good, t.shape[1] = 65;
  EXPECT_EQ(error_of(t), "`w`: this tensor does not fit the matrix (expected a multiple of 32 columns, found 65)");
  t = good, t.shape[0] = 5;
  EXPECT_EQ(error_of(t), "`w`: this tensor does not fit the matrix (expected 340 bytes, found 272 bytes)");
  t = good, t.shape[0] = std::size_t{1} << 60;
  EXPECT_EQ(error_of(t), "`w`: this tensor does not fit the matrix (expected fewer values, found 272 bytes)");
  EXPECT_EQ(error_of(good, true), "`w`: stacked experts have three sizes (expected rank 3, found rank 2)");
}

TEST(TensorProducts, Matmul) {
  constexpr std::size_t n = 131, rows = 40, cols = 64;  // more rows than are converted at a time
  const std::vector<float> x = gaussian(n * cols, 3);
  const auto w = Matrix<Q8_0>::encode(view(gaussian(rows * cols, 4).data(), rows, cols));
  ThreadTeam team(3);
  TensorScratch scratch;
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    const std::vector<float> in = rounded<T>(x);
    std::vector<float> want(n * rows);
    Solo solo;
    matmul(w.packed(), float_rows(in.data(), n, cols), Store<Native>{want.data(), rows}, solo.member());
    Stored<T> from(x, n, cols, order), to(n, rows, order);
    matmul(w, from.cview(), to.view(), team, scratch);
    to.expect(want);
    matmul(w.packed(), from.view(), to.view());
    to.expect(want);
    std::vector<float> dense(n * rows);
    matmul(w, from.view(), view(dense.data(), n, rows), team);
    EXPECT_EQ(dense, want);

    QuantizedTensor q(n, cols);
    quantize_rows(from.cview(), q);
    matmul(w.packed(), q.activations(), Store<Native>{want.data(), rows}, solo.member());
    matmul(w, q, to.view(), team);
    to.expect(want);
  });
  std::vector<float> y(rows), first(n * rows);
  matmul(w, view(x.data(), cols), y);  // vectors are one row
  matmul(w, view(x.data(), n, cols), view(first.data(), n, rows));
  EXPECT_EQ(y, std::vector<float>(first.begin(), first.begin() + rows));
}

// In double, with column-major matrices of Eigen as weights, input and output.
TEST(TensorProducts, MatmulOfEigenMatrices) {
  const Eigen::MatrixXf weights = Eigen::MatrixXf::Random(24, 33), x = Eigen::MatrixXf::Random(7, 33);
  Eigen::MatrixXf y(7, 24);
  matmul(Matrix<F32>::encode(weights), x, y);
  const Eigen::MatrixXd want = x.cast<double>() * weights.cast<double>().transpose();
  EXPECT_LT((y.cast<double>() - want).cwiseAbs().maxCoeff(), 1e-5);
}

TEST(TensorProducts, GroupedMatmul) {
  constexpr std::size_t experts = 5, n = 9, k = 2, rows = 34, cols = 64;
  const std::vector<float> x = gaussian(n * cols, 5);
  const auto w = ExpertMatrices<Q8_0>::encode(view(gaussian(experts * rows * cols, 6).data(), experts, rows, cols));
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < n * k; ++i) ids.push_back(static_cast<std::int32_t>(i * 7 % 4));  // one expert is unused
  ThreadTeam team(3);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    const std::vector<float> in = rounded<T>(x);
    std::vector<float> want(n * k * rows);
    Solo solo;
    for (std::size_t i = 0; i < n * k; ++i) {
      matmul(w.packed().expert(static_cast<std::size_t>(ids[i])), float_rows(in.data() + i / k * cols, 1, cols),
             Store<Native>{want.data() + i * rows, rows}, solo.member());
    }
    Stored<T> from(x, n, cols, order), to(n, k * rows, order);
    grouped_matmul(w, from.cview(), view(ids.data(), n, k), to.parts(rows), team);
    to.expect(want);
    grouped_matmul(w, from.cview(), view(ids.data(), n, k), to.parts(rows));
    to.expect(want);
  });
}

TEST(TensorProducts, Attention) {
  constexpr std::size_t n = 6, slots = 70, heads = 4, kv_heads = 2, dim = 16;
  const std::vector<float> q = gaussian(n * heads * dim, 7), k = gaussian(slots * kv_heads * dim, 8),
                           v = gaussian(slots * kv_heads * dim, 9);
  const std::int32_t start = slots - n;
  ThreadTeam team(3);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    const std::vector<float> in = rounded<T>(q);
    Stored<T> from(q, n, heads * dim, order), to(n, heads * dim, order);
    Stored<T> keys(k, slots, kv_heads * dim, Order::padded), values(v, slots, kv_heads * dim, Order::dense);
    std::vector<float> want(n * heads * dim), tiles(attention_tile_floats(dim));
    const KvView kv{detail::kv_rows_of<Native>(StridedView<const T, 3>(keys.parts(dim))),
                    detail::kv_rows_of<Native>(StridedView<const T, 3>(values.parts(dim))), kv_heads, dim, slots};
    attention<Native>(CausalAttention{}, {in.data(), heads * dim, n, heads}, kv, 0.25f, &start,
                      F32Rows{want.data(), heads * dim}, {tiles.data(), nullptr, 0});
    attention(CausalAttention{}, from.parts(dim), keys.parts(dim), values.parts(dim), 0.25f, to.parts(dim), team);
    to.expect(want);
    attention(CausalAttention{}, from.parts(dim), keys.parts(dim), values.parts(dim), 0.25f, from.parts(dim), team);
    from.expect(want);
  });
}

// (heads, slots, dim), as other libraries order it, in double.
TEST(TensorProducts, AttentionOfHeadsBeforeSlots) {
  constexpr std::size_t n = 5, heads = 2, dim = 8;
  const std::vector<float> x = gaussian(3 * heads * n * dim, 10);
  const auto part = [&](std::size_t i) { return view(x.data() + i * heads * n * dim, heads, n, dim); };
  std::vector<float> out(heads * n * dim);
  attention(FullAttention{}, transposed(part(0), 0, 1), transposed(part(1), 0, 1), transposed(part(2), 0, 1), 0.5f,
            transposed(view(out.data(), heads, n, dim), 0, 1));
  for (std::size_t h = 0; h < heads; ++h) {
    const auto head = [&](std::size_t i) { return eigen_map(view(&part(i)(h, 0, 0), n, dim)).template cast<double>(); };
    Eigen::MatrixXd p = (0.5 * (head(0) * head(1).transpose())).array().exp().matrix();
    for (Eigen::Index r = 0; r < p.rows(); ++r) p.row(r) /= p.row(r).sum();
    const Eigen::MatrixXd want = p * head(2);
    for (std::size_t i = 0; i < n * dim; ++i) {
      EXPECT_NEAR(static_cast<double>(out[h * n * dim + i]),
                  want(static_cast<Eigen::Index>(i / dim), static_cast<Eigen::Index>(i % dim)), 1e-5);
    }
  }
}

TEST(TensorImages, Resample) {
  constexpr std::size_t height = 90, width = 31, out_height = 70, out_width = 45;
  std::vector<std::uint8_t> image(height * width * 3), want(out_height * out_width * 3), got(want.size());
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i * 131 % 251);
  const ResamplePlan plan = plan_resample<Bicubic>(height, width, out_height, out_width);
  std::vector<std::uint8_t> scratch(resample_scratch_bytes(plan));
  resample(image.data(), plan, want.data(), scratch.data());
  ThreadTeam team(3);
  resample(view(image.data(), height, width, 3), plan, view(got.data(), out_height, out_width, 3), team);
  EXPECT_EQ(got, want);
  std::fill(got.begin(), got.end(), std::uint8_t{0});
  resample<Bicubic>(view(image.data(), height, width, 3), view(got.data(), out_height, out_width, 3));
  EXPECT_EQ(got, want);
}

TEST(TensorImages, Patches) {
  constexpr std::size_t times = 2, patch = 4, merge = 2, rows = 4, columns = 6, outputs = 21;
  constexpr std::size_t values = 3 * times * patch * patch, n = rows * columns;
  std::vector<std::uint8_t> frames(times * rows * columns * patch * patch * 3);
  for (std::size_t i = 0; i < frames.size(); ++i) frames[i] = static_cast<std::uint8_t>(i * 37 % 253);
  const PatchCut cut{.patch = patch, .merge = merge, .mean = {0.5f, 0.4f, 0.3f}, .deviation = {0.5f, 0.25f, 0.2f}};
  std::vector<float> normalised(3 * 256), want(n * values), features(n * outputs);
  for (std::size_t i = 0; i < normalised.size(); ++i) {
    normalised[i] = (static_cast<float>(i % 256) / 255.0f - cut.mean[i / 256]) / cut.deviation[i / 256];
  }
  const std::uint8_t* frame[] = {frames.data(), frames.data() + frames.size() / 2};
  patchify(op::Patchify{frame, normalised.data(), rows, columns, patch, times, merge, want.data()});
  ThreadTeam team(3);
  for_operands([&]<class T>(TypeTag<T>, Order order) {
    Stored<T> cuts(n, values, order), to(n, outputs, order);
    patchify(view(frames.data(), times, rows * patch, columns * patch, 3), cut, cuts.view(), team);
    const std::vector<float> in = rounded<T>(want);
    const std::vector<float> weights = rounded<T>(gaussian(outputs * values, 11)), bias = gaussian(outputs, 12);
    const PatchWeights w(view(weights.data(), outputs, 3, times, patch, patch), bias);
    patch_embed<Native>(w.kernel(), in.data(), n, features.data());
    patch_embed(w, cuts.cview(), to.view(), team);
    to.expect(features);
    cuts.expect(want);
    // The convolution itself, in double.
    double sum = static_cast<double>(bias[20]);
    for (std::size_t i = 0; i < values; ++i) {
      sum += static_cast<double>(weights[20 * values + i]) * static_cast<double>(in[3 * values + i]);
    }
    EXPECT_NEAR(static_cast<double>(features[3 * outputs + 20]), sum, 1e-3);
  });
}

#if VLMT_ASSERTS

TEST(TensorProducts, WrongSizes) {
  using vlmt_test::assertion_of;
  std::vector<float> a(4000), b(4000);
  std::vector<std::int32_t> ids(100);
  std::vector<std::uint8_t> bytes(1000);
  const auto of = [&](auto... sizes) { return view(std::as_const(a).data(), sizes...); };
  const auto to = [&](auto... sizes) { return view(b.data(), sizes...); };
  const auto w = Matrix<Q8_0>::encode(of(8, 64));
  EXPECT_EQ(assertion_of([&] { Matrix<Q8_0>::encode(of(2, 40)); }),
            "Matrix::encode: weights is (2, 40), expected a multiple of 32 columns");
  EXPECT_EQ(assertion_of([&] { ExpertMatrices<Q8_0>::encode(of(1, 2, 40)); }),
            "ExpertMatrices::encode: weights is (1, 2, 40), expected a multiple of 32 columns");
  std::vector<Q8_0::Block> blocks(16);
  EXPECT_EQ(assertion_of([&] { Matrix<Q8_0>::pack(transposed(view(blocks.data(), 4, 4))); }),
            "Matrix::pack: blocks is (4, 4), expected dense elements, found strides: copy it");
  EXPECT_EQ(assertion_of([&] { matmul(w, of(2, 32), to(2, 8)); }), "matmul: x is (2, 32), expected (any, 64)");
  EXPECT_EQ(assertion_of([&] { matmul(w, of(2, 64), to(2, 9)); }), "matmul: y is (2, 9), expected (2, 8)");
  EXPECT_EQ(assertion_of([&] { matmul(w, QuantizedTensor(2, 32), to(2, 8)); }),
            "matmul: x.cols() == w.cols: 32 and 64");
  EXPECT_EQ(assertion_of([&] { matmul(w, QuantizedTensor(2, 64), to(1, 8)); }), "matmul: y is (1, 8), expected (2, 8)");
  EXPECT_EQ(assertion_of([&] { matmul(Matrix<F32>::encode(of(8, 64)), QuantizedTensor(2, 64), to(2, 8)); }),
            "matmul: w is of format F32, expected one with an int8 form");
  const auto e = ExpertMatrices<Q8_0>::encode(of(2, 8, 64));
  const auto choices = view(std::as_const(ids).data(), 2, 2);
  EXPECT_EQ(assertion_of([&] { grouped_matmul(e, of(2, 32), choices, to(2, 2, 8)); }),
            "grouped_matmul: x is (2, 32), expected (any, 64)");
  EXPECT_EQ(assertion_of([&] { grouped_matmul(e, of(3, 64), choices, to(2, 2, 8)); }),
            "grouped_matmul: ids is (2, 2), expected (3, any)");
  EXPECT_EQ(assertion_of([&] { grouped_matmul(e, of(2, 64), choices, to(2, 3, 8)); }),
            "grouped_matmul: y is (2, 3, 8), expected (2, 2, 8)");
  ids[1] = 2;
  EXPECT_EQ(assertion_of([&] { grouped_matmul(e, of(2, 64), choices, to(2, 2, 8)); }),
            "grouped_matmul: ids: chosen(t, j) < w.experts: 2 and 2");
  const auto attend = [&](const auto& q, const auto& k, const auto& v, const auto& out) {
    return assertion_of([&] { attention(CausalAttention{}, q, k, v, 1.0f, out); });
  };
  EXPECT_EQ(attend(of(2, 4, 16), of(3, 2, 8), of(3, 2, 8), to(2, 4, 16)),
            "attention: k is (3, 2, 8), expected (any, any, 16)");
  EXPECT_EQ(attend(of(2, 4, 16), of(3, 2, 16), of(2, 2, 16), to(2, 4, 16)),
            "attention: v is (2, 2, 16), expected (3, 2, 16)");
  EXPECT_EQ(attend(of(2, 4, 16), of(3, 2, 16), of(3, 2, 16), to(2, 4, 8)),
            "attention: out is (2, 4, 8), expected (2, 4, 16)");
  EXPECT_EQ(attend(of(4, 4, 16), of(3, 2, 16), of(3, 2, 16), to(4, 4, 16)),
            "attention: k is (3, 2, 16), expected a slot for each query");
  EXPECT_EQ(attend(of(2, 3, 16), of(3, 2, 16), of(3, 2, 16), to(2, 3, 16)),
            "attention: k is (3, 2, 16), expected a number of heads that divides those of q");
  EXPECT_EQ(attend(of(2, 4, 16), transposed(of(3, 16, 2)), of(3, 2, 16), to(2, 4, 16)),
            "attention: k is (3, 2, 16), expected contiguous heads, found a stride: copy it");
  const ResamplePlan plan = plan_resample(4, 4, 2, 2);
  const auto image = view(std::as_const(bytes).data(), 4, 4, 3);
  EXPECT_EQ(assertion_of([&] { resample(image, plan, view(bytes.data() + 100, 2, 3, 3)); }),
            "resample: out is (2, 3, 3), expected (2, 2, 3)");
  EXPECT_EQ(assertion_of([&] { resample(transposed(image, 0, 1), plan, view(bytes.data() + 100, 2, 2, 3)); }),
            "resample: in is (4, 4, 3), expected dense elements, found strides: copy it");
  EXPECT_EQ(assertion_of([&] { resample<Bicubic>(image, view(bytes.data(), 0, 2, 3)); }),
            "resample: out is (0, 2, 3), expected at least one pixel");
  EXPECT_EQ(assertion_of([&] { patchify(view(bytes.data(), 1, 4, 6, 3), PatchCut{.patch = 4}, to(1, 48)); }),
            "patchify: frames is (1, 4, 6, 3), expected height and width that are multiples of patch * merge");
  EXPECT_EQ(assertion_of([&] { patchify(view(bytes.data(), 1, 4, 8, 3), PatchCut{.patch = 4}, to(2, 47)); }),
            "patchify: out is (2, 47), expected (2, 48)");
  EXPECT_EQ(assertion_of([&] { PatchWeights(of(5, 3, 1, 4, 4), of(6)); }), "PatchWeights: bias is (6), expected (5)");
  EXPECT_EQ(assertion_of([&] { PatchWeights(of(5, 3, 1, 4, 3), of(5)); }),
            "PatchWeights: weights is (5, 3, 1, 4, 3), expected (any, any, any, any, 4)");
  const PatchWeights patches(of(5, 3, 1, 4, 4), of(5));
  EXPECT_EQ(assertion_of([&] { patch_embed(patches, of(2, 47), to(2, 5)); }),
            "patch_embed: patches is (2, 47), expected (any, 48)");
  EXPECT_EQ(assertion_of([&] { patch_embed(patches, of(2, 48), to(2, 4)); }),
            "patch_embed: y is (2, 4), expected (2, 5)");
}

#endif

}  // namespace
}  // namespace tensor_products_tests
