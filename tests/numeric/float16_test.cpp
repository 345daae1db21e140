// binary16, exhaustively: every code, and rounding at and next to every midpoint.
#include "vlmt/numeric/float16.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace {

using vlmt::float16;

constexpr float infinity = std::numeric_limits<float>::infinity();

// The value of a code by definition of the format.
double defined_value(unsigned code) {
  const int exponent = static_cast<int>((code >> 10) & 31u);
  const double mantissa = code & 0x3ffu;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024.0 + mantissa, exponent - 25);
  return (code & 0x8000u) != 0 ? -magnitude : magnitude;
}

static_assert(static_cast<float>(float16(1.5f)) == 1.5f && float16::from_bits(0x3c00) == float16(1.0f));

TEST(Float16Test, EveryCodeHasItsDefinedValueAndRoundTrips) {
  for (unsigned code = 0; code < 0x10000u; ++code) {
    const float v = static_cast<float>(float16::from_bits(static_cast<std::uint16_t>(code)));
    if ((code & 0x7c00u) == 0x7c00u) {
      if ((code & 0x3ffu) == 0) {
        ASSERT_EQ(v, (code & 0x8000u) != 0 ? -infinity : infinity);
        ASSERT_EQ(float16(v).bits, code);
      } else {
        ASSERT_TRUE(std::isnan(v)) << code;
        ASSERT_TRUE(std::isnan(static_cast<float>(float16(v)))) << code;
        ASSERT_EQ(float16(v).bits, code | 0x200u) << "payload and sign are kept, the quiet bit is set";
      }
      continue;
    }
    ASSERT_EQ(static_cast<double>(v), defined_value(code)) << code;
    ASSERT_EQ(std::signbit(v), (code & 0x8000u) != 0) << code;
    ASSERT_EQ(float16(v).bits, code);
  }
}

TEST(Float16Test, RoundsToNearestTiesToEvenBetweenAllNeighbours) {
  for (unsigned code = 0; code < 0x7bffu; ++code) {
    // Midpoints need one bit more than binary16 has; they are exact in float.
    const auto middle = static_cast<float>((defined_value(code) + defined_value(code + 1)) / 2.0);
    const unsigned even = (code & 1u) == 0 ? code : code + 1;
    ASSERT_EQ(float16(middle).bits, even) << code;
    ASSERT_EQ(float16(std::nextafter(middle, 0.0f)).bits, code);
    ASSERT_EQ(float16(std::nextafter(middle, infinity)).bits, code + 1);
    ASSERT_EQ(float16(-middle).bits, even | 0x8000u);
    ASSERT_EQ(float16(std::nextafter(-middle, 0.0f)).bits, code | 0x8000u);
    ASSERT_EQ(float16(std::nextafter(-middle, -infinity)).bits, (code + 1) | 0x8000u);
  }
}

TEST(Float16Test, OverflowsToInfinityFrom65520) {
  EXPECT_EQ(float16(65504.0f).bits, 0x7bff);
  EXPECT_EQ(float16(std::nextafter(65520.0f, 0.0f)).bits, 0x7bff);
  EXPECT_EQ(float16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(float16(-65520.0f).bits, 0xfc00);
  EXPECT_EQ(float16(std::numeric_limits<float>::max()).bits, 0x7c00);
}

TEST(Float16Test, FloatSubnormalsBecomeSignedZero) {
  EXPECT_EQ(float16(std::numeric_limits<float>::denorm_min()).bits, 0x0000);
  EXPECT_EQ(float16(-std::numeric_limits<float>::denorm_min()).bits, 0x8000);
  EXPECT_EQ(float16(-0.0f).bits, 0x8000);
}

TEST(Float16Test, ComparesValuesNotBits) {
  EXPECT_TRUE(float16(0.0f) == float16(-0.0f));
  EXPECT_FALSE(float16(std::numeric_limits<float>::quiet_NaN()) == float16(std::numeric_limits<float>::quiet_NaN()));
  EXPECT_TRUE(float16(2.0f) != float16(3.0f));
}

}  // namespace
