// Compares the patterns written as code with the same patterns in PCRE2.
#include "vlmt/text/pre_split.hpp"

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <utf8proc.h>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/text/regex_split.hpp"
#include "vlmt/text/utf8.hpp"

namespace {

using Words = std::vector<std::string>;

template <std::size_t MaxDigits>
Words split(std::string_view text) {
  Words words;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t end = vlmt::word_end<MaxDigits>(text, pos);
    if (end <= pos || end > text.size()) {
      ADD_FAILURE() << "no progress at " << pos;
      break;
    }
    words.emplace_back(text.substr(pos, end - pos));
    pos = end;
  }
  return words;
}

Words split(const vlmt::RegexSplitter& splitter, std::string_view text) {
  Words words;
  splitter.split(text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

std::string pattern(const std::string& digits) {
  return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

TEST(PreSplit, Examples) {
  EXPECT_EQ(split<1>("Hello world"), (Words{"Hello", " world"}));
  EXPECT_EQ(split<1>("a  b"), (Words{"a", " ", " b"}));
  EXPECT_EQ(split<1>("  "), (Words{"  "}));
  EXPECT_EQ(split<1>("a \n\n  b"), (Words{"a", " \n\n", " ", " b"}));
  EXPECT_EQ(split<1>("1234 5"), (Words{"1", "2", "3", "4", " ", "5"}));
  EXPECT_EQ(split<3>("1234567 5"), (Words{"123", "456", "7", " ", "5"}));
  EXPECT_EQ(split<1>("I'LL don't 'ſx"), (Words{"I", "'LL", " don", "'t", " '", "ſx"}));
  EXPECT_EQ(split<1>("'ſx"), (Words{"'ſ", "x"}));
  EXPECT_EQ(split<1>("x = y;\n\n\tz"), (Words{"x", " =", " y", ";\n\n", "\tz"}));
  EXPECT_EQ(split<1>("\t!"), (Words{"\t", "!"}));
  EXPECT_EQ(split<1>("é\u0301!"), (Words{"é", "\u0301!"}));
  EXPECT_EQ(split<1>(""), (Words{}));
}

TEST(PreSplit, AgreesWithPcre2OnRandomText) {
  const vlmt::RegexSplitter qwen2(pattern(R"(\p{N})")), llama3(pattern(R"(\p{N}{1,3})"));
  const std::vector<std::string_view> pieces{
      " ", "  ", "\n", "\r", "\r\n", "\t",     "\v",     "\u00A0", "\u2028", "\u3000", "'",     "s",
      "S", "ſ",  "ll", "Re", "'d",   "a",      "word",   "é",      "中文",   "0",      "12",    "½",
      "٣", "Ⅷ",  "!",  ".,", "€",    "\u0301", "\u200B", "😀",      "_",      "\x01",   "\u0085"};
  std::mt19937 random(3);
  for (int round = 0; round < 30'000; ++round) {
    std::string text;
    const std::size_t length = random() % 14;
    for (std::size_t i = 0; i < length; ++i) {
      if (random() % 6 != 0) {
        text += pieces[random() % pieces.size()];
        continue;
      }
      // Any character below U+3000 that utf8proc knows.
      const auto code = static_cast<char32_t>(random() % 0x3000);
      if (utf8proc_category(static_cast<utf8proc_int32_t>(code)) != UTF8PROC_CATEGORY_CN) vlmt::append_utf8(text, code);
    }
    // U+1C89 is newer than PCRE2's tables. PCRE2 counts U+180E as white space, which it was before Unicode 6.3.
    if (text.find("\u1C89") != std::string::npos || text.find("\u180E") != std::string::npos) continue;
    ASSERT_EQ(split<1>(text), split(qwen2, text)) << testing::PrintToString(text);
    ASSERT_EQ(split<3>(text), split(llama3, text)) << testing::PrintToString(text);
  }
}

TEST(RegexSplit, KeepsGapsAndDropsEmptyMatches) {
  const vlmt::RegexSplitter digits(R"(\d+|x*)");
  // An empty match also splits.
  EXPECT_EQ(split(digits, "ab12cxxd"), (Words{"a", "b", "12", "c", "xx", "d"}));
  EXPECT_EQ(split(digits, ""), (Words{}));
  EXPECT_EQ(split(digits, "中é"), (Words{"中", "é"}));
  EXPECT_EQ(split(vlmt::RegexSplitter("[0-9]+"), "中é12x"), (Words{"中é", "12", "x"}));
}

TEST(RegexSplit, RefusesInvalidPatterns) {
  EXPECT_THROW(vlmt::RegexSplitter("(a"), vlmt::FileError);
  EXPECT_THROW(vlmt::RegexSplitter(R"(\C)"), vlmt::FileError);
  EXPECT_THROW(vlmt::RegexSplitter("[z-a]"), vlmt::FileError);
  try {
    const vlmt::RegexSplitter bad("(a", "some.json");
    FAIL();
  } catch (const vlmt::FileError& e) {
    EXPECT_EQ(e.site().file, "some.json");
    EXPECT_EQ(e.site().field, "(a");
  }
}

// Exponential backtracking ends with an error.
TEST(RegexSplit, GivesUpOnExponentialPatterns) {
  const vlmt::RegexSplitter evil("(a+)+$");
  EXPECT_THROW(split(evil, std::string(60, 'a') + "b"), vlmt::LimitError);
}

}  // namespace
