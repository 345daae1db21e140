// Matmul drivers and epilogues: several matrices in one operation, fused tiles, mixed formats, thin matrices,
// arch::reference.
#include <array>
#include <string_view>

#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/nvfp4.hpp"
#include "vlmt/quant/q4_k.hpp"
#include "vlmt/quant/q8_0.hpp"

#include "matmul_problem.hpp"

namespace {

using namespace vlmt;
using namespace matmul_test;

using A = arch::native;

struct Rows {
  std::size_t n;
  std::size_t k;
  std::vector<float> x;
  std::vector<Int8Group> groups;

  Rows(std::size_t rows, std::size_t cols)
      : n(rows), k(cols), x(random_rows(rows, cols, 21)), groups(QuantizedRows::count(rows, cols)) {
    Solo solo;
    quantize_rows<A>(x.data(), n, k, k, quantized(), solo.member());
  }
  QuantizedRows quantized() { return {groups.data(), QuantizedRows::row_groups(k)}; }
  Activations both() { return {x.data(), k, quantized(), n, k}; }
};

template <class Format>
std::vector<float> product(const Problem<Format, A>& p, const Activations& x) {
  std::vector<float> y(x.rows * p.rows);
  Solo solo;
  matmul(make_packed_matrix(p.packed), x, Store<A>{y.data(), p.rows}, solo.member());
  return y;
}

TEST(MatmulDrivers, ManyMatricesOfSeveralFormatsAreOneOperation) {
  const Problem<Q4_K, A> wq(160, 2, 1);
  const Problem<Q8_0, A> wk(40, 16, 2);
  const Problem<F16, A> wv(33, 512, 3);
  for (const std::size_t n : {1u, 4u, 31u}) {
    Rows x(n, 512);
    const PackedMatrix<A> q = make_packed_matrix(wq.packed), k = make_packed_matrix(wk.packed),
                          v = make_packed_matrix(wv.packed);
    for (const std::size_t size : {1u, 2u, 3u, 7u}) {
      std::vector<float> yq(n * wq.rows, NAN), yk(n * wk.rows, NAN), yv(n * wv.rows, NAN);
      ThreadTeam team(size);
      team.run([&](Member& m) {
        matmul_many(x.both(), m, MatmulJob{q, Store<A>{yq.data(), wq.rows}}, MatmulJob{k, Store<A>{yk.data(), wk.rows}},
                    MatmulJob{v, Store<A>{yv.data(), wv.rows}});
      });
      EXPECT_EQ(yq, product(wq, x.both()));
      EXPECT_EQ(yk, product(wk, x.both()));
      EXPECT_EQ(yv, product(wv, x.both()));
    }
  }
}

TEST(MatmulDrivers, AThinMatrixIsSharedByRows) {
  const Problem<F16, A> w(16, 96, 4);
  Rows x(1501, 96);  // enough for a block of rows per member on every arch
  const std::vector<float> want = product(w, x.both());
  for (const std::size_t size : {2u, 3u, 7u}) {
    std::vector<float> y(want.size(), NAN);
    std::vector<std::size_t> tiles(size);
    ThreadTeam team(size);
    team.run([&](Member& m) {
      const auto count = [&](std::size_t row, std::size_t col, std::size_t n, const float* v) {
        Store<A>{y.data(), w.rows}(row, col, n, v);
        ++tiles[m.rank()];
      };
      matmul(make_packed_matrix(w.packed), x.both(), count, m);
    });
    EXPECT_EQ(y, want);
    for (const std::size_t t : tiles) EXPECT_GT(t, 0u);
  }
}

TEST(MatmulDrivers, TheScaleOfAMatrixMultipliesEveryValue) {
  const Problem<NVFP4, A> w(70, 4, 5);
  const Problem<F16, A> other(70, 256, 6);
  constexpr float scale = 0.3f;
  PackedMatrix<A> scaled = make_packed_matrix(w.packed);
  scaled.scale = scale;
  const PackedMatrix<A> plain = make_packed_matrix(w.packed), half = make_packed_matrix(other.packed);
  Solo solo;
  for (const std::size_t n : {1u, 4u, 9u}) {
    Rows x(n, 256);
    for (const Activations& a : {x.both(), float_rows(x.x.data(), n, 256)}) {
      std::vector<float> want = product(w, a), y(n * 70, NAN), left(n * 70), right(n * 70);
      for (float& v : want) v *= scale;
      matmul(scaled, a, Store<A>{y.data(), 70}, solo.member());
      EXPECT_EQ(y, want);
      // The scale applies only to its own matrix of a pair.
      matmul_pair(
          scaled, half, a,
          [&](std::size_t row, std::size_t col, std::size_t count, const float* l, const float* r) {
            std::copy_n(l, count, left.data() + row * 70 + col);
            std::copy_n(r, count, right.data() + row * 70 + col);
          },
          solo.member());
      EXPECT_EQ(left, want);
      EXPECT_EQ(right, product(other, a));
    }
  }
  float row[256], scaled_row[256];
  plain.decode_row(69, row);
  scaled.decode_row(69, scaled_row);
  for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(scaled_row[i], row[i] * scale);
}

TEST(MatmulDrivers, TheReferenceAppliesTheScale) {
  const Problem<NVFP4, arch::reference> w(5, 1, 7);
  PackedMatrix<arch::reference> scaled = make_packed_matrix(w.packed);
  scaled.scale = 3.0f;
  const std::vector<float> x = random_rows(2, 64, 8);
  std::vector<float> y(10), plain(10);
  matmul(scaled, view(x.data(), 2, 64), view(y.data(), 2, 5), Solo().member());
  matmul(w.packed, view(x.data(), 2, 64), view(plain.data(), 2, 5));
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(y[i], plain[i] * 3.0f);
}

/// A user-defined format: 24 values in 13 bytes, scalar code only.
struct Foreign {
  struct Block {
    std::uint8_t exponent;
    std::uint8_t nibbles[12];
  };
  static constexpr std::string_view name = "Foreign";
  static constexpr std::size_t values = 24;
  static constexpr std::uint32_t type_id = 1000;
  static constexpr std::array<BlockField, 2> fields = {{{0, 1, 1}, {1, 12, 4}}};
  static void decode(const Block& b, float* y) noexcept {
    for (std::size_t i = 0; i < 24; ++i) {
      y[i] = std::ldexp(static_cast<float>(b.nibbles[i / 2] >> (4 * (i % 2)) & 15) - 7.0f, b.exponent % 16 - 12);
    }
  }
  static void encode(const float* x, Block& b) noexcept {
    b = {9, {}};
    for (std::size_t i = 0; i < 24; ++i) {
      const float q = std::clamp(std::nearbyint(std::ldexp(x[i], 3)) + 7.0f, 0.0f, 15.0f);
      b.nibbles[i / 2] = static_cast<std::uint8_t>(b.nibbles[i / 2] | static_cast<unsigned>(q) << (4 * (i % 2)));
    }
  }
};

TEST(MatmulDrivers, AFormatWithoutSimdCodeUsesItsScalarDecode) {
  const Problem<Foreign, A> w(37, 25, 9);
  EXPECT_FALSE(make_packed_matrix(w.packed).takes_int8());
  std::vector<float> first;
  for (const std::size_t n : {1u, 3u, 20u}) {
    const std::vector<float> x = random_rows(n, w.cols, 22);
    std::vector<float> y(n * w.rows, NAN);
    matmul(w.packed, view(x.data(), n, w.cols), view(y.data(), n, w.rows));
    expect_product(w, n, y.data(), 260, {x.begin(), x.end()});
    if (n == 1) first.assign(y.begin(), y.begin() + 37);
    EXPECT_EQ(std::memcmp(first.data(), y.data(), 37 * sizeof(float)), 0);
  }
}

TEST(MatmulDrivers, NoRowsGiveNoOutput) {
  const Problem<Q8_0, A> w(8, 2, 5);
  Solo solo;
  matmul(
      make_packed_matrix(w.packed), Activations{nullptr, 0, {}, 0, 64},
      [](std::size_t, std::size_t, std::size_t, const float*) { FAIL(); }, solo.member());
}

TEST(MatmulDrivers, GatedPairWritesTheNextMatmulsInput) {
  const Problem<Q4_K, A> gate(96, 1, 6);
  const Problem<Q8_0, A> up(96, 8, 7);
  for (const std::size_t n : {1u, 14u}) {
    Rows x(n, 256);
    const std::vector<float> g = product(gate, x.both()), u = product(up, x.both());
    std::vector<float> y(n * 96, NAN), want(n * 96);
    std::vector<Int8Group> out(QuantizedRows::count(n, 96)), want_out(out.size());
    const QuantizedRows sink{out.data(), QuantizedRows::row_groups(96)};
    ThreadTeam team(3);
    team.run([&](Member& m) {
      using Both = TeeRows<F32Rows, QuantizedRows>;
      matmul_pair(make_packed_matrix(gate.packed), make_packed_matrix(up.packed), x.both(),
                  GatedStore<A, Both>{{{y.data(), 96}, sink}}, m);
    });
    for (std::size_t i = 0; i < want.size(); ++i) {
      const auto v = static_cast<double>(g[i]);
      want[i] = static_cast<float>(v / (1 + std::exp(-v)) * static_cast<double>(u[i]));
      EXPECT_NEAR(y[i], want[i], 4e-7f * std::fabs(want[i]) + 1e-30f);
    }
    Solo solo;
    quantize_rows<A>(y.data(), n, 96, 96, QuantizedRows{want_out.data(), 3}, solo.member());
    EXPECT_EQ(std::memcmp(out.data(), want_out.data(), out.size() * sizeof(Int8Group)), 0);
  }
}

template <class Arch>
void check_epilogues() {
  // 45 columns: full vectors and a tail on every arch.
  constexpr std::size_t n = 3, cols = 45;
  std::vector<float> bias(cols), values(32), residual(n * cols);
  for (std::size_t i = 0; i < cols; ++i) bias[i] = 0.25f * static_cast<float>(i) - 4.0f;
  for (std::size_t i = 0; i < 32; ++i) values[i] = 0.37f * static_cast<float>(i) - 6.0f;
  for (std::size_t i = 0; i < n * cols; ++i) residual[i] = static_cast<float>(i);
  std::vector<float> out = residual;
  float* const y = out.data();
  const auto run = [&](const auto& ep, auto expected) {
    out = residual;
    for (std::size_t r = 0; r < n; ++r) {
      ep(r, 0, 32, values.data());
      ep(r, 32, cols - 32, values.data());
    }
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        const double want = expected(static_cast<double>(values[c % 32]), static_cast<double>(bias[c]),
                                     static_cast<double>(residual[r * cols + c]));
        EXPECT_NEAR(static_cast<double>(out[r * cols + c]), want, 1e-6 * (std::fabs(want) + 1))
            << Arch::name << " " << c;
      }
    }
  };
  const float* b = bias.data();
  run(Store<Arch>{y, cols}, [](double v, double, double) { return v; });
  run(AddTo<Arch>{y, cols}, [](double v, double, double r) { return r + v; });
  run(BiasStore<Arch>{y, cols, b}, [](double v, double c, double) { return v + c; });
  run(BiasAddTo<Arch>{y, cols, b}, [](double v, double c, double r) { return v + c + r; });
  run(BiasStore<Arch, Silu>{y, cols, b}, [](double v, double c, double) { return (v + c) / (1 + std::exp(-(v + c))); });
  run(BiasStore<Arch, QuickGelu>{y, cols, b},
      [](double v, double c, double) { return (v + c) / (1 + std::exp(-1.702 * (v + c))); });
  run(BiasStore<Arch, GeluErf>{y, cols, b},
      [](double v, double c, double) { return 0.5 * (v + c) * (1 + std::erf((v + c) / std::sqrt(2.0))); });
  run(SinkStore<Arch, F32Rows, GeluTanh>{{y, cols}, b}, [](double v, double c, double) {
    const double x = v + c;
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  });
  run(SinkStore<Arch, F32Rows>{{y, cols}}, [](double v, double, double) { return v; });
}

TEST(MatmulEpilogues, MatchTheirFormulas) {
  for_each_type(arch::compiled{}, [](auto tag) { check_epilogues<typename decltype(tag)::type>(); });
  check_epilogues<arch::reference>();
}

TEST(MatmulReference, RunsThroughTheSameDrivers) {
  using R = arch::reference;
  const Problem<Q4_K, R> w(37, 2, 8);
  Rows x(5, 512);
  std::vector<float> y(5 * 37, NAN), y8(5 * 37, NAN), want(5 * 37);
  ref::matmul<Q4_K>(reinterpret_cast<const Q4_K::Block*>(w.blocks.data()), 37, 512, x.x.data(), 5, want.data());
  ThreadTeam team(2);
  team.run([&](Member& m) {
    matmul(make_packed_matrix(w.packed), float_rows(x.x.data(), 5, 512), Store<R>{y.data(), 37}, m);
    matmul(make_packed_matrix(w.packed), x.both(), Store<R>{y8.data(), 37}, m);
  });
  EXPECT_EQ(y, want);
  expect_product(w, 5, y8.data(), 1, values_of(x.quantized(), 5, 512));
}

TEST(QuantizeRows, IsBitEqualOnEveryArchAndWithinHalfAStep) {
  const std::size_t n = 5, k = 96;
  std::vector<float> x = random_rows(n, k, 31);
  std::fill_n(x.begin(), 32, 0.0f);                    // zeros
  std::fill_n(x.begin() + 32, 32, 1e-42f);             // too small for a scale
  for (std::size_t i = 64; i < 96; ++i) x[i] *= 1e6f;  // outliers
  x[100] = 2.5f * x[101];
  std::vector<Int8Group> want(QuantizedRows::count(n, k));
  Solo solo;
  quantize_rows<arch::reference>(x.data(), n, k, k, QuantizedRows{want.data(), 3}, solo.member());
  for (std::size_t i = 0; i < n * k; ++i) {
    const Int8Group& g = want[i / 32];
    const float top = 127.0f * g.scale;
    EXPECT_LE(std::fabs(g.scale * static_cast<float>(g.q[i % 32]) - x[i]), 0.5f * g.scale + 2e-7f * top + 1e-37f);
  }
  for (const Int8Group& g : want) {
    int low = 0, high = 0;
    for (std::size_t i = 0; i < 16; ++i) {
      low += g.q[i];
      high += g.q[16 + i];
    }
    EXPECT_EQ(g.minus_half_sums[0], -low);
    EXPECT_EQ(g.minus_half_sums[1], -high);
    EXPECT_EQ(g.minus_sum, -low - high);
    EXPECT_EQ(g.sum, static_cast<float>(low + high));
  }
  for_each_type(arch::compiled{}, [&](auto tag) {
    using Arch = typename decltype(tag)::type;
    for (const std::size_t size : {1u, 3u}) {
      std::vector<Int8Group> got(want.size());
      ThreadTeam team(size);
      team.run([&](Member& m) { quantize_rows<Arch>(x.data(), n, k, k, QuantizedRows{got.data(), 3}, m); });
      EXPECT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(Int8Group)), 0) << Arch::name;
    }
  });
}

}  // namespace
