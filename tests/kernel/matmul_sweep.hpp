// Matmul tests that run for every (format, arch).
#pragma once

#include <gtest/gtest.h>

#include "matmul_problem.hpp"

namespace matmul_test {

template <class F, class A>
struct Case {
  using Format = F;
  using Arch = A;
};

template <class Formats, class Arches>
struct Cases;
template <class... Fs, class... As>
struct Cases<TypeList<Fs...>, TypeList<As...>> {
  template <class F>
  using OfFormat = TypeList<Case<F, As>...>;
  template <class... Lists>
  struct Join;
  template <class... Ts>
  struct Join<TypeList<Ts...>> {
    using type = ::testing::Types<Ts...>;
  };
  template <class... Ts, class... Us, class... Rest>
  struct Join<TypeList<Ts...>, TypeList<Us...>, Rest...> : Join<TypeList<Ts..., Us...>, Rest...> {};
  using type = typename Join<OfFormat<Fs>...>::type;
};

struct CaseNames {
  template <class C>
  static std::string GetName(int) {
    return std::string(C::Format::name) + "_" + std::string(C::Arch::name);
  }
};

/// Inner lengths in blocks: about 256, 512 and 1024 values, and odd ones around them.
template <class Format>
std::vector<std::size_t> lengths() {
  if (Format::values == 1) return {1, 3, 7, 8, 9, 255, 256, 257, 520};
  if (Format::values < 256) return {1, 3, 7, 8, 9, 17};
  return {1, 2, 3};
}

template <class C>
class Matmul : public ::testing::Test {};
TYPED_TEST_SUITE_P(Matmul);

TYPED_TEST_P(Matmul, PackingLosesNothing) {
  using Format = typename TypeParam::Format;
  using Arch = typename TypeParam::Arch;
  for (const std::size_t rows : {std::size_t{1}, Arch::lanes, Arch::lanes + 1, 3 * Arch::lanes - 1}) {
    const Problem<Format, Arch> p(rows, 3, 11);
    std::vector<typename Format::Block> back(p.blocks.size());
    unpack<Format, Arch>(p.packed.data, rows, p.cols, back.data());
    EXPECT_EQ(std::memcmp(back.data(), p.blocks.data(), back.size() * sizeof(typename Format::Block)), 0);
    const PackedMatrix<Arch> m = make_packed_matrix(p.packed);
    EXPECT_EQ(m.bytes(), (packed_bytes<Format, Arch>(rows, p.cols)));
    std::vector<float> row(p.cols);
    m.decode_row(rows - 1, row.data());
    for (std::size_t k = 0; k < p.cols; ++k) EXPECT_EQ(static_cast<double>(row[k]), p.w[(rows - 1) * p.cols + k]);
  }
}

TYPED_TEST_P(Matmul, FloatFormIsWithinItsBound) {
  using Format = typename TypeParam::Format;
  using Arch = typename TypeParam::Arch;
  for (const std::size_t blocks : lengths<Format>()) {
    for (const std::size_t n : {1u, 2u, 3u, 5u, 8u, 13u}) {
      const Problem<Format, Arch> p(n == 3 ? 37 : 2 * Arch::lanes - 1, blocks, 5);
      // Rows start off alignment.
      std::vector<float> x = random_rows(1, n * p.cols + 1, 7);
      std::vector<float> y(n * p.rows, NAN);
      matmul(p.packed, view(static_cast<const float*>(x.data() + 1), n, p.cols), view(y.data(), n, p.rows));
      const double chain = 256 + static_cast<double>(p.cols) / 256;
      expect_product(p, n, y.data(), chain, [&](std::size_t i, std::size_t k) { return x[1 + i * p.cols + k]; });
    }
  }
}

TYPED_TEST_P(Matmul, Int8FormIsWithinItsBound) {
  using Format = typename TypeParam::Format;
  using Arch = typename TypeParam::Arch;
  if constexpr (Format::values > 1) {
    for (const std::size_t blocks : lengths<Format>()) {
      for (const std::size_t n : {1u, 2u, 3u, 5u, 8u, 13u}) {
        const Problem<Format, Arch> p(n == 3 ? 37 : 2 * Arch::lanes - 1, blocks, 5);
        const std::vector<float> x = random_rows(n, p.cols, 7);
        std::vector<Int8Group> groups(QuantizedRows::count(n, p.cols));
        const QuantizedRows q{groups.data(), QuantizedRows::row_groups(p.cols)};
        Solo solo;
        quantize_rows<Arch>(x.data(), n, p.cols, p.cols, q, solo.member());
        std::vector<float> y(n * p.rows, NAN);
        matmul(p.packed, Activations{nullptr, 0, q, n, p.cols}, Store<Arch>{y.data(), p.rows}, solo.member());
        const double chain = 6 + static_cast<double>(p.cols) / 32;
        expect_product(p, n, y.data(), chain, [&](std::size_t i, std::size_t k) {
          const Int8Group& g = q.row(i)[k / 32];
          return static_cast<double>(g.scale) * g.q[k % 32];
        });
      }
    }
  }
}

TYPED_TEST_P(Matmul, ResultsDependNeitherOnTheTeamNorOnTheTile) {
  using Format = typename TypeParam::Format;
  using Arch = typename TypeParam::Arch;
  const std::size_t n = 27;
  const Problem<Format, Arch> p(3 * 32 + 5, Format::values == 1 ? 300 : 2 * (256 / Format::values), 3);
  const std::vector<float> x = random_rows(n, p.cols, 9);
  std::vector<Int8Group> groups(QuantizedRows::count(n, p.cols));
  const QuantizedRows q{groups.data(), QuantizedRows::row_groups(p.cols)};
  Solo solo;
  if (Format::values > 1) quantize_rows<Arch>(x.data(), n, p.cols, p.cols, q, solo.member());
  for (const bool int8 : {false, true}) {
    if (int8 && Format::values == 1) continue;
    const auto rows_from = [&](std::size_t first, std::size_t count) {
      Activations a = float_rows(x.data() + first * p.cols, count, p.cols);
      if (int8) a.q = {groups.data() + first * q.stride, q.stride};
      return a;
    };
    // The typed path, row by row: the leaf for one row.
    std::vector<float> single(n * p.rows);
    for (std::size_t i = 0; i < n; ++i) {
      matmul(p.packed, rows_from(i, 1), Store<Arch>{single.data() + i * p.rows, p.rows}, solo.member());
    }
    const PackedMatrix<Arch> erased = make_packed_matrix(p.packed);
    for (const std::size_t size : {1u, 2u, 3u, 7u}) {
      std::vector<float> y(n * p.rows, NAN);
      ThreadTeam team(size);
      team.run([&](Member& m) { matmul(erased, rows_from(0, n), Store<Arch>{y.data(), p.rows}, m); });
      EXPECT_EQ(std::memcmp(y.data(), single.data(), y.size() * sizeof(float)), 0) << size << " members, int8 " << int8;
    }
  }
}

REGISTER_TYPED_TEST_SUITE_P(Matmul, PackingLosesNothing, FloatFormIsWithinItsBound, Int8FormIsWithinItsBound,
                            ResultsDependNeitherOnTheTeamNorOnTheTile);

}  // namespace matmul_test
