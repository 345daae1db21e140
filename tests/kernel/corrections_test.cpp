// Corrections of int8 activations: groups with outliers, on every arch.
#include "vlmt/quant/nvfp4.hpp"
#include "vlmt/quant/q2_k.hpp"
#include "vlmt/quant/q3_k.hpp"
#include "vlmt/quant/q4_k.hpp"
#include "vlmt/quant/q5_0.hpp"
#include "vlmt/quant/q5_1.hpp"
#include "vlmt/quant/q5_k.hpp"
#include "vlmt/quant/q6_k.hpp"
#include "vlmt/quant/q8_0.hpp"

#include "matmul_problem.hpp"

namespace {

using namespace vlmt;
using namespace matmul_test;

/// Random rows whose columns 5, 40 and 200 are scaled by `factor`; every third row is left unchanged.
std::vector<float> rows_with_outliers(std::size_t n, std::size_t k, float factor) {
  std::vector<float> x = random_rows(n, k, 31);
  for (std::size_t r = 0; r < n; ++r) {
    if (r % 3 == 2) continue;
    for (const std::size_t c : {5u, 40u, 200u}) x[r * k + c] *= factor;
  }
  return x;
}

struct CorrectedRows {
  std::vector<Int8Group> groups, corrections;
  std::vector<std::uint8_t> corrected;
  QuantizedRows rows;

  template <class Arch>
  static CorrectedRows of(const std::vector<float>& x, std::size_t n, std::size_t k) {
    CorrectedRows c;
    c.groups.resize(QuantizedRows::count(n, k));
    c.corrections.resize(c.groups.size());
    c.corrected.assign(c.groups.size(), 7);  // stale marks must be overwritten
    c.rows = {c.groups.data(), QuantizedRows::row_groups(k), c.corrections.data(), c.corrected.data()};
    Solo solo;
    quantize_rows<Arch>(x.data(), n, k, k, c.rows, solo.member());
    return c;
  }
  /// The values of the groups plus their corrections.
  std::vector<double> values() const {
    std::vector<double> v(groups.size() * Int8Group::values);
    for (std::size_t i = 0; i < v.size(); ++i) {
      const auto value = [&](const Int8Group& group) { return static_cast<double>(group.scale) * group.q[i % 32]; };
      v[i] = value(groups[i / 32]) + (corrected[i / 32] != 0 ? value(corrections[i / 32]) : 0.0);
    }
    return v;
  }
};

template <class F, class A>
struct Case {
  using Format = F;
  using Arch = A;
};
template <class C>
class Corrections : public ::testing::Test {};
// Formats with scales per 32 or 16 values, with minima, and with blocks of 32, 64 and 256. Archs that no test build has
// as native are paired with other formats: the code under test does not depend on the format.
using Cases = ::testing::Types<Case<Q8_0, arch::native>, Case<Q4_K, arch::native>, Case<Q6_K, arch::native>,
                               Case<NVFP4, arch::native>, Case<Q2_K, arch::reference>
#if VLMT_HAS_AVX512
                               ,
                               Case<Q3_K, arch::avx512>
#endif
#if VLMT_HAS_AVX512_AMX
                               ,
                               Case<Q5_1, arch::avx512_amx_int8>
#endif
                               >;
struct Names {
  template <class C>
  static std::string GetName(int) {
    return std::string(C::Format::name) + "_" + std::string(C::Arch::name);
  }
};
TYPED_TEST_SUITE(Corrections, Cases, Names);

TYPED_TEST(Corrections, AreAddedToTheProduct) {
  using Arch = typename TypeParam::Arch;
  const Problem<typename TypeParam::Format, Arch> p(37, 512 / TypeParam::Format::values, 3);
  const std::size_t k = p.cols;
  for (const std::size_t n : {1u, 2u, 13u, 40u}) {
    const auto q = CorrectedRows::of<Arch>(rows_with_outliers(n, k, 300.0f), n, k);
    std::vector<float> y(n * p.rows, NAN);
    Solo solo;
    matmul(p.packed, Activations{nullptr, 0, q.rows, n, k}, Store<Arch>{y.data(), p.rows}, solo.member());
    const double chain = 12 + 2 * static_cast<double>(k) / 32;
    expect_product(p, n, y.data(), chain, q.values());
  }
}

TYPED_TEST(Corrections, DependNeitherOnOtherRowsNorOnTheTeam) {
  using Arch = typename TypeParam::Arch;
  const Problem<typename TypeParam::Format, Arch> p(3 * 32 + 5, 512 / TypeParam::Format::values, 3);
  const std::size_t n = 27, k = p.cols;
  const auto q = CorrectedRows::of<Arch>(rows_with_outliers(n, k, 50.0f), n, k);
  std::vector<float> single(n * p.rows);
  Solo solo;
  for (std::size_t i = 0; i < n; ++i) {
    QuantizedRows row = q.rows;
    row.groups += i * row.stride;
    row.corrections += i * row.stride;
    row.corrected += i * row.stride;
    matmul(p.packed, Activations{nullptr, 0, row, 1, k}, Store<Arch>{single.data() + i * p.rows, p.rows},
           solo.member());
  }
  for (const std::size_t size : {1u, 3u}) {
    std::vector<float> y(n * p.rows, NAN);
    ThreadTeam team(size);
    team.run([&](Member& m) {
      matmul(p.packed, Activations{nullptr, 0, q.rows, n, k}, Store<Arch>{y.data(), p.rows}, m);
    });
    EXPECT_EQ(y, single) << size << " members";
  }
}

TYPED_TEST(Corrections, FollowRowsSelectedBySlots) {
  using Arch = typename TypeParam::Arch;
  const Problem<typename TypeParam::Format, Arch> p(40, 512 / TypeParam::Format::values, 3);
  const std::size_t n = 9, k = p.cols;
  const auto q = CorrectedRows::of<Arch>(rows_with_outliers(n, k, 50.0f), n, k);
  const Activations all{nullptr, 0, q.rows, n, k};
  std::vector<float> every(n * p.rows), picked(3 * p.rows);
  Solo solo;
  matmul(p.packed, all, Store<Arch>{every.data(), p.rows}, solo.member());
  const std::int32_t slots[] = {8, 0, 2};
  const cpu::Operand<Arch> operand(make_packed_matrix(p.packed), all, cpu::RowSlots{0, slots});
  for (std::size_t block = 0; block < operand.column_blocks(); ++block) {
    alignas(64) float tile[3 * cpu::tile_columns];
    operand.compute(block, 0, 3, {}, tile);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t c = 0; c < cpu::tile_columns && block * cpu::tile_columns + c < p.rows; ++c) {
        const std::size_t at = block * cpu::tile_columns + c;
        EXPECT_EQ(tile[i * cpu::tile_columns + c], every[static_cast<std::size_t>(slots[i]) * p.rows + at]);
      }
    }
  }
}

TEST(CorrectGroup, MarksOutliersOnlyAndIsBitEqualOnEveryArch) {
  const std::size_t n = 300, k = 256;
  for (const float factor : {1.0f, 3.0f, 50.0f, 1e4f}) {
    const std::vector<float> x = rows_with_outliers(n, k, factor);
    const auto want = CorrectedRows::of<arch::reference>(x, n, k);
    std::size_t marks = 0;
    for (std::size_t g = 0; g < want.corrected.size(); ++g) {
      ASSERT_LE(want.corrected[g], 1);
      marks += want.corrected[g];
    }
    const std::size_t outliers = 3 * (n * 2 / 3);
    if (factor < 4.0f) {
      EXPECT_EQ(marks, 0u) << factor;  // plain Gaussian rows have no outliers
    } else {
      EXPECT_GT(marks, outliers * (factor < 100.0f ? 6 : 9) / 10) << factor;  // some scaled values are small
      EXPECT_LE(marks, outliers) << factor;
    }
    // Correction reduces the rounding error of a marked group by about the number of int8 steps.
    double before = 0.0, after = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (want.corrected[i / 32] == 0) continue;
      const Int8Group &g = want.groups[i / 32], &c = want.corrections[i / 32];
      const float lost = x[i] - g.scale * static_cast<float>(g.q[i % 32]);
      const float left = lost - c.scale * static_cast<float>(c.q[i % 32]);
      before += static_cast<double>(lost * lost);
      after += static_cast<double>(left * left);
    }
    EXPECT_LE(std::sqrt(after), std::sqrt(before) / 100) << factor;
    for_each_type(arch::compiled{}, [&](auto tag) {
      using Arch = typename decltype(tag)::type;
      const auto got = CorrectedRows::of<Arch>(x, n, k);
      EXPECT_EQ(got.corrected, want.corrected) << Arch::name;
      for (std::size_t g = 0; g < want.corrected.size(); ++g) {
        if (want.corrected[g] == 0) continue;
        EXPECT_EQ(std::memcmp(&got.corrections[g], &want.corrections[g], sizeof(Int8Group)), 0) << Arch::name;
      }
    });
  }
}

// Rows with more groups than the 512-bit filter of an operand tells apart.
TEST(CorrectGroup, IsAppliedInLongRows) {
  const Problem<Q8_0, arch::native> p(5, 1100, 3);
  const std::size_t n = 3, k = p.cols;
  std::vector<float> x = random_rows(n, k, 5);
  x[1 * k + 700 * 32 + 3] = 900.0f;   // shares a filter bit with group 188
  x[2 * k + 1099 * 32 + 9] = 700.0f;  // after the last full run of eight groups
  const auto q = CorrectedRows::of<arch::native>(x, n, k);
  EXPECT_EQ(std::count(q.corrected.begin(), q.corrected.end(), 1), 2);
  std::vector<float> y(n * p.rows);
  Solo solo;
  matmul(p.packed, Activations{nullptr, 0, q.rows, n, k}, Store<arch::native>{y.data(), p.rows}, solo.member());
  expect_product(p, n, y.data(), 1200, q.values());
}

TEST(CorrectGroup, RowsOfZerosHaveNone) {
  const std::vector<float> x(32, 0.0f);
  EXPECT_EQ(CorrectedRows::of<arch::native>(x, 1, 32).corrected[0], 0);
}

}  // namespace
