// AnyTensor: sizes, and typed blocks of a run-time format.
#include "vlmt/tensor/any_tensor.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"

namespace {

using vlmt::AnyTensor;

TEST(AnyTensorTest, CountsRowsAndColumnsForEveryRank) {
  AnyTensor t;
  EXPECT_EQ(t.columns(), 1u);
  EXPECT_EQ(t.count(), 1u);
  t.rank = 1;
  t.shape = {7, 1, 1, 1};
  EXPECT_EQ(t.rows(), 1u);
  EXPECT_EQ(t.columns(), 7u);
  t.rank = 3;
  t.shape = {2, 3, 5, 1};
  EXPECT_EQ(t.rows(), 6u);
  EXPECT_EQ(t.columns(), 5u);
  t.rank = 4;
  t.shape = {2, 3, 5, 0};
  EXPECT_EQ(t.rows(), 0u);
  EXPECT_EQ(t.count(), 0u);
}

TEST(AnyTensorTest, BlocksKeepTheOwnerAlive) {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4, 5, 6});
  const std::weak_ptr<std::vector<float>> watch = owner;
  auto blocks = [&] {
    AnyTensor t;
    t.type_id = vlmt::F32::type_id;
    t.rank = 2;
    t.shape = {2, 3, 1, 1};
    t.bytes = std::as_bytes(std::span(*owner));
    t.owner = std::move(owner);
    return t.blocks<vlmt::F32>();
  }();
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(blocks.extent(0), 2u);
  EXPECT_EQ(blocks.extent(1), 3u);
  float value = 0;
  vlmt::F32::decode(blocks(1, 2), &value);
  EXPECT_EQ(value, 6.0f);
  blocks = {};
  EXPECT_TRUE(watch.expired());
}

#if VLMT_ASSERTS && defined(GTEST_HAS_DEATH_TEST)
TEST(AnyTensorDeathTest, AssertsThatTheFormatMatches) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  AnyTensor t;
  t.type_id = vlmt::F32::type_id;
  t.rank = 1;
  EXPECT_DEATH(static_cast<void>(t.blocks<vlmt::F16>()), "type_id == Format::type_id");
}
#endif

}  // namespace
