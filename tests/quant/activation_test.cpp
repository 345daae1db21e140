// Q8_0, Q8_1 and Q8_K as activation formats.
#include <algorithm>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "vlmt/quant/block_bytes.hpp"
#include "vlmt/quant/q8_0.hpp"
#include "vlmt/quant/q8_1.hpp"
#include "vlmt/quant/q8_k.hpp"

#include "weights.hpp"

namespace {

TEST(ActivationTest, Q8LevelsAreNearestAndNeverMinus128) {
  vlmt_test::Random random(4);
  for (int round = 0; round < 2000; ++round) {
    float x[32];
    float largest = 0.0f;
    for (float& v : x) {
      v = static_cast<float>(std::ldexp(random.normal(), round % 36 - 30));
      largest = std::max(largest, std::fabs(v));
    }
    vlmt::Q8_0::Block b0;
    vlmt::Q8_1::Block b1;
    vlmt::Q8_0::encode(x, b0);
    vlmt::Q8_1::encode(x, b1);
    const float d = vlmt::detail::load_half(b0.d);
    EXPECT_EQ(std::memcmp(b0.d, b1.d, 2), 0);
    EXPECT_EQ(std::memcmp(b0.qs, b1.qs, 32), 0);
    ASSERT_LE(largest, 127.5f * d);
    int sum = 0;
    for (int i = 0; i < 32; ++i) {
      ASSERT_GE(b0.qs[i], -127);
      ASSERT_LE(std::fabs(x[i] - d * static_cast<float>(b0.qs[i])), 0.5001f * d);
      sum += b1.qs[i];
    }
    const float s = vlmt::detail::load_half(b1.s);
    EXPECT_NEAR(s, d * static_cast<float>(sum), 0.0005f * std::fabs(s) + 6e-8f);
  }
}

TEST(ActivationTest, Q8KMapsTheExtremeToMinus127AndStoresSumsOf16) {
  vlmt_test::Random random(5);
  for (const double sign : {1.0, -1.0}) {
    float x[256];
    for (float& v : x) v = static_cast<float>(random.normal());
    x[77] = static_cast<float>(9.0 * sign);
    vlmt::Q8_K::Block b;
    vlmt::Q8_K::encode(x, b);
    EXPECT_EQ(b.qs[77], -127);
    EXPECT_FLOAT_EQ(b.d * -127.0f, x[77]);
    for (int g = 0; g < 16; ++g) {
      int sum = 0;
      for (int i = 0; i < 16; ++i) sum += b.qs[16 * g + i];
      EXPECT_EQ(b.bsums[g], sum);
    }
    for (int i = 0; i < 256; ++i) {
      ASSERT_LE(std::fabs(x[i] - b.d * static_cast<float>(b.qs[i])), 0.5001f * std::fabs(b.d));
    }
  }
}

}  // namespace
