// Low-rank deltas of products against Eigen in double, each row with an adapter of its own.
#include "vlmt/op/low_rank.hpp"

#include <algorithm>

#include "vlmt/numeric/bfloat16.hpp"
#include "vlmt/numeric/float16.hpp"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/rows.hpp"

#include "nn/attention_case.hpp"

namespace vlmt_test::low_rank_test {
namespace {

namespace op = vlmt::op;

constexpr std::size_t in = 96, out = 70;  // the last tile of columns is no whole one

/// `count` random adapters of products with (out, in) weights, as values of T and in double.
template <class T>
struct Adapters {
  Adapters(std::size_t n, std::size_t columns, std::size_t low, unsigned seed) : count(n), rank(low), width(columns) {
    const auto values = [](std::size_t size, unsigned from, float scale) {
      std::vector<T> x;
      for (const float v : gaussian(size, from, scale)) x.push_back(T(v));
      return x;
    };
    down = values(count * rank * in, seed, 0.1f);
    b = values(count * width * rank, seed + 1, 0.5f);
    up.assign(count * vlmt::low_rank_up_values(width, rank), T(0.0f));
    for (std::size_t a = 0; a < count; ++a) {
      T* panels = up.data() + a * vlmt::low_rank_up_values(width, rank);
      for (std::size_t c = 0; c < width; ++c) {
        for (std::size_t i = 0; i < rank; ++i) {
          panels[vlmt::low_rank_up_index(c, i, rank)] = b[(a * width + c) * rank + i];
        }
      }
    }
  }

  /// B A of one adapter, (width, in).
  Matrix product(std::size_t adapter) const {
    const auto matrix = [](const T* from, std::size_t rows, std::size_t cols) {
      Matrix m(static_cast<Index>(rows), static_cast<Index>(cols));
      for (Index i = 0; i < m.size(); ++i) m.data()[i] = static_cast<double>(static_cast<float>(from[i]));
      return m;
    };
    return matrix(b.data() + adapter * width * rank, width, rank) * matrix(down.data() + adapter * rank * in, rank, in);
  }
  /// The deltas of all rows x.
  Matrix deltas(const Matrix& x, const std::vector<std::int32_t>& adapter) const {
    Matrix y = Matrix::Zero(x.rows(), static_cast<Index>(width));
    for (Index r = 0; r < x.rows(); ++r) {
      const std::int32_t a = adapter[static_cast<std::size_t>(r)];
      if (a >= 0) y.row(r) = x.row(r) * product(static_cast<std::size_t>(a)).transpose();
    }
    return y;
  }

  std::size_t count, rank, width;
  std::vector<T> down;  ///< (count, rank, in)
  std::vector<T> b;     ///< (count, width, rank)
  std::vector<T> up;    ///< the same in panels
};

/// Adapters of n rows: all of three, none, and the same one twice in a row.
std::vector<std::int32_t> mixed(std::size_t n) {
  const std::int32_t some[] = {2, -1, 0, 0, 1, -1, 2};
  std::vector<std::int32_t> adapter(n);
  for (std::size_t i = 0; i < n; ++i) adapter[i] = some[i % 7];
  return adapter;
}

/// Rows in every form that `readers` take, and floats.
template <class Arch, class... Readers>
vlmt::cpu::FormedRows formed(vlmt::Buffer& memory, const std::vector<float>& x, std::size_t cols,
                             vlmt::Numerics numerics, const Readers&... readers) {
  using Types = vlmt::BackendTypes<vlmt::Cpu<Arch>>;
  const std::size_t n = x.size() / cols;
  const vlmt::InputRows buffer = carve(memory, [&](vlmt::Carver& c) { return Types::take_rows(c, n, cols); });
  std::copy(x.begin(), x.end(), buffer.x);
  return Types::rows(buffer, numerics, n, cols, n, readers..., op::FloatReader{});
}

template <class T, class Rows>
op::LowRank<Rows, T> low_rank(const Rows& rows, const Adapters<T>& a, const std::vector<std::int32_t>& adapter,
                              std::vector<float>& t) {
  t.assign(rows.n * a.rank, NAN);  // of rows without an adapter nothing is read
  return {rows, a.down.data(), adapter.data(), a.count, a.rank, t.data()};
}
template <class T>
op::Delta<T> delta(const Adapters<T>& a, const std::vector<std::int32_t>& adapter, const std::vector<float>& t) {
  return {a.up.data(), adapter.data(), t.data(), a.rank, a.rank, a.width};
}

template <class Arch>
class NnLowRank : public ::testing::Test {};
TYPED_TEST_SUITE(NnLowRank, BlockTypes);

/// One product with each epilogue by tile.
template <class Arch, class T>
void check_epilogues(const Precision& precision, std::size_t n, std::size_t rank) {
  SCOPED_TRACE(::testing::Message() << name(precision.numerics) << ", rows " << n << ", rank " << rank);
  const TestWeights<Arch> w(precision.type_id, out, in, 1);
  const Adapters<T> adapters(3, out, rank, 2);
  const std::vector<std::int32_t> adapter = mixed(n);
  const std::vector<float> x = gaussian(n * in, 4), bias = gaussian(out, 5), before = gaussian(n * out, 6);
  vlmt::Buffer memory, out_memory;
  const auto rows = formed<Arch>(memory, x, in, precision.numerics, w.matrix());
  std::vector<float> t;
  const auto run = [&]<class Inner>(const Inner& inner) {
    const auto down = low_rank(rows, adapters, adapter, t);
    run_step<Arch>([&](auto& step) {
      step(op::Convert<vlmt::cpu::FormedRows>{rows});
      step(down);
      step(op::Product{rows, op::One{w.matrix()}, op::Adapted<Inner, T, 1>{inner, {delta(adapters, adapter, t)}}});
    });
  };
  const Matrix in_double = to_matrix(x, in), old = to_matrix(before, out);
  const Matrix biases = to_row(bias).replicate(static_cast<Index>(n), 1);
  const auto check = [&](const std::vector<float>& got, const char* what, const auto& finish) {
    SCOPED_TRACE(what);
    expect_computed(got, precision.rounding<Arch>(n), [&](Rounding rounding) {
      return finish(Matrix(product(in_double, w.values[0], rounding) + adapters.deltas(in_double, adapter)));
    });
  };
  std::vector<float> y(n * out, NAN);
  run(op::Store{y.data(), out});
  check(y, "store", [](const Matrix& m) { return m; });
  y = before;
  run(op::Add{y.data(), out});
  check(y, "add", [&](const Matrix& m) { return Matrix(old + m); });
  run(op::StoreBiased{y.data(), out, bias.data()});
  check(y, "bias", [&](const Matrix& m) { return Matrix(m + biases); });
  y = before;
  run(op::AddBiased{y.data(), out, bias.data()});
  check(y, "add bias", [&](const Matrix& m) { return Matrix(old + m + biases); });
  const auto into = formed<Arch>(out_memory, before, out, vlmt::Numerics::exact);
  run(op::Activate<vlmt::Silu, vlmt::cpu::FormedRows>{into, bias.data()});
  check({into.buffer.x, into.buffer.x + n * out}, "activate",
        [&](const Matrix& m) { return Matrix(Matrix(m + biases).unaryExpr(&silu)); });
}

TYPED_TEST(NnLowRank, EveryEpilogue) {
  for (const Precision& precision : precisions) {
    check_epilogues<TypeParam, float>(precision, 1, 8);
    check_epilogues<TypeParam, float>(precision, 30, 5);
  }
}

TYPED_TEST(NnLowRank, HalvesAsAdapters) {
  check_epilogues<TypeParam, vlmt::float16>(exact_floats, 9, 16);
  check_epilogues<TypeParam, vlmt::bfloat16>(exact_floats, 9, 16);
}

// A row without an adapter, and every row of a product without any, gets the bits of the product alone.
TYPED_TEST(NnLowRank, RowsWithoutAdapterKeepTheirBits) {
  const std::size_t n = 7;
  const TestWeights<TypeParam> w(vlmt::Q8_0::type_id, out, in, 1);
  const Adapters<float> adapters(3, out, 4, 2);
  const std::vector<float> x = gaussian(n * in, 4);
  vlmt::Buffer memory;
  const auto rows = formed<TypeParam>(memory, x, in, vlmt::Numerics::fast, w.matrix());
  std::vector<float> plain(n * out), t;
  run_step<TypeParam>([&](auto& step) {
    step(op::Convert<vlmt::cpu::FormedRows>{rows});
    step(op::Product{rows, op::One{w.matrix()}, op::Store{plain.data(), out}});
  });
  for (const auto& adapter : {mixed(n), std::vector<std::int32_t>(n, -1)}) {
    std::vector<float> y(n * out);
    const auto down = low_rank(rows, adapters, adapter, t);
    run_step<TypeParam>([&](auto& step) {
      step(down);
      step(op::Product{rows, op::One{w.matrix()},
                       op::Adapted<op::Store, float, 1>{{y.data(), out}, {delta(adapters, adapter, t)}}});
    });
    for (std::size_t r = 0; r < n; ++r) {
      const bool same = std::equal(y.begin() + static_cast<long>(r * out), y.begin() + static_cast<long>((r + 1) * out),
                                   plain.begin() + static_cast<long>(r * out));
      EXPECT_EQ(same, adapter[r] < 0) << r;
    }
  }
}

// Gate and up share one product with A, of twice the rank.
TYPED_TEST(NnLowRank, GatedPairs) {
  const std::size_t n = 8, rank = 6;
  for (const Precision& precision : {exact_floats, fast_blocks}) {
    const TestWeights<TypeParam> gate(precision.type_id, out, in, 1), up(precision.type_id, out, in, 2);
    Adapters<float> both(3, out, 2 * rank, 3);
    Adapters<float> first(3, out, rank, 4), second(3, out, rank, 6);
    for (std::size_t a = 0; a < 3; ++a) {
      const auto part = [&](std::size_t from) {
        return both.down.begin() + static_cast<long>((2 * a * rank + from) * in);
      };
      std::copy(part(0), part(rank), first.down.begin() + static_cast<long>(a * rank * in));
      std::copy(part(rank), part(2 * rank), second.down.begin() + static_cast<long>(a * rank * in));
    }
    const std::vector<std::int32_t> adapter = mixed(n);
    const std::vector<float> x = gaussian(n * in, 8);
    vlmt::Buffer memory, out_memory;
    const auto rows = formed<TypeParam>(memory, x, in, precision.numerics, gate.matrix(), up.matrix());
    const auto into = formed<TypeParam>(out_memory, std::vector<float>(n * out), out, vlmt::Numerics::exact);
    std::vector<float> t(n * 2 * rank, NAN);
    op::Delta<float> deltas[2] = {delta(first, adapter, t), delta(second, adapter, t)};
    deltas[0].stride = deltas[1].stride = 2 * rank;
    deltas[1].t += rank;
    using Gate = op::Gate<vlmt::Silu, vlmt::cpu::FormedRows>;
    run_step<TypeParam>([&](auto& step) {
      step(op::Convert<vlmt::cpu::FormedRows>{rows});
      step(op::LowRank<vlmt::cpu::FormedRows, float>{rows, both.down.data(), adapter.data(), 3, 2 * rank, t.data()});
      step(op::Product{rows, op::Pair{gate.matrix(), up.matrix()},
                       op::Adapted<Gate, float, 2>{{into}, {deltas[0], deltas[1]}}});
    });
    const Matrix in_double = to_matrix(x, in);
    expect_computed({into.buffer.x, into.buffer.x + n * out}, precision.rounding<TypeParam>(n), [&](Rounding rounding) {
      const Matrix a = product(in_double, gate.values[0], rounding) + first.deltas(in_double, adapter);
      const Matrix b = product(in_double, up.values[0], rounding) + second.deltas(in_double, adapter);
      return Matrix(a.unaryExpr(&silu).cwiseProduct(b));
    });
  }
}

// One step of rows with different adapters writes the queries, keys and values that merged weights give, one row after
// the other.
TYPED_TEST(NnLowRank, QueriesKeysAndValues) {
  using B = vlmt::Cpu<TypeParam>;
  constexpr std::size_t n = 7, heads = 4, kv_heads = 2, dim = 32, rank = 3;
  constexpr std::size_t q_width = heads * dim, kv_width = kv_heads * dim, width = q_width + 2 * kv_width;
  const std::uint32_t f32 = vlmt::F32::type_id;
  const TestWeights<TypeParam> q(f32, q_width, in, 1), k(f32, kv_width, in, 2), v(f32, kv_width, in, 3);
  const Adapters<float> of_q(3, q_width, rank, 4), of_k(3, kv_width, rank, 6), of_v(3, kv_width, rank, 8);
  const std::vector<std::int32_t> adapter = mixed(n);
  const std::vector<float> x = gaussian(n * in, 10), norm = norm_weights(dim, 11);
  std::vector<float> angles(n * dim);
  for (std::size_t i = 0; i < angles.size(); ++i) {
    angles[i] = static_cast<float>(i % dim < dim / 2 ? std::cos(0.1 * static_cast<double>(i))
                                                     : std::sin(0.1 * static_cast<double>(i - dim / 2)));
  }
  const vlmt::KvShape shape{1, kv_heads, dim, n};
  const vlmt::KvCache cache = empty_cache(shape, vlmt::kv_leaf_v<vlmt::F32, TypeParam>);
  vlmt::Buffer sequence_memory, memory;
  const auto sequences = carve(sequence_memory, [](vlmt::Carver& c) { return vlmt::StepSequences::take(c, 1); });
  sequences.set(0, cache, 0, n, vlmt::RowKind::prompt);
  const auto rows = formed<TypeParam>(memory, x, in, vlmt::Numerics::exact, q.matrix(), k.matrix(), v.matrix());
  std::vector<float> qkv(n * width), t_q, t_k, t_v;
  using Heads = op::RotateAndCache<vlmt::RmsQkNorm, vlmt::RopeHalves, vlmt::SequencesOf<B>>;
  const Heads by_head{{{norm.data(), 1e-5f}, {norm.data(), 1e-5f}},
                      angles.data(),
                      qkv.data(),
                      heads,
                      kv_heads,
                      dim,
                      sequences.of(1),
                      0};
  const auto low_q = low_rank(rows, of_q, adapter, t_q);
  const auto low_k = low_rank(rows, of_k, adapter, t_k);
  const auto low_v = low_rank(rows, of_v, adapter, t_v);
  run_step<TypeParam>([&](auto& step) {
    step(low_q);
    step(low_k);
    step(low_v);
    step(op::Product{rows, op::Qkv{q.matrix(), k.matrix(), v.matrix()},
                     op::Adapted<Heads, float, 3>{
                         by_head, {delta(of_q, adapter, t_q), delta(of_k, adapter, t_k), delta(of_v, adapter, t_v)}}});
  });

  const Matrix in_double = to_matrix(x, in);
  const Matrix want_q = product(in_double, q.values[0]) + of_q.deltas(in_double, adapter);
  const Matrix want_k = product(in_double, k.values[0]) + of_k.deltas(in_double, adapter);
  const Matrix want_v = product(in_double, v.values[0]) + of_v.deltas(in_double, adapter);
  const vlmt::KvView kv = cache.layer(0);
  const auto head_of = [&](const Matrix& m, std::size_t row, std::size_t head) {
    return Matrix(m.row(static_cast<Index>(row)).segment(static_cast<Index>(head * dim), static_cast<Index>(dim)));
  };
  const auto turned = [&](const Matrix& m, std::size_t row, std::size_t head) {
    const Matrix normed = rms_norm(head_of(m, row, head), to_row(norm), 1e-5);
    const std::vector<float> table(angles.begin() + static_cast<long>(row * dim),
                                   angles.begin() + static_cast<long>((row + 1) * dim));
    return Matrix(rotated(normed.row(0), to_row(table), false));
  };
  for (std::size_t r = 0; r < n; ++r) {
    const float* query = qkv.data() + r * width;
    for (std::size_t h = 0; h < heads; ++h) {
      expect_rows({query + h * dim, query + (h + 1) * dim}, turned(want_q, r, h));
    }
    for (std::size_t h = 0; h < kv_heads; ++h) {
      const auto* key = reinterpret_cast<const float*>(kv.key_row(h, r));
      const auto* value = reinterpret_cast<const float*>(kv.value_row(h, r));
      expect_rows({key, key + dim}, turned(want_k, r, h));
      expect_rows({value, value + dim}, head_of(want_v, r, h));
    }
  }
}

}  // namespace
}  // namespace vlmt_test::low_rank_test
