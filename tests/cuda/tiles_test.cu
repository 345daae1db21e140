// Weights in tiles, int8 forms of activations and their products, against the formats' own decode and sums in double.
#include <cstdint>
#include <string>
#include <vector>

#include "vlmt/kernel/cuda/step.cuh"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/rope_policy.hpp"
#include "vlmt/quant/row.hpp"
#include "vlmt/testing/compare.hpp"

#include "cuda/device.cuh"
#include "quant/weights.hpp"

namespace vlmt::cuda_test {
namespace tiles {

using ::vlmt::testing::compare;

constexpr double limit = 2e-6;

/// A matrix in tiles on the device, and its values.
struct Tiled {
  Tiled(std::uint32_t type, std::size_t rows, std::size_t cols, vlmt_test::Random& random, cudaStream_t stream)
      : memory(cuda::matrix_bytes(type, rows, cols)), values(rows * cols) {
    std::vector<float> x(rows * cols);
    for (float& v : x) v = static_cast<float>(random.normal());
    std::vector<std::byte> blocks(row_bytes(type, x.size()));
    encode_row(type, x.data(), x.size(), blocks.data());
    decode_row(type, blocks.data(), x.size(), values.data());
    const Device<std::byte> file(blocks, stream);
    cuda::store_matrix(type, file.data(), rows, cols, memory.data(), stream);
    cuda::check(cudaStreamSynchronize(stream), "tiles");
    matrix = {memory.data(), type, rows, cols, 1.0f, cuda::tile_groups(type, cols)};
  }
  CudaBuffer memory;
  std::vector<float> values;
  cuda::Matrix matrix;
};

class CudaTiles : public OnDevice {
 protected:
  template <class Op>
  void run(const Op& op) {
    StepCuda step(stream_);
    step(op);
    step.wait();
  }
  std::vector<float> normal(std::size_t n) {
    std::vector<float> x(n);
    for (float& v : x) v = static_cast<float>(random_.normal());
    return x;
  }
  Tiled tiled(std::uint32_t type, std::size_t rows, std::size_t cols) {
    return Tiled(type, rows, cols, random_, stream_);
  }
  static void expect_close(const std::vector<float>& got, const std::vector<double>& want, const std::string& what) {
    const auto c = compare(got, std::vector<float>(want.begin(), want.end()));
    EXPECT_LT(c.relative_l2, limit) << what << ": " << c.line();
  }

  vlmt_test::Random random_{23};
};

/// Rows on the device in the forms that matrices read.
struct InForms {
  template <class... Readers>
  InForms(const std::vector<float>& x, std::size_t n, cudaStream_t stream, const Readers&... readers)
      : memory(x.size() * 8 + 4096) {
    Carver carver(memory.data(), memory.bytes());
    const std::size_t cols = x.size() / n;
    const auto buffer = BackendTypes<Cuda>::take_rows(carver, n, cols);
    cuda::copy_in(buffer.x, x, stream);
    rows = BackendTypes<Cuda>::rows(buffer, Numerics::fast, n, cols, n, readers...);
    cuda::convert(rows, stream);
  }
  /// The values of the int8 form.
  std::vector<double> values(cudaStream_t stream) const {
    const auto q = cuda::copy_out(rows.q, rows.n * rows.cols, stream);
    const auto scales = cuda::copy_out(rows.scales, rows.n * rows.cols / 32, stream);
    std::vector<double> x;
    for (std::size_t i = 0; i < q.size(); ++i) {
      x.push_back(static_cast<double>(scales[i / 32].scale) * static_cast<double>(q[i]));
    }
    return x;
  }
  CudaBuffer memory;
  cuda::Rows rows;
};

/// (n, rows) = x (n, cols) times w (rows, cols).
std::vector<double> product(const std::vector<double>& x, const std::vector<float>& w, std::size_t cols) {
  std::vector<double> y;
  for (std::size_t r = 0; r < x.size(); r += cols) {
    for (std::size_t o = 0; o < w.size(); o += cols) {
      double sum = 0.0;
      for (std::size_t i = 0; i < cols; ++i) sum += x[r + i] * static_cast<double>(w[o + i]);
      y.push_back(sum);
    }
  }
  return y;
}

TEST_F(CudaTiles, DecodeToTheValuesOfTheFile) {
  for_each_type(cuda::TiledFormats{}, [&](auto tag) {
    using Format = typename decltype(tag)::type;
    for (std::size_t cols : {256u, 512u, 768u, 2048u}) {
      const std::size_t rows = 37;
      const Tiled w = tiled(Format::type_id, rows, cols);
      ASSERT_NE(w.matrix.tile_groups, 0u);
      std::vector<std::int32_t> all(rows);
      for (std::size_t i = 0; i < rows; ++i) all[i] = static_cast<std::int32_t>(i);
      const Device<std::int32_t> ids(all, stream_);
      const Device<float> y(rows * cols);
      run(op::Embed<cuda::Matrix>{w.matrix, ids.data(), nullptr, nullptr, y.data(), rows, 0, cols});
      EXPECT_EQ(y.host(stream_), w.values) << Format::name << " " << cols;
    }
  });
}

TEST_F(CudaTiles, ExactProductsOfFloats) {
  const std::size_t rows = 37, cols = 768, n = 3;
  const std::vector<float> x = normal(n * cols);
  const Device<float> xs(x, stream_), y(n * rows);
  for_each_type(cuda::TiledFormats{}, [&](auto tag) {
    const Tiled w = tiled(decltype(tag)::type::type_id, rows, cols);
    run(op::Product{cuda::Rows{xs.data(), n, cols}, op::One{w.matrix}, op::Store{y.data(), rows}});
    expect_close(y.host(stream_), product({x.begin(), x.end()}, w.values, cols), "exact product");
  });
}

TEST_F(CudaTiles, Int8FormsAreNear) {
  const std::size_t n = 3, cols = 256;
  std::vector<float> x = normal(n * cols);
  for (std::size_t i = 0; i < 32; ++i) x[64 + i] = 0.0f;
  const Tiled w = tiled(Q8_0::type_id, 8, cols);
  const InForms in(x, n, stream_, w.matrix);
  const std::vector<double> got = in.values(stream_);
  const auto q = cuda::copy_out(in.rows.q, n * cols, stream_);
  const auto scales = cuda::copy_out(in.rows.scales, n * cols / 32, stream_);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(got[i], static_cast<double>(x[i]), 0.50001 * static_cast<double>(scales[i / 32].scale)) << i;
  }
  for (std::size_t g = 0; g < scales.size(); ++g) {
    int sums[2] = {};
    for (std::size_t i = 0; i < 32; ++i) sums[i / 16] += q[32 * g + i];
    EXPECT_EQ(scales[g].sums[0], sums[0]) << g;
    EXPECT_EQ(scales[g].sums[1], sums[1]) << g;
  }
  EXPECT_EQ(scales[2].scale, 0.0f) << "a group of zeros";
}

// The norm quantises its rows itself; the values are those of floats that are quantised afterwards.
TEST_F(CudaTiles, NormsWriteTheFormsOfTheirReaders) {
  for (std::size_t cols : {256u, 4096u, 8192u, 8448u}) {
    const std::size_t n = 2;
    const std::vector<float> x = normal(n * cols), weight = normal(cols);
    const Device<float> xs(x, stream_), weights(weight, stream_), y(n * cols);
    const Tiled w = tiled(Q8_0::type_id, 8, cols);
    const InForms out(std::vector<float>(n * cols), n, stream_, w.matrix);
    run(op::Normalise{RmsNorm{weights.data(), 1e-6f}, xs.data(), n, cols, out.rows});
    run(op::NormaliseFloats{RmsNorm{weights.data(), 1e-6f}, xs.data(), y.data(), n, cols});
    const std::vector<double> got = out.values(stream_);
    const std::vector<float> want = y.host(stream_);
    const auto scales = cuda::copy_out(out.rows.scales, n * cols / 32, stream_);
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], static_cast<double>(want[i]), 0.501 * static_cast<double>(scales[i / 32].scale)) << i;
    }
  }
}

TEST_F(CudaTiles, Int8Products) {
  struct Shape {
    std::size_t rows, cols;
  };
  for_each_type(cuda::TiledFormats{}, [&](auto tag) {
    using Format = typename decltype(tag)::type;
    // Tiles of 8, 16 and 32 rows; fewer units than blocks, and several units for each block.
    for (const Shape s : {Shape{37, 256}, Shape{4500, 512}, Shape{1300, 2048}, Shape{40, 3072}}) {
      const Tiled w = tiled(Format::type_id, s.rows, s.cols);
      for (std::size_t n : {1u, 2u, 3u, 4u}) {
        const InForms in(normal(n * s.cols), n, stream_, w.matrix);
        ASSERT_TRUE(cuda::takes_int8(in.rows, w.matrix));
        const std::vector<float> before = normal(n * s.rows);
        const Device<float> y(before, stream_);
        cuda::Matrix half = w.matrix;
        half.scale = 0.5f;
        run(op::Product{in.rows, op::One{half}, op::Add{y.data(), s.rows}});
        std::vector<double> want = product(in.values(stream_), w.values, s.cols);
        for (std::size_t i = 0; i < want.size(); ++i) want[i] = 0.5 * want[i] + static_cast<double>(before[i]);
        expect_close(y.host(stream_), want,
                     std::string(Format::name) + " " + std::to_string(s.rows) + " " + std::to_string(s.cols));
      }
    }
  });
}

/// Products of many rows: of values rounded to bfloat16, with sums in float.
TEST_F(CudaTiles, ManyRowsInBfloat16) {
  struct Shape {
    std::size_t rows, cols, n;
  };
  const auto check = [&](const Tiled& w, const Shape& s, const std::string& name) {
    std::vector<float> x = normal(s.n * s.cols);
    const InForms in(x, s.n, stream_, w.matrix);
    ASSERT_TRUE(cuda::takes_wide(in.rows, w.matrix));
    EXPECT_FALSE(in.rows.floats);
    const auto round = [](float v) { return static_cast<double>(static_cast<float>(bfloat16(v))); };
    std::vector<double> rounded;
    for (float v : x) rounded.push_back(round(v));
    std::vector<float> values;
    for (float v : w.values) values.push_back(static_cast<float>(round(v)));
    const std::vector<float> before = normal(s.n * s.rows), bias = normal(s.rows);
    const Device<float> y(before, stream_), biases(bias, stream_);
    cuda::Matrix half = w.matrix;
    half.scale = 0.5f;
    run(op::Product{in.rows, op::One{half}, op::AddBiased{y.data(), s.rows, biases.data()}});
    std::vector<double> want = product(rounded, values, s.cols);
    for (std::size_t i = 0; i < want.size(); ++i) {
      want[i] = 0.5 * want[i] + static_cast<double>(before[i]) + static_cast<double>(bias[i % s.rows]);
    }
    expect_close(y.host(stream_), want, name + " " + std::to_string(s.n));
  };
  // Each size of blocks, with rows and columns that do not fill them.
  const std::vector<Shape> shapes{{37, 256, 5}, {200, 768, 70}, {4500, 512, 600}};
  for (const Shape& s : shapes) {
    for_each_type(cuda::TiledFormats{}, [&](auto tag) {
      using Format = typename decltype(tag)::type;
      if (s.rows > 1000 && Format::type_id != Q4_K::type_id && Format::type_id != Q6_K::type_id) return;
      check(tiled(Format::type_id, s.rows, s.cols), s, std::string(Format::name));
    });
  }
  for (const Shape& s : {Shape{37, 104, 5}, Shape{70, 1000, 130}}) {  // steps that end inside a group
    check(tiled(BF16::type_id, s.rows, s.cols), s, "BF16");
    check(tiled(F16::type_id, s.rows, s.cols), s, "F16");
  }
}

TEST_F(CudaTiles, ManyRowsOfPairs) {
  const std::size_t cols = 512, ffn = 328, n = 70;
  const Tiled gate = tiled(Q4_K::type_id, ffn, cols), up = tiled(Q6_K::type_id, ffn, cols);
  const Tiled down = tiled(BF16::type_id, 8, ffn);
  const std::vector<float> x = normal(n * cols);
  const InForms in(x, n, stream_, gate.matrix, up.matrix);
  const InForms out(std::vector<float>(n * ffn), n, stream_, down.matrix);
  ASSERT_NE(out.rows.b, nullptr);
  run(op::Product{in.rows, op::Pair{gate.matrix, up.matrix}, op::Gate<Silu, cuda::Rows>{out.rows}});
  const std::vector<double> xs(x.begin(), x.end());
  const auto a = product(xs, gate.values, cols), b = product(xs, up.values, cols);
  std::vector<double> want;
  for (std::size_t i = 0; i < a.size(); ++i) want.push_back(Silu::apply(a[i]) * b[i]);
  std::vector<float> got;
  for (const __nv_bfloat16 v : cuda::copy_out(out.rows.b, n * ffn, stream_)) got.push_back(__bfloat162float(v));
  const auto c = compare(got, std::vector<float>(want.begin(), want.end()));
  EXPECT_LT(c.relative_l2, 8e-3) << c.line();
}

// Gate and up of different formats; the result is quantised for the next product.
TEST_F(CudaTiles, Int8PairsGateInTheFormsOfTheirReaders) {
  for (std::size_t cols : {512u, 1024u}) {
    const std::size_t ffn = 768, n = 3;
    const Tiled gate = tiled(Q4_K::type_id, ffn, cols), up = tiled(Q6_K::type_id, ffn, cols);
    const Tiled down = tiled(Q5_K::type_id, 8, ffn);
    const InForms in(normal(n * cols), n, stream_, gate.matrix, up.matrix);
    const InForms out(std::vector<float>(n * ffn), n, stream_, down.matrix);
    run(op::Product{in.rows, op::Pair{gate.matrix, up.matrix}, op::Gate<Silu, cuda::Rows>{out.rows}});
    const auto a = product(in.values(stream_), gate.values, cols), b = product(in.values(stream_), up.values, cols);
    const std::vector<double> got = out.values(stream_);
    const auto scales = cuda::copy_out(out.rows.scales, n * ffn / 32, stream_);
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], Silu::apply(a[i]) * b[i], 0.501 * static_cast<double>(scales[i / 32].scale)) << i;
    }
  }
}

// Queries, keys and values of three formats, and the same bits whether kernels may start early or not.
TEST_F(CudaTiles, Int8QueriesKeysAndValues) {
  const std::size_t cols = 1024, dim = 64, heads = 33, kv_heads = 3, n = 2;
  const Tiled q = tiled(Q4_K::type_id, heads * dim, cols), k = tiled(Q5_K::type_id, kv_heads * dim, cols),
              v = tiled(Q6_K::type_id, kv_heads * dim, cols);
  const InForms in(normal(n * cols), n, stream_, q.matrix, k.matrix, v.matrix);
  const Device<float> qkv(n * (heads + 2 * kv_heads) * dim), angles(normal(n * dim), stream_);
  const cuda::KvPageLayout layout{F32::type_id, F32::type_id, kv_heads, dim, 4};
  const Device<std::byte> page(layout.layer_bytes());
  const Device<std::byte*> pages(std::vector<std::byte*>{page.data()}, stream_);
  const Device<std::int32_t> start(std::vector<std::int32_t>{0}, stream_),
      first(std::vector<std::int32_t>{0, 2}, stream_);
  const cuda::Sequences sequences{layout, pages.data(), start.data(), first.data(), 1, 1};
  using Heads = op::RotateAndCache<NoQkNorm, RopeHalves, cuda::Sequences>;
  const op::Product op{in.rows, op::Qkv{q.matrix, k.matrix, v.matrix},
                       Heads{{}, angles.data(), qkv.data(), heads, kv_heads, dim, sequences, 0}};
  run(op);
  const std::vector<float> got = qkv.host(stream_);
  const auto x = in.values(stream_);
  const auto values = product(x, v.values, cols), keys = product(x, k.values, cols);
  const std::size_t width = (heads + 2 * kv_heads) * dim, kv = kv_heads * dim;
  std::vector<float> got_keys, got_values;
  for (std::size_t t = 0; t < n; ++t) {
    const float* row = got.data() + t * width + heads * dim;
    got_keys.insert(got_keys.end(), row, row + kv);
    got_values.insert(got_values.end(), row + kv, row + 2 * kv);
  }
  expect_close(got_keys, keys, "keys");  // left as they were before the rotation
  expect_close(got_values, values, "values");

  cuda::early_starts = false;
  run(op);
  cuda::early_starts = true;
  EXPECT_EQ(qkv.host(stream_), got);
}

}  // namespace tiles
}  // namespace vlmt::cuda_test
