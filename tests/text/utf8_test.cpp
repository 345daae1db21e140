#include "vlmt/text/utf8.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using vlmt::Utf8Status;

TEST(Utf8, EveryCodePointRoundTrips) {
  std::string text;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c == 0xD800) c = 0xE000;
    text.clear();
    vlmt::append_utf8(text, c);
    const vlmt::Utf8Char d = vlmt::decode_utf8(text, 0);
    ASSERT_EQ(d.code, c);
    ASSERT_EQ(d.bytes, text.size());
    ASSERT_EQ(d.status, Utf8Status::ok);
    // Each proper prefix is a truncated character.
    for (std::size_t n = 1; n < text.size(); ++n) {
      const vlmt::Utf8Char part = vlmt::decode_utf8(std::string_view(text).substr(0, n), 0);
      ASSERT_EQ(part.status, Utf8Status::truncated);
      ASSERT_EQ(part.bytes, n);
    }
  }
}

TEST(Utf8, InvalidCodePointsBecomeReplacementCharacters) {
  for (const char32_t c : {0xD800u, 0xDFFFu, 0x110000u, 0xFFFFFFFFu}) {
    std::string text;
    vlmt::append_utf8(text, c);
    EXPECT_EQ(text, "\xEF\xBF\xBD");
  }
}

TEST(Utf8, RepairsMaximalSubparts) {
  const std::string r = "\xEF\xBF\xBD";
  // Expected values: Python's bytes.decode("utf-8", "replace").
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", ""},
      {"plain", "plain"},
      {"\xFF", r},
      {"a\x80z", "a" + r + "z"},
      {"\xC0\xAF", r + r},
      {"\xC2", r},
      {"\xC2z", r + "z"},
      {"\xE0\x80\x80", r + r + r},
      {"\xE2\x82", r},
      {"\xE2\x82z", r + "z"},
      {"\xE2\x82\xE2\x82\xAC", r + "\xE2\x82\xAC"},
      {"\xED\xA0\x80", r + r + r},
      {"\xF0\x9F\x98", r},
      {"\xF0\x9F\x98\xF0\x9F\x98\x80", r + "\xF0\x9F\x98\x80"},
      {"\xF0\x80\x80\x80", r + r + r + r},
      {"\xF4\x90\x80\x80", r + r + r + r},
      {"\xF5\x80\x80\x80", r + r + r + r},
      {"\xF1\x80\x80", r},
      {"\xF1\x80\x80\x41\xC3\xA9", r + "A\xC3\xA9"},
  };
  for (const auto& [broken, repaired] : cases) {
    EXPECT_EQ(vlmt::to_valid_utf8(broken), repaired) << testing::PrintToString(broken);
    EXPECT_EQ(vlmt::is_valid_utf8(broken), broken == repaired);
    EXPECT_TRUE(vlmt::is_valid_utf8(repaired));
  }
}

}  // namespace
