// Row norms of every arch against the reference, and their fusion with int8 quantisation.
#include "vlmt/kernel/norm.hpp"

#include "vlmt/kernel/activation_rows.hpp"

#include "kernel_check.hpp"

namespace {

using namespace vlmt;
using namespace vlmt_test;

template <class Arch>
class Norm : public ::testing::Test {};
TYPED_TEST_SUITE(Norm, Archs);

// One rounding of the statistics (summed partly in double) and three of the products.
constexpr double tolerance = 8 * eps;

TYPED_TEST(Norm, RmsNormMatchesReference) {
  for (const std::size_t h : lengths(TypeParam::lanes)) {
    for (const std::size_t offset : {0u, 1u}) {
      const std::size_t n = 3;
      Misaligned x(gaussian(n * h, 1, 3.0f), offset);
      Misaligned w(gaussian(h, 2), offset);
      std::vector<float> want(n * h), got(n * h + 1, -5.0f);
      rms_norm<arch::reference>(x.data(), n, h, w.data(), 1e-6f, F32Rows{want.data(), h});
      rms_norm<TypeParam>(x.data(), n, h, w.data(), 1e-6f, F32Rows{got.data(), h});
      expect_close(got.data(), want.data(), n * h, tolerance, 0.0);
      EXPECT_EQ(got[n * h], -5.0f);
    }
  }
}

TYPED_TEST(Norm, LayerNormMatchesReference) {
  for (const std::size_t h : lengths(TypeParam::lanes)) {
    for (const std::size_t offset : {0u, 1u}) {
      const std::size_t n = 3;
      auto values = gaussian(n * h, 1);
      for (float& v : values) v += 4.0f;  // a mean well away from zero
      Misaligned x(values, offset);
      Misaligned w(gaussian(h, 2), offset);
      Misaligned b(gaussian(h, 3), offset);
      std::vector<float> want(n * h), got(n * h);
      layer_norm<arch::reference>(x.data(), n, h, w.data(), b.data(), 1e-6f, F32Rows{want.data(), h});
      layer_norm<TypeParam>(x.data(), n, h, w.data(), b.data(), 1e-6f, F32Rows{got.data(), h});
      // x - mean cancels: an ulp of the mean (5) is 5 eps of the deviation, times weights up to 3. In a row of one
      // value everything cancels and 1 / sqrt(eps) amplifies the rest.
      expect_close(got.data(), want.data(), n * h, tolerance, h == 1 ? 1e-3 : 64 * eps);
    }
  }
}

TYPED_TEST(Norm, LargeRowsKeepTheirPrecision) {
  const std::size_t h = 18944;
  const auto x = gaussian(h, 4);
  const std::vector<float> w(h, 1.0f);
  std::vector<float> want(h), got(h);
  rms_norm<arch::reference>(x.data(), 1, h, w.data(), 0.0f, F32Rows{want.data(), h});
  rms_norm<TypeParam>(x.data(), 1, h, w.data(), 0.0f, F32Rows{got.data(), h});
  expect_close(got.data(), want.data(), h, 3 * eps, 0.0);
}

TYPED_TEST(Norm, QuantisedRowsEqualThoseOfTheFloatRows) {
  const std::size_t n = 2, h = 512 + 96;
  const auto x = gaussian(n * h, 5);
  const auto w = gaussian(h, 6);
  std::vector<float> y(n * h);
  std::vector<Int8Group> alone(QuantizedRows::count(n, h)), both(alone.size()), apart(alone.size());
  const std::size_t stride = QuantizedRows::row_groups(h);
  rms_norm<TypeParam>(x.data(), n, h, w.data(), 1e-6f, QuantizedRows{alone.data(), stride});
  rms_norm<TypeParam>(x.data(), n, h, w.data(), 1e-6f,
                      TeeRows<F32Rows, QuantizedRows>{{y.data(), h}, {both.data(), stride}});
  quantize_rows<TypeParam>(y.data(), n, h, h, QuantizedRows{apart.data(), stride}, Solo().member());
  EXPECT_EQ(0, std::memcmp(alone.data(), apart.data(), alone.size() * sizeof(Int8Group)));
  EXPECT_EQ(0, std::memcmp(both.data(), apart.data(), alone.size() * sizeof(Int8Group)));
}

TEST(NormTeam, ResultsDoNotDependOnTheTeam) {
  using Arch = arch::native;
  const std::size_t n = 11, h = 200;
  const auto x = gaussian(n * h, 7);
  const auto w = gaussian(h, 8);
  std::vector<float> want(n * h), got(n * h);
  rms_norm<Arch>(x.data(), n, h, w.data(), 1e-6f, F32Rows{want.data(), h});
  on_teams(
      [&](Member& m) {
        rms_norm<Arch>(x.data(), n, h, w.data(), 1e-6f, F32Rows{got.data(), h}, m);
      },
      [&](std::size_t size) {
        EXPECT_EQ(want, got) << size;
        std::fill(got.begin(), got.end(), 0.0f);
      });
}

TEST(NormRows, InPlaceIsAllowed) {
  const std::size_t h = 100;
  const auto x = gaussian(h, 9);
  const std::vector<float> w(h, 2.0f);
  std::vector<float> want(h), got = x;
  rms_norm<arch::native>(x.data(), 1, h, w.data(), 1e-6f, F32Rows{want.data(), h});
  rms_norm<arch::native>(got.data(), 1, h, w.data(), 1e-6f, F32Rows{got.data(), h});
  EXPECT_EQ(want, got);
}

}  // namespace
