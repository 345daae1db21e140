#include "vlmt/text/unicode.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

#include <utf8proc.h>

#include <gtest/gtest.h>

namespace {

using vlmt::CharClass;

TEST(Unicode, WhiteSpaceIsTheUnicodeProperty) {
  std::vector<char32_t> found;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (vlmt::is_white_space(c)) found.push_back(c);
  }
  const std::vector<char32_t> expected{0x9,    0xA,    0xB,    0xC,    0xD,    0x20,   0x85,   0xA0,   0x1680,
                                       0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
                                       0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(vlmt::char_class('\n'), CharClass::newline);
  EXPECT_EQ(vlmt::char_class('\r'), CharClass::newline);
  EXPECT_EQ(vlmt::char_class(0x2028), CharClass::space);
}

TEST(Unicode, LettersAndNumbersAreThoseOfUnicode16) {
  std::size_t letters = 0, numbers = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    letters += vlmt::char_class(c) == CharClass::letter;
    numbers += vlmt::char_class(c) == CharClass::number;
  }
  if (std::string_view(utf8proc_unicode_version()) < "17") {
    EXPECT_EQ(letters, 141'028u);
    EXPECT_EQ(numbers, 1'911u);
  } else {  // later versions only add
    EXPECT_GT(letters, 141'028u);
    EXPECT_GE(numbers, 1'911u);
  }
}

TEST(Unicode, SamplesOfEachClass) {
  for (const char32_t c :
       {U'a', U'Z', U'é', U'ß', U'я', U'中', U'가', U'ª', U'ʰ', char32_t{0x1C89}, char32_t{0x2EBF0}}) {
    EXPECT_EQ(vlmt::char_class(c), CharClass::letter) << static_cast<unsigned>(c);
  }
  for (const char32_t c : {U'0', U'9', U'²', U'½', U'Ⅷ', U'٣', U'㊄', char32_t{0x10D40}}) {
    EXPECT_EQ(vlmt::char_class(c), CharClass::number) << static_cast<unsigned>(c);
  }
  for (const char32_t c : {U'_', U'!', U'\0', U'\x7F', U'€', U'’', char32_t{0x301}, char32_t{0x200B}, char32_t{0xFEFF},
                           char32_t{0xE000}, char32_t{0x378}, char32_t{0x10FFFF}}) {
    EXPECT_EQ(vlmt::char_class(c), CharClass::other) << static_cast<unsigned>(c);
  }
}

TEST(Unicode, WordCharacters) {
  for (const char32_t c :
       {U'a', U'中', U'7', U'_', U'‿', U'Ⓐ', char32_t{0x301}, char32_t{0x200D}, U'Ⅷ', char32_t{0x1F170}}) {
    EXPECT_TRUE(vlmt::is_word_character(c)) << static_cast<unsigned>(c);
  }
  for (const char32_t c : {U' ', U'-', U'!', U'²', U'½', U'☺', U'\n', char32_t{0x200B}}) {
    EXPECT_FALSE(vlmt::is_word_character(c)) << static_cast<unsigned>(c);
  }
}

}  // namespace
