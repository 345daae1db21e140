// The eight-bit scales, exhaustively.
#include "vlmt/numeric/float8.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace {

using vlmt::e8m0_half_to_float;
using vlmt::float_to_ue4m3;
using vlmt::ue4m3_to_float;

static_assert(e8m0_half_to_float(128) == 1.0f && ue4m3_to_float(0x38) == 1.0f);

float value(int code) {
  return ue4m3_to_float(static_cast<std::uint8_t>(code));
}

TEST(Float8Test, E8M0IsAPowerOfTwo) {
  for (int code = 0; code < 256; ++code) {
    EXPECT_EQ(e8m0_half_to_float(static_cast<std::uint8_t>(code)), std::ldexp(1.0f, code - 128)) << code;
  }
}

TEST(Float8Test, UE4M3HasItsDefinedValues) {
  for (int code = 0; code < 0x7f; ++code) {
    const int exponent = code >> 3;
    const int mantissa = code & 7;
    const double expected = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
    EXPECT_EQ(static_cast<double>(value(code)), expected) << code;
    if (code != 0) {
      EXPECT_GT(value(code), value(code - 1));
    }
  }
  EXPECT_EQ(value(0x7e), 448.0f);
  EXPECT_EQ(value(0x7f), 0.0f);
  for (int code = 0x80; code < 0xff; ++code) EXPECT_EQ(value(code), value(code & 0x7f)) << "bit 7 is ignored";
  EXPECT_EQ(value(0xff), 480.0f);
}

TEST(Float8Test, UE4M3RoundsToNearestTiesToEven) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  for (int code = 0; code < 0x7e; ++code) {
    EXPECT_EQ(float_to_ue4m3(value(code)), code);
    const float middle = 0.5f * (value(code) + value(code + 1));
    EXPECT_EQ(float_to_ue4m3(middle), (code & 1) == 0 ? code : code + 1) << code;
    EXPECT_EQ(float_to_ue4m3(std::nextafter(middle, 0.0f)), code);
    EXPECT_EQ(float_to_ue4m3(std::nextafter(middle, inf)), code + 1);
  }
}

TEST(Float8Test, UE4M3ClampsOutOfRangeValues) {
  EXPECT_EQ(float_to_ue4m3(448.0f), 0x7e);
  EXPECT_EQ(float_to_ue4m3(1e30f), 0x7e);
  EXPECT_EQ(float_to_ue4m3(std::numeric_limits<float>::infinity()), 0x7e);
  EXPECT_EQ(float_to_ue4m3(-1.0f), 0);
  EXPECT_EQ(float_to_ue4m3(-0.0f), 0);
  EXPECT_EQ(float_to_ue4m3(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(float_to_ue4m3(std::numeric_limits<float>::quiet_NaN()), 0);
}

}  // namespace
