// Rows of run-time formats: alignment, sizes, errors.
#include "vlmt/quant/row.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format_types.hpp"
#include "weights.hpp"

namespace {

class RowTest : public testing::TestWithParam<vlmt_test::AnyFormat> {};

TEST_P(RowTest, RowsAtAnyAlignmentEqualTheirBlocks) {
  const vlmt_test::AnyFormat& f = GetParam();
  const std::size_t n = 512;
  std::vector<float> x = vlmt_test::make_weights(vlmt_test::Weights::gaussian, 1.0);
  x.resize(n);
  const std::size_t bytes = vlmt::row_bytes(f.type_id, n);
  ASSERT_EQ(bytes, n / f.values * f.bytes);
  std::vector<std::byte> blocks(bytes);
  for (std::size_t b = 0; b < n / f.values; ++b) f.encode(x.data() + b * f.values, blocks.data() + b * f.bytes);
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::vector<std::byte> raw(bytes + shift + 8, std::byte{0x5a});
    std::vector<float> y(n + 1, -77.0f);
    vlmt::encode_row(f.type_id, x.data(), n, raw.data() + shift);
    EXPECT_EQ(std::memcmp(raw.data() + shift, blocks.data(), bytes), 0);
    EXPECT_EQ(raw[bytes + shift], std::byte{0x5a}) << "written past the end";
    vlmt::decode_row(f.type_id, raw.data() + shift, n, y.data());
    EXPECT_EQ(y.back(), -77.0f) << "written past the end";
    y.pop_back();
    EXPECT_EQ(y, f.round_trip(x));
  }
}

TEST_P(RowTest, PartialBlocksAreRejected) {
  const vlmt_test::AnyFormat& f = GetParam();
  EXPECT_EQ(vlmt::row_bytes(f.type_id, 0), 0u);
  if (f.values == 1) return;
  float x[1] = {};
  std::byte b[1] = {};
  for (const std::size_t n : {std::size_t{1}, f.values - 1, f.values + 1}) {
    EXPECT_THROW(vlmt::row_bytes(f.type_id, n), vlmt::InputError);
    EXPECT_THROW(vlmt::decode_row(f.type_id, b, n, x), vlmt::InputError);
    EXPECT_THROW(vlmt::encode_row(f.type_id, x, n, b), vlmt::InputError);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, RowTest, testing::ValuesIn(vlmt_test::weight_formats()), vlmt_test::format_name);

TEST(TypedRowTest, MatchesRowsChosenAtRunTime) {
  std::vector<float> x = vlmt_test::make_weights(vlmt_test::Weights::gaussian, 1.0);
  x.resize(512);
  vlmt::Q4_K::Block typed[2];
  vlmt::Q4_K::Block untyped[2];
  vlmt::encode_row<vlmt::Q4_K>(x.data(), 512, typed);
  vlmt::encode_row(vlmt::Q4_K::type_id, x.data(), 512, reinterpret_cast<std::byte*>(untyped));
  EXPECT_EQ(std::memcmp(typed, untyped, sizeof(typed)), 0);
  std::vector<float> y(512);
  vlmt::decode_row<vlmt::Q4_K>(typed, 512, y.data());
  EXPECT_EQ(y, vlmt_test::any_format<vlmt::Q4_K>().round_trip(x));
}

TEST(RowErrorTest, ErrorsNameTheType) {
  try {
    vlmt::row_bytes(16, 256);
    FAIL() << "IQ2_XXS is not a vlmt format";
  } catch (const vlmt::InputError& e) {
    EXPECT_NE(std::string(e.what()).find("IQ2_XXS"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("16"), std::string::npos) << e.what();
  }
  try {
    vlmt::row_bytes(vlmt::Q4_K::type_id, 100);
    FAIL() << "100 is not a multiple of 256";
  } catch (const vlmt::InputError& e) {
    EXPECT_NE(std::string(e.what()).find("Q4_K"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("256"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("100"), std::string::npos) << e.what();
  }
  EXPECT_THROW(vlmt::row_bytes(0xffffffffu, 1), vlmt::InputError);
  EXPECT_THROW(vlmt::row_bytes(vlmt::Q8_1::type_id, 32), vlmt::InputError)
      << "an activation format, not a weight format";
}

TEST(RowErrorTest, OverflowingSizesAreRejected) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_THROW(vlmt::row_bytes(vlmt::F32::type_id, most / 2), vlmt::LimitError);
  EXPECT_EQ(vlmt::row_bytes(vlmt::F32::type_id, most / 4), most / 4 * 4);
  EXPECT_THROW(vlmt::row_bytes(vlmt::Q8_0::type_id, most / 32 * 32), vlmt::LimitError);
}

}  // namespace
