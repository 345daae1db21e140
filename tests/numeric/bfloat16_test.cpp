// bfloat16, exhaustively: every code, and rounding at and next to every midpoint.
#include "vlmt/numeric/bfloat16.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace {

using vlmt::bfloat16;

static_assert(static_cast<float>(bfloat16(1.5f)) == 1.5f && bfloat16::from_bits(0x3f80) == bfloat16(1.0f));

TEST(BFloat16Test, EveryCodeIsTheUpperHalfOfAFloatAndRoundTrips) {
  for (unsigned code = 0; code < 0x10000u; ++code) {
    const float v = static_cast<float>(bfloat16::from_bits(static_cast<std::uint16_t>(code)));
    ASSERT_EQ(std::bit_cast<std::uint32_t>(v), code << 16);
    if (std::isnan(v)) {
      ASSERT_EQ(bfloat16(v).bits, code | 0x40u) << "payload and sign are kept, the quiet bit is set";
    } else {
      ASSERT_EQ(bfloat16(v).bits, code);
    }
  }
}

TEST(BFloat16Test, RoundsToNearestTiesToEvenBetweenAllNeighbours) {
  for (unsigned code = 0; code < 0x7f80u; ++code) {
    const std::uint32_t middle = code << 16 | 0x8000u;
    const unsigned even = (code & 1u) == 0 ? code : code + 1;
    for (const std::uint32_t sign : {0u, 0x80000000u}) {
      ASSERT_EQ(bfloat16(std::bit_cast<float>(middle | sign)).bits, even | sign >> 16) << code;
      ASSERT_EQ(bfloat16(std::bit_cast<float>((middle - 1) | sign)).bits, code | sign >> 16) << code;
      ASSERT_EQ(bfloat16(std::bit_cast<float>((middle + 1) | sign)).bits, (code + 1) | sign >> 16) << code;
    }
  }
}

TEST(BFloat16Test, NanWithALowPayloadStaysNan) {
  const float nan = std::bit_cast<float>(0x7f800001u);
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(nan))));
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(-nan))));
}

TEST(BFloat16Test, ComparesValuesNotBits) {
  EXPECT_TRUE(bfloat16(0.0f) == bfloat16(-0.0f));
  EXPECT_FALSE(bfloat16(std::numeric_limits<float>::quiet_NaN()) == bfloat16(std::numeric_limits<float>::quiet_NaN()));
}

}  // namespace
