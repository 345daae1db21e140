// Parts of the encoders: nearest levels, packed scales, scaled values.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/quant/encode_levels.hpp"
#include "vlmt/quant/level_tables.hpp"
#include "vlmt/quant/packed_scales.hpp"
#include "vlmt/quant/scaled_values.hpp"

#include "weights.hpp"

namespace {

using namespace vlmt::detail;

float distance_to_nearest(const std::int8_t (&table)[16], float v) {
  float best = std::numeric_limits<float>::max();
  for (const std::int8_t level : table) best = std::min(best, std::fabs(v - static_cast<float>(level)));
  return best;
}

TEST(LevelTest, TablesGiveTheNearestLevel) {
  for (int i = -1200; i <= 1200; ++i) {
    const float v = static_cast<float>(i) * 0.125f;
    EXPECT_EQ(std::fabs(v - Iq4Levels::level(v)), distance_to_nearest(iq4_levels.of, v)) << v;
    EXPECT_EQ(Iq4Levels::level(v), static_cast<float>(iq4_levels.of[Iq4Levels::code(v)])) << v;
    const float w = v * 0.125f;
    EXPECT_EQ(std::fabs(w - E2m1Levels::level(w)), distance_to_nearest(e2m1_levels.of, w)) << w;
    EXPECT_EQ(E2m1Levels::level(w), static_cast<float>(e2m1_levels.of[E2m1Levels::code(w)])) << w;
  }
  EXPECT_EQ(E2m1Levels::code(-0.1f), 0u) << "zero has one code";
}

TEST(LevelTest, UniformLevelsRoundAndClip) {
  using Levels = UniformLevels<-4, 3>;
  EXPECT_EQ(Levels::level(-100.0f), -4.0f);
  EXPECT_EQ(Levels::level(100.0f), 3.0f);
  EXPECT_EQ(Levels::level(-1.49f), -1.0f);
  EXPECT_EQ(Levels::level(-1.51f), -2.0f);
  EXPECT_EQ(Levels::level(1.51f), 2.0f);
  EXPECT_EQ(Levels::code(-4.0f), 0u);
  EXPECT_EQ(Levels::code(0.0f), 4u);
  EXPECT_EQ(Levels::code(9.0f), 7u);
  EXPECT_EQ(Levels::level(-1e9f), -4.0f);
}

TEST(LevelTest, BestScaleIsCloseToExhaustiveSearch) {
  vlmt_test::Random random(6);
  double found = 0.0;
  double possible = 0.0;
  for (int round = 0; round < 200; ++round) {
    float x[32];
    for (float& v : x) v = static_cast<float>(random.normal());
    using Levels = UniformLevels<-8, 7>;
    found += static_cast<double>(level_error<Levels, 32>(x, best_scale<Levels, 32>(x)));
    float best = std::numeric_limits<float>::max();
    for (int i = 1; i <= 4000; ++i) {
      const float scale = static_cast<float>(i) * 2e-4f;
      best = std::min({best, level_error<Levels, 32>(x, scale), level_error<Levels, 32>(x, -scale)});
    }
    possible += static_cast<double>(best);
  }
  EXPECT_LE(found, 1.02 * possible);
  EXPECT_GE(found, 0.99 * possible);
}

TEST(PackedScalesTest, EveryPairRoundTrips) {
  vlmt_test::Random random(7);
  for (int round = 0; round < 2000; ++round) {
    std::uint8_t bytes[12] = {};
    ScaleMin pairs[8];
    for (int j = 0; j < 8; ++j) {
      pairs[j] = {static_cast<int>(random.bits() % 64), static_cast<int>(random.bits() % 64)};
      pack_scale_min(bytes, j, pairs[j]);
    }
    for (int j = 0; j < 8; ++j) {
      ASSERT_EQ(unpack_scale_min(bytes, j).scale, pairs[j].scale) << j;
      ASSERT_EQ(unpack_scale_min(bytes, j).min, pairs[j].min) << j;
    }
  }
}

TEST(ScaledValuesTest, LargestMagnitudeIsNormalisedAtAnyExponent) {
  for (int exponent = -149; exponent <= 127; ++exponent) {
    float x[16] = {};
    x[3] = -std::ldexp(1.0f, exponent);
    x[4] = std::ldexp(1.0f, exponent) * 0.5f;
    const ScaledValues<16> v(x, std::numeric_limits<float>::max());
    EXPECT_EQ(v.data()[3], -0.5f);
    EXPECT_EQ(v.in_units(v.data()[3]), x[3]);
    EXPECT_EQ(v.from_units(x[3]), -0.5f);
    EXPECT_FALSE(v.zero());
  }
  const float zeros[16] = {};
  EXPECT_TRUE(ScaledValues<16>(zeros).zero());
}

TEST(ScaledValuesTest, ClipsLargeValuesAndZeroesNan) {
  float x[16] = {};
  x[0] = std::numeric_limits<float>::infinity();
  x[1] = -9.0f;
  x[2] = 2.0f;
  x[3] = std::numeric_limits<float>::quiet_NaN();
  const ScaledValues<16> v(x, 8.0f);
  EXPECT_EQ(v.in_units(v.data()[0]), 8.0f);
  EXPECT_EQ(v.in_units(v.data()[1]), -8.0f);
  EXPECT_EQ(v.in_units(v.data()[2]), 2.0f);
  EXPECT_EQ(v.data()[3], 0.0f);
}

TEST(ScaledValuesTest, HalfScalesSaturateAndStepByOne) {
  float x[16] = {};
  x[0] = 1e20f;
  const ScaledValues<16> v(x);
  EXPECT_EQ(v.half_bits(1.0f), 0x7bff);
  EXPECT_EQ(v.half_bits(-1.0f), 0xfbff);
  EXPECT_EQ(half_neighbour(0x7bff, 1), 0x7bff);
  EXPECT_EQ(half_neighbour(0x0000, -1), 0x0000);
  EXPECT_EQ(half_neighbour(0x8001, -1), 0x8000);
  EXPECT_EQ(half_neighbour(0x3c00, 1), 0x3c01);
}

}  // namespace
