// Buffers and the carver: planned sizes equal taken sizes, impossible sizes are rejected.
#include "vlmt/exec/buffer.hpp"

#include <cstdint>
#include <limits>
#include <utility>

#include <gtest/gtest.h>

namespace {

using vlmt::Buffer;
using vlmt::Carver;

TEST(BufferTest, IsZeroedAndAligned) {
  const Buffer b(100000);
  ASSERT_EQ(b.bytes(), 100000u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.data()) % vlmt::buffer_alignment, 0u);
  for (std::size_t i = 0; i < b.bytes(); ++i) ASSERT_EQ(b.data()[i], std::byte{0});
}

TEST(BufferTest, ZeroBytesAllocateNothing) {
  const Buffer none(0), nothing;
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(nothing.bytes(), 0u);
}

TEST(BufferTest, Moves) {
  Buffer a(4096);
  std::byte* p = a.data();
  Buffer b(std::move(a));
  EXPECT_EQ(b.data(), p);
  EXPECT_EQ(a.data(), nullptr);
  EXPECT_EQ(a.bytes(), 0u);
  Buffer c(100);
  c = std::move(b);
  EXPECT_EQ(c.data(), p);
  EXPECT_EQ(c.bytes(), 4096u);
  EXPECT_EQ(b.data(), nullptr);
  Buffer& self = c;
  c = std::move(self);
  EXPECT_EQ(c.data(), p);
  p[4095] = std::byte{1};
}

TEST(BufferTest, RejectsSizesThatCannotBeMapped) {
  EXPECT_THROW(Buffer(std::size_t{1} << 62), vlmt::LimitError);
  EXPECT_THROW(Buffer{std::numeric_limits<std::size_t>::max()}, vlmt::LimitError);
}

struct Taken {
  float* a;
  std::uint8_t* b;
  double* c;
  std::uint16_t* none;
  std::uint8_t* d;
};

Taken take_all(Carver& carver) {
  return {carver.take<float>(3), carver.take<std::uint8_t>(65), carver.take<double>(8), carver.take<std::uint16_t>(0),
          carver.take<std::uint8_t>(1)};
}

TEST(CarverTest, CountingMatchesTaking) {
  Carver plan;
  const Taken counted = take_all(plan);
  EXPECT_EQ(counted.a, nullptr);
  EXPECT_EQ(counted.d, nullptr);
  EXPECT_EQ(plan.bytes(), 64u + 128u + 64u + 0u + 64u);

  const Buffer block(plan.bytes());
  Carver carver(block.data(), block.bytes());
  const Taken t = take_all(carver);
  EXPECT_EQ(carver.bytes(), plan.bytes());
  EXPECT_EQ(reinterpret_cast<std::byte*>(t.a), block.data());
  EXPECT_EQ(reinterpret_cast<std::byte*>(t.b), block.data() + 64);
  EXPECT_EQ(reinterpret_cast<std::byte*>(t.c), block.data() + 192);
  EXPECT_EQ(reinterpret_cast<std::byte*>(t.d), block.data() + 256);
}

TEST(CarverTest, RejectsOverflowingSizes) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  Carver c;
  EXPECT_THROW(c.take<double>(most / 4), vlmt::LimitError);
  EXPECT_THROW(c.take<std::uint8_t>(most - 8), vlmt::LimitError);
  c.take<std::uint8_t>(most / 2);
  EXPECT_THROW(c.take<std::uint8_t>(most / 2 + 2), vlmt::LimitError);
  EXPECT_EQ(c.bytes(), most / 2 + 1) << "a rejected array is not counted";
}

#if VLMT_ASSERTS && defined(GTEST_HAS_DEATH_TEST)
TEST(CarverDeathTest, AssertsWhenTheBlockIsTooSmall) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const Buffer block(128);
  Carver carver(block.data(), block.bytes());
  carver.take<float>(32);
  EXPECT_DEATH(carver.take<float>(1), "used_ <= capacity_");
}
#endif

}  // namespace
