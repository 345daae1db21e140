// The installed checks: they pass correct parts and report wrong ones.
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/op/attention_variant.hpp"
#include "vlmt/op/router.hpp"
#include "vlmt/testing/check_parts.hpp"
#include "vlmt/testing/compare.hpp"
#include "vlmt/testing/sweep.hpp"
#include "vlmt/testing/tolerance.hpp"

namespace {

namespace vt = vlmt::testing;
using Arch = vlmt::arch::native;
using Problems = std::vector<std::string>;

TEST(CompareTest, FindsTheWorstElement) {
  const std::vector<float> want{3, 4, 0, 1}, got{3, 4.5f, 0, 0.75f};
  const vt::Comparison c = vt::compare(got, want);
  EXPECT_EQ(c.worst, 1u);
  EXPECT_EQ(c.max_error, 0.5);
  EXPECT_EQ(c.max_want, 4.0);
  EXPECT_NEAR(c.relative_l2, std::sqrt((0.25 + 0.0625) / 26.0), 1e-12);
  EXPECT_NE(c.line().find("element 1 of 4"), std::string::npos);
}

TEST(CompareTest, NonFiniteElementsCountAsInfiniteError) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> want{1, 2};
  for (const float bad : {inf, -inf, NAN}) {
    const vt::Comparison c = vt::compare(std::vector<float>{1, bad}, want);
    EXPECT_EQ(c.max_error, static_cast<double>(inf)) << bad;
    EXPECT_EQ(c.worst, 1u);
    EXPECT_FALSE(c.relative_l2 < 1e30);
    EXPECT_EQ(vt::compare(want, std::vector<float>{1, bad}).max_error, static_cast<double>(inf));
  }
  EXPECT_EQ(vt::compare(std::vector<float>{inf, NAN}, std::vector<float>{inf, NAN}).max_error, 0.0);
  EXPECT_EQ(vt::compare(std::vector<float>{}, std::vector<float>{}).relative_l2, 0.0);
}

TEST(ToleranceTest, BoundsFloatDotProducts) {
  for (const std::size_t n : {1u, 100u, 5000u}) {
    const auto a = vt::with_outliers(n, 1), b = vt::gaussian(n, 2);
    float sum = 0;
    double exact = 0;
    for (std::size_t i = 0; i < n; ++i) {
      sum += a[i] * b[i];
      exact += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    }
    const double error = std::fabs(static_cast<double>(sum) - exact);
    EXPECT_LE(error, vt::dot_tolerance(a, b) + vt::chain_tolerance(1, std::fabs(exact))) << n;
    EXPECT_LT(vt::dot_tolerance(a, b), 1e-2 * static_cast<double>(n)) << "the bound is too loose";
  }
}

TEST(ToleranceTest, BoundsInt8Rounding) {
  const std::size_t n = 256;
  const auto a = vt::gaussian(n, 3), b = vt::with_outliers(n, 4);
  double exact = 0, rounded = 0;
  for (std::size_t g = 0; g < n; g += 32) {
    float largest = 0;
    for (std::size_t i = g; i < g + 32; ++i) largest = std::fmax(largest, std::fabs(b[i]));
    for (std::size_t i = g; i < g + 32; ++i) {
      const double step = static_cast<double>(largest) / 127.0;
      exact += static_cast<double>(a[i]) * static_cast<double>(b[i]);
      rounded += static_cast<double>(a[i]) * std::nearbyint(static_cast<double>(b[i]) / step) * step;
    }
  }
  EXPECT_GT(std::fabs(exact - rounded), 0.0);
  EXPECT_LE(std::fabs(exact - rounded), vt::int8_tolerance(a, b));
}

TEST(SweepTest, LengthsAreSortedAndUnique) {
  EXPECT_EQ(vt::awkward_lengths(16), (std::vector<std::size_t>{1, 3, 15, 16, 17, 130}));
  EXPECT_EQ(vt::awkward_lengths(1), (std::vector<std::size_t>{1, 2, 3, 10}));
  EXPECT_EQ(vt::awkward_lengths(4), (std::vector<std::size_t>{1, 3, 4, 5, 34}));
}

TEST(SweepTest, MisalignedArraysHaveTheRequestedOffset) {
  const auto values = vt::gaussian(9, 1);
  for (std::size_t offset = 0; offset < 17; ++offset) {
    vt::Misaligned<float> copy(values, offset);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(copy.data()) % 64, offset * 4 % 64);
    EXPECT_EQ(std::vector<float>(copy.span().begin(), copy.span().end()), values);
  }
}

TEST(SweepTest, GaussianHasTheRequestedMoments) {
  const auto x = vt::gaussian(100000, 9, 2.0);
  double sum = 0, squares = 0;
  for (const float v : x) {
    sum += static_cast<double>(v);
    squares += static_cast<double>(v) * static_cast<double>(v);
  }
  EXPECT_NEAR(sum / 1e5, 0.0, 0.03);
  EXPECT_NEAR(squares / 1e5, 4.0, 0.06);
  EXPECT_EQ(vt::gaussian(8, 9, 2.0), std::vector<float>(x.begin(), x.begin() + 8));
  EXPECT_NE(vt::gaussian(8, 10), vt::gaussian(8, 9));
}

TEST(CheckPartsTest, PassesLibraryParts) {
  EXPECT_EQ((vt::check_activation<Arch, vlmt::Silu>()), Problems());
  const auto weight = vt::gaussian(300, 1);
  EXPECT_EQ((vt::check_norm<Arch>(vlmt::RmsNorm{weight.data(), 1e-6f}, weight.size())), Problems());
  EXPECT_EQ((vt::check_attention_variant<Arch>(vlmt::CausalAttention{})), Problems());
  EXPECT_EQ((vt::check_attention_variant<Arch>(vlmt::SlidingWindow<40>{})), Problems());
  EXPECT_EQ((vt::check_router<Arch>(vlmt::TopKRouter<>{})), Problems());
  EXPECT_EQ((vt::check_router<Arch>(vlmt::TopKRouter<2, vlmt::SigmoidScores>{})), Problems());
}

struct WrongSilu : vlmt::Silu {
  template <class V>
  static V apply(V x) noexcept {
    return vlmt::Silu::apply(x) * V(std::is_same_v<V, double> ? 1.00001f : 1.0f);
  }
};
struct ScaledDown : vlmt::RmsNorm {
  template <class V, class Load>
  V apply(V x, vlmt::RowMoments<> m, const Load& load) const noexcept {
    return vlmt::RmsNorm::apply(x, m, load) * V(std::is_same_v<V, float> ? 1.0f : 0.9999f);
  }
};
struct SameExpertTwice {
  static constexpr std::size_t used(std::size_t) noexcept { return 2; }
  template <class A>
  void route(float*, std::size_t n, std::size_t, std::size_t k, std::int32_t* ids, float* weights,
             vlmt::Member& m) const noexcept {
    const vlmt::Range mine = m.share(n * k);
    for (std::size_t i = mine.begin; i < mine.end; ++i) {
      ids[i] = 3;
      weights[i] = 0.5f;
    }
  }
};

TEST(CheckPartsTest, ReportsProblems) {
  EXPECT_FALSE((vt::check_activation<Arch, WrongSilu>().empty()));
  const auto weight = vt::gaussian(300, 1);
  EXPECT_FALSE((vt::check_norm<Arch>(ScaledDown{{weight.data(), 1e-6f}}, weight.size()).empty()));
  EXPECT_FALSE((vt::check_router<Arch>(SameExpertTwice{}).empty()));
}

}  // namespace
