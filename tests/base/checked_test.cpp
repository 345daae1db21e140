// Checked arithmetic compared with wider integers.
#include "vlmt/base/checked.hpp"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace {

using vlmt::ceil_div;
using vlmt::checked_add;
using vlmt::checked_mul;
using vlmt::round_up;

static_assert(checked_mul<std::uint64_t>(6, 7) == 42u);
static_assert(!checked_mul<std::uint64_t>(std::uint64_t{1} << 32, std::uint64_t{1} << 32));
static_assert(!checked_add<std::uint8_t>(200, 56) && checked_add<std::uint8_t>(200, 55) == 255);
static_assert(!checked_mul<std::int32_t>(std::numeric_limits<std::int32_t>::min(), -1));
static_assert(round_up<std::size_t>(0, 64) == 0 && round_up<std::size_t>(1, 64) == 64 &&
              round_up<std::size_t>(64, 64) == 64);
static_assert(ceil_div<std::size_t>(0, 3) == 0 && ceil_div<std::size_t>(7, 3) == 3 && ceil_div<std::size_t>(9, 3) == 3);

TEST(CheckedTest, AgreesWithWiderArithmeticForAllBytes) {
  for (int a = -128; a <= 255; ++a) {
    for (int b = -128; b <= 255; ++b) {
      if (a >= 0 && b >= 0) {
        const auto product = checked_mul(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b));
        ASSERT_EQ(product.has_value(), a * b <= 255) << a << " * " << b;
        ASSERT_EQ(product.value_or(0), product ? a * b : 0);
        const auto sum = checked_add(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b));
        ASSERT_EQ(sum.has_value(), a + b <= 255) << a << " + " << b;
        ASSERT_EQ(sum.value_or(0), sum ? a + b : 0);
      }
      if (a <= 127 && b <= 127) {
        const auto product = checked_mul(static_cast<std::int8_t>(a), static_cast<std::int8_t>(b));
        ASSERT_EQ(product.has_value(), a * b >= -128 && a * b <= 127) << a << " * " << b;
        const auto sum = checked_add(static_cast<std::int8_t>(a), static_cast<std::int8_t>(b));
        ASSERT_EQ(sum.has_value(), a + b >= -128 && a + b <= 127) << a << " + " << b;
      }
    }
  }
}

TEST(CheckedTest, CeilDivDoesNotOverflow) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(ceil_div(most, std::size_t{2}), most / 2 + 1);
  EXPECT_EQ(ceil_div(most, most), 1u);
  EXPECT_EQ(ceil_div(most, std::size_t{1}), most);
}

}  // namespace
