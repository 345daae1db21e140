// Decoding of random blocks compared with an independent implementation (tests/data/quant/make_fixtures.py).
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format_types.hpp"

namespace {

struct Fixture {
  std::uint32_t blocks = 0;
  std::uint32_t block_bytes = 0;
  std::uint32_t values = 0;
  std::vector<std::byte> bytes;
  std::vector<float> expected;
};

Fixture read_fixture(const std::string& name) {
  std::ifstream file(std::string(VLMT_TEST_DATA) + "/quant/" + name + ".bin", std::ios::binary);
  const std::vector<char> all{std::istreambuf_iterator<char>(file), {}};
  Fixture f;
  if (all.size() < 12) return f;
  std::uint32_t header[3];
  std::memcpy(header, all.data(), sizeof(header));
  f.blocks = header[0];
  f.block_bytes = header[1];
  f.values = header[2];
  const std::size_t data = std::size_t{f.blocks} * f.block_bytes;
  f.expected.resize(std::size_t{f.blocks} * f.values);
  if (all.size() != 12 + data + 4 * f.expected.size()) return Fixture{};
  f.bytes.resize(data);
  std::memcpy(f.bytes.data(), all.data() + 12, data);
  std::memcpy(f.expected.data(), all.data() + 12 + data, 4 * f.expected.size());
  return f;
}

class DecodeTest : public testing::TestWithParam<vlmt_test::AnyFormat> {};

TEST_P(DecodeTest, MatchesAnIndependentDecoder) {
  const vlmt_test::AnyFormat& f = GetParam();
  const Fixture fixture = read_fixture(f.name);
  ASSERT_GT(fixture.blocks, 0u) << "missing or damaged fixture";
  ASSERT_EQ(fixture.block_bytes, f.bytes);
  ASSERT_EQ(fixture.values, f.values);
  std::vector<float> y(f.values);
  for (std::uint32_t b = 0; b < fixture.blocks; ++b) {
    f.decode(fixture.bytes.data() + std::size_t{b} * f.bytes, y.data());
    const float* expected = fixture.expected.data() + std::size_t{b} * f.values;
    // Equal up to the rounding of scale * q + offset, which compilers may fuse.
    float largest = 0.0f;
    for (std::size_t i = 0; i < f.values; ++i) largest = std::max(largest, std::fabs(expected[i]));
    for (std::size_t i = 0; i < f.values; ++i) {
      ASSERT_LE(std::fabs(y[i] - expected[i]), 1.2e-7f * largest)
          << "block " << b << " value " << i << ": " << y[i] << ", expected " << expected[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, DecodeTest, testing::ValuesIn(vlmt_test::weight_and_activation_formats()),
                         vlmt_test::format_name);

}  // namespace
