// Encoders on unusual values: zeros, constants, extreme floats, NaN.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "format_types.hpp"
#include "weights.hpp"

namespace {

constexpr std::size_t count = 256;  // a multiple of every format's block

double energy(const std::vector<float>& x) {
  double e = 0.0;
  for (const float v : x) e += static_cast<double>(v) * static_cast<double>(v);
  return e;
}

double squared_error(const std::vector<float>& x, const std::vector<float>& y) {
  const double r = vlmt_test::rmse(x, y);
  return r * r * static_cast<double>(x.size());
}

bool all_finite(const std::vector<float>& y) {
  return std::all_of(y.begin(), y.end(), [](float v) { return std::isfinite(v); });
}

class EdgeTest : public testing::TestWithParam<vlmt_test::AnyFormat> {};

TEST_P(EdgeTest, ZerosStayZeros) {
  const std::vector<float> x(count, 0.0f);
  EXPECT_EQ(GetParam().round_trip(x), x);
  EXPECT_EQ(GetParam().round_trip(std::vector<float>(count, -0.0f)), x);
}

TEST_P(EdgeTest, ErrorIsFiniteAndAtMostTheInputAtAnyMagnitude) {
  vlmt_test::Random random(1);
  for (int exponent = -149; exponent <= 124; ++exponent) {
    std::vector<float> x(count);
    for (float& v : x) v = static_cast<float>(std::ldexp(std::clamp(random.normal(), -3.5, 3.5), exponent));
    const std::vector<float> y = GetParam().round_trip(x);
    ASSERT_TRUE(all_finite(y)) << "2^" << exponent;
    ASSERT_LE(squared_error(x, y), energy(x) * (1.0 + 1e-6)) << "2^" << exponent;
  }
}

TEST_P(EdgeTest, MixedMagnitudesDecodeToFiniteValues) {
  vlmt_test::Random random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> x(count);
    for (float& v : x) {
      v = static_cast<float>(std::ldexp(random.normal(), static_cast<int>(random.bits() % 270) - 149));
      v = std::clamp(v, -std::numeric_limits<float>::max(), std::numeric_limits<float>::max());
    }
    const std::vector<float> y = GetParam().round_trip(x);
    ASSERT_TRUE(all_finite(y)) << "round " << round;
    ASSERT_LE(squared_error(x, y), energy(x) * (1.0 + 1e-6)) << "round " << round;
  }
}

TEST_P(EdgeTest, LargestFloatsSaturate) {
  constexpr float most = std::numeric_limits<float>::max();
  for (const std::size_t at : {std::size_t{0}, std::size_t{17}, count - 1}) {
    std::vector<float> x(count, 1.0f);
    x[at] = most;
    x[(at + 1) % count] = -most;
    const std::vector<float> y = GetParam().round_trip(x);
    ASSERT_TRUE(all_finite(y));
    EXPECT_GT(y[at], 1000.0f);
    EXPECT_LT(y[(at + 1) % count], -1000.0f);
  }
}

TEST_P(EdgeTest, SingleNonzeroValueIsKept) {
  for (const float v : {1.0f, -1.0f, 100.0f, -0.001f}) {
    if (GetParam().name == "NVFP4" && std::fabs(v) < 0.01f) continue;  // its smallest step is 2^-10
    for (const std::size_t at : {std::size_t{0}, std::size_t{31}, std::size_t{100}}) {
      std::vector<float> x(count, 0.0f);
      x[at] = v;
      const std::vector<float> y = GetParam().round_trip(x);
      // MXFP4 scales are powers of two: the value may lie between two levels.
      EXPECT_NEAR(y[at], v, (GetParam().name == "MXFP4" || GetParam().name == "NVFP4" ? 0.12f : 0.02f) * std::fabs(v));
      for (std::size_t i = 0; i < count; ++i) {
        if (i != at) {
          ASSERT_NEAR(y[i], 0.0f, 0.02f * std::fabs(v)) << i;
        }
      }
    }
  }
}

TEST_P(EdgeTest, ConstantBlocksKeepTheirValue) {
  for (const float v : {1.0f, -1.0f, 3.7f, -250.0f}) {
    const std::vector<float> y = GetParam().round_trip(std::vector<float>(count, v));
    for (const float d : y) {
      ASSERT_NEAR(d, v, (GetParam().name == "MXFP4" || GetParam().name == "NVFP4" ? 0.12f : 0.02f) * std::fabs(v));
    }
  }
}

TEST_P(EdgeTest, NanAndInfinityDoNotSpoilOtherValues) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), inf, -inf}) {
    std::vector<float> x = vlmt_test::make_weights(vlmt_test::Weights::gaussian, 1.0);
    x.resize(count);
    x[5] = bad;
    const std::vector<float> y = GetParam().round_trip(x);
    if (GetParam().values > 1) {
      EXPECT_TRUE(all_finite(y));
    } else {
      EXPECT_EQ(std::isnan(y[5]), std::isnan(bad));
      EXPECT_TRUE(std::isnan(bad) || y[5] == bad);
    }
  }
}

class AffineEdgeTest : public testing::TestWithParam<std::pair<vlmt_test::AnyFormat, double>> {};

TEST_P(AffineEdgeTest, OffsetAbsorbsTheMean) {
  const auto& [format, limit] = GetParam();
  vlmt_test::Random random(3);
  for (const double mean : {5.0, -5.0}) {
    std::vector<float> x(count);
    for (float& v : x) v = static_cast<float>(mean + 0.1 * random.normal());
    EXPECT_LT(vlmt_test::rmse(x, format.round_trip(x)), limit) << mean;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EdgeTest, testing::ValuesIn(vlmt_test::weight_and_activation_formats()),
                         vlmt_test::format_name);

INSTANTIATE_TEST_SUITE_P(Formats, AffineEdgeTest,
                         testing::Values(std::pair{vlmt_test::any_format<vlmt::Q4_1>(), 0.01},
                                         std::pair{vlmt_test::any_format<vlmt::Q5_1>(), 0.01},
                                         std::pair{vlmt_test::any_format<vlmt::Q2_K>(), 0.06},
                                         std::pair{vlmt_test::any_format<vlmt::Q4_K>(), 0.02},
                                         std::pair{vlmt_test::any_format<vlmt::Q5_K>(), 0.01}),
                         [](const auto& parameter) { return parameter.param.first.name; });

}  // namespace
