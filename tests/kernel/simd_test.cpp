// SIMD types against scalar arithmetic, on every arch compiled in this translation unit.
#include "vlmt/kernel/cpu/simd.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/kernel/cpu/transpose.hpp"

#include "swept_archs.hpp"

namespace {

using namespace vlmt;

template <class Arch>
class Simd : public ::testing::Test {};
TYPED_TEST_SUITE(Simd, vlmt_test::TestTypes<arch::compiled>::type);

constexpr float infinity = std::numeric_limits<float>::infinity();

TYPED_TEST(Simd, PartialLoadAndStoreTouchOnlyTheirPart) {
  using F = simd::Floats<TypeParam>;
  constexpr std::size_t n = F::lanes;
  for (std::size_t count = 0; count <= n; ++count) {
    std::vector<float> in, out(n + 2, -7.0f);
    in.reserve(n);  // data() of an empty vector may be null
    in.resize(count);
    for (std::size_t i = 0; i < count; ++i) in[i] = static_cast<float>(i + 1);
    const F v = F::load(in.data(), count);
    float all[n];
    v.store(all);
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(all[i], i < count ? static_cast<float>(i + 1) : 0.0f);
    (v + F(1.0f)).store(out.data() + 1, count);
    EXPECT_EQ(out[0], -7.0f);
    for (std::size_t i = 0; i < n + 1; ++i) EXPECT_EQ(out[i + 1], i < count ? static_cast<float>(i + 2) : -7.0f);
  }
}

template <class Arch, std::size_t N>
void sums_of_several_equal_those_of_one() {
  using F = simd::Floats<Arch>;
  F x[N];
  for (std::size_t i = 0; i < N; ++i) {
    float lane[F::lanes];
    for (std::size_t k = 0; k < F::lanes; ++k) lane[k] = 1.0f / static_cast<float>(3 + 7 * i + 5 * k * k);
    x[i] = F::load(lane);
  }
  float sums[N];
  reduce_add(x, sums);
  for (std::size_t i = 0; i < N; ++i) EXPECT_EQ(sums[i], reduce_add(x[i])) << i << " of " << N;
}

TYPED_TEST(Simd, SumsOfSeveralVectorsEqualSeparateSums) {
  sums_of_several_equal_those_of_one<TypeParam, 1>();
  sums_of_several_equal_those_of_one<TypeParam, 3>();
  sums_of_several_equal_those_of_one<TypeParam, 4>();
  sums_of_several_equal_those_of_one<TypeParam, 8>();
}

TYPED_TEST(Simd, TransposesAnyShape) {
  for (const std::size_t rows : {1u, 4u, 15u, 16u, 17u, 40u}) {
    for (const std::size_t cols : {1u, 8u, 16u, 31u, 72u}) {
      const std::size_t in_stride = cols + 3, out_stride = rows + 5;
      std::vector<float> in(rows * in_stride), out(cols * out_stride, -1.0f);
      for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i);
      cpu::transpose<TypeParam>(in.data(), in_stride, rows, cols, out.data(), out_stride);
      for (std::size_t c = 0; c < cols; ++c) {
        for (std::size_t r = 0; r < out_stride; ++r) {
          EXPECT_EQ(out[c * out_stride + r], r < rows ? in[r * in_stride + c] : -1.0f) << rows << " x " << cols;
        }
      }
    }
  }
}

TYPED_TEST(Simd, RoundsToNearestAndEven) {
  using F = simd::Floats<TypeParam>;
  for (const float x :
       {0.0f, 0.25f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.75f, 126.49f, 1.0f / 3.0f, 0x1.8p-11f, 0x1.8p-10f}) {
    float lane[F::lanes];
    rounding_error(F(x)).store(lane);
    for (const float e : lane) EXPECT_EQ(e, x - std::nearbyint(x)) << x;
    simd::round_to<10>(F(x)).store(lane);
    for (const float y : lane) EXPECT_EQ(y, std::nearbyint(x * 1024.0f) / 1024.0f) << x;
  }
}

TYPED_TEST(Simd, EveryHalfConvertsAsTheScalarTypeDoes) {
  using F = simd::Floats<TypeParam>;
  constexpr std::size_t n = F::lanes;
  for (std::uint32_t base = 0; base < 65536; base += n) {
    float16 h[n], back_h[n];
    bfloat16 b[n], back_b[n];
    for (std::size_t i = 0; i < n; ++i) {
      h[i].bits = static_cast<std::uint16_t>(base + i);
      b[i].bits = static_cast<std::uint16_t>(base + i);
    }
    float from_h[n], from_b[n];
    F::load(h).store(from_h);
    F::load(b).store(from_b);
    F::load(from_h).store(back_h);
    F::load(from_b).store(back_b);
    for (std::size_t i = 0; i < n; ++i) {
      const float want_h = static_cast<float>(h[i]);
      const float want_b = static_cast<float>(b[i]);
      if (std::isnan(want_h)) {
        EXPECT_TRUE(std::isnan(from_h[i]) && std::isnan(static_cast<float>(back_h[i])));
      } else {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(from_h[i]), std::bit_cast<std::uint32_t>(want_h));
        EXPECT_EQ(back_h[i].bits, h[i].bits);
      }
      if (std::isnan(want_b)) {
        EXPECT_TRUE(std::isnan(from_b[i]) && std::isnan(static_cast<float>(back_b[i])));
      } else {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(from_b[i]), std::bit_cast<std::uint32_t>(want_b));
        EXPECT_EQ(back_b[i].bits, b[i].bits);
      }
    }
  }
}

TYPED_TEST(Simd, RoundingToHalvesIsToNearestEven) {
  using F = simd::Floats<TypeParam>;
  constexpr std::size_t n = F::lanes;
  std::uint32_t state = 1;
  for (int round = 0; round < 20000; ++round) {
    float x[n];
    for (float& v : x) {
      state = state * 1664525u + 1013904223u;
      // Exponents around the range of binary16; clearing low bits makes ties likely.
      const std::uint32_t exponent = 100 + (state >> 8) % 45;
      const std::uint32_t mantissa = (state * 2654435761u) >> 9 & ((round & 1) ? 0x7ff000u : 0x7fffffu);
      v = std::bit_cast<float>((state & 0x80000000u) | exponent << 23 | mantissa);
    }
    float16 h[n];
    bfloat16 b[n];
    F::load(x).store(h);
    F::load(x).store(b);
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_EQ(h[i].bits, float16(x[i]).bits) << x[i];
      EXPECT_EQ(b[i].bits, bfloat16(x[i]).bits) << x[i];
    }
  }
}

TYPED_TEST(Simd, ArithmeticSelectAndReductions) {
  using F = simd::Floats<TypeParam>;
  constexpr std::size_t n = F::lanes;
  float a[n], b[n], out[n];
  float sum = 0, largest = -infinity;
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = static_cast<float>(i) * 1.5f - 4.0f;
    b[i] = 3.0f - static_cast<float>(i);
    sum += a[i];
    largest = std::max(largest, a[i]);
  }
  const F x = F::load(a), y = F::load(b);
  const auto expect = [&](F v, auto&& f) {
    v.store(out);
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], f(a[i], b[i]));
  };
  expect(fma(x, y, F(2.0f)), [](float p, float q) { return p * q + 2.0f; });
  expect(fnma(x, y, F(2.0f)), [](float p, float q) { return 2.0f - p * q; });
  expect(min(x, y), [](float p, float q) { return std::min(p, q); });
  expect(max(x, y), [](float p, float q) { return std::max(p, q); });
  expect(abs(x), [](float p, float) { return std::fabs(p); });
  expect(-x, [](float p, float) { return -p; });
  expect(select(x < y, x, y), [](float p, float q) { return p < q ? p : q; });
  expect(select(x >= y, F(1.0f), F(0.0f)), [](float p, float q) { return p >= q ? 1.0f : 0.0f; });
  EXPECT_EQ(reduce_add(x), sum);
  EXPECT_EQ(reduce_max(x), largest);
}

TYPED_TEST(Simd, IntegersWidenNarrowAndRound) {
  using F = simd::Floats<TypeParam>;
  using I = simd::Ints<TypeParam>;
  constexpr std::size_t n = F::lanes;
  std::int8_t s8[n], back8[n];
  std::uint8_t u8[n];
  std::uint16_t u16[n], back16[n];
  std::int32_t out[n];
  for (std::size_t i = 0; i < n; ++i) {
    s8[i] = static_cast<std::int8_t>(static_cast<int>(i) * 16 - 128);
    u8[i] = static_cast<std::uint8_t>(255 - i);
    u16[i] = static_cast<std::uint16_t>(65535 - 4000 * i);
  }
  I::load(s8).store(out);
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], s8[i]);
  EXPECT_EQ(reduce_add(I::load(u8)), static_cast<int>(255 * n - n * (n - 1) / 2));
  I::load(s8).store(back8);
  EXPECT_EQ(std::memcmp(s8, back8, n), 0);
  (I::load(s8) + I(200)).store(back8);
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(back8[i], std::min(s8[i] + 200, 127));
  I::load(u16).store(back16);
  EXPECT_EQ(std::memcmp(u16, back16, sizeof u16), 0);
  shift_right<28>(I(-1)).store(out);
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], 15);
  const float ties[] = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -127.5f};
  for (const float t : ties) {
    to_int(F(t)).store(out);
    EXPECT_EQ(out[0], static_cast<int>(std::nearbyint(t)));
  }
}

TYPED_TEST(Simd, ExpIsWithinTwoUlpAndKeepsSpecialValues) {
  using F = simd::Floats<TypeParam>;
  constexpr std::size_t n = F::lanes;
  double worst = 0;
  for (float x = -87.0f; x < 88.7f; x += 0.0037f) {
    float out[n];
    exp(F(x)).store(out);
    const double want = std::exp(static_cast<double>(x));
    const double ulp = static_cast<double>(std::nextafter(static_cast<float>(want), infinity)) -
                       static_cast<double>(static_cast<float>(want));
    worst = std::max(worst, std::fabs(static_cast<double>(out[0]) - want) / ulp);
  }
  EXPECT_LE(worst, 2.0);
  const auto one = [](float x) {
    float out[n];
    exp(F(x)).store(out);
    return out[n - 1];
  };
  EXPECT_EQ(one(0.0f), 1.0f);
  EXPECT_EQ(one(-infinity), 0.0f);
  EXPECT_EQ(one(-1e30f), 0.0f);
  EXPECT_EQ(one(infinity), infinity);
  EXPECT_EQ(one(100.0f), infinity);
  EXPECT_TRUE(std::isnan(one(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_GT(one(-100.0f), 0.0f);  // subnormal
}

TYPED_TEST(Simd, TanhAndSigmoid) {
  using F = simd::Floats<TypeParam>;
  constexpr std::size_t n = F::lanes;
  for (float x = -12.0f; x < 12.0f; x += 0.013f) {
    float t[n], s[n];
    tanh(F(x)).store(t);
    sigmoid(F(x)).store(s);
    const auto d = static_cast<double>(x);
    constexpr double eps = 4 * 1.2e-7;
    EXPECT_NEAR(static_cast<double>(t[0]), std::tanh(d), eps * std::fabs(std::tanh(d)));
    EXPECT_NEAR(static_cast<double>(s[0]), 1 / (1 + std::exp(-d)), eps / (1 + std::exp(-d)));
  }
}

}  // namespace
