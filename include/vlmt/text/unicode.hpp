// Character classes for pre-tokenisers (\p{L}, \p{N}, \s) and for added tokens (\s, \w).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <utf8proc.h>

#include "vlmt/base/config.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// Class of a character in pre-tokeniser patterns.
enum class CharClass : std::uint8_t {
  letter,   ///< \p{L}
  number,   ///< \p{N}
  newline,  ///< carriage return or line feed, which patterns treat apart from other white space
  space,    ///< any other White_Space
  other
};

namespace detail {

struct CharRange {
  char32_t first, last;
  CharClass kind;
};

// Letters and numbers of Unicode 15.1 and 16.0: the regex engine of Hugging Face tokenizers knows them, utf8proc 2.8
// (Unicode 15.0) does not. Used only if utf8proc returns "unassigned", so a newer utf8proc needs no change here.
inline constexpr std::array<CharRange, 29> newer_characters{{
    {0x1C89, 0x1C8A, CharClass::letter},   {0xA7CB, 0xA7CD, CharClass::letter},   {0xA7DA, 0xA7DC, CharClass::letter},
    {0x105C0, 0x105F3, CharClass::letter}, {0x10D40, 0x10D49, CharClass::number}, {0x10D4A, 0x10D65, CharClass::letter},
    {0x10D6F, 0x10D85, CharClass::letter}, {0x10EC2, 0x10EC4, CharClass::letter}, {0x11380, 0x11389, CharClass::letter},
    {0x1138B, 0x1138B, CharClass::letter}, {0x1138E, 0x1138E, CharClass::letter}, {0x11390, 0x113B5, CharClass::letter},
    {0x113B7, 0x113B7, CharClass::letter}, {0x113D1, 0x113D1, CharClass::letter}, {0x113D3, 0x113D3, CharClass::letter},
    {0x116D0, 0x116E3, CharClass::number}, {0x11BC0, 0x11BE0, CharClass::letter}, {0x11BF0, 0x11BF9, CharClass::number},
    {0x13460, 0x143FA, CharClass::letter}, {0x16100, 0x1611D, CharClass::letter}, {0x16130, 0x16139, CharClass::number},
    {0x16D40, 0x16D6C, CharClass::letter}, {0x16D70, 0x16D79, CharClass::number}, {0x18CFF, 0x18CFF, CharClass::letter},
    {0x1CCF0, 0x1CCF9, CharClass::number}, {0x1E5D0, 0x1E5ED, CharClass::letter}, {0x1E5F0, 0x1E5F0, CharClass::letter},
    {0x1E5F1, 0x1E5FA, CharClass::number}, {0x2EBF0, 0x2EE5D, CharClass::letter},
}};

inline utf8proc_category_t category(char32_t code) noexcept {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

inline CharClass wide_char_class(char32_t code) noexcept {
  switch (category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharClass::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::number;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharClass::space;
    case UTF8PROC_CATEGORY_CC:
      return code == 0x85 ? CharClass::space : CharClass::other;
    case UTF8PROC_CATEGORY_CN: {
      const auto* at = std::lower_bound(newer_characters.begin(), newer_characters.end(), code,
                                        [](const CharRange& range, char32_t c) { return range.last < c; });
      return at != newer_characters.end() && at->first <= code ? at->kind : CharClass::other;
    }
    default:
      return CharClass::other;
  }
}

inline constexpr std::array<CharClass, 128> ascii_classes = [] {
  std::array<CharClass, 128> table{};
  for (std::size_t c = 0; c < 128; ++c) {
    table[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')  ? CharClass::letter
               : c >= '0' && c <= '9'                            ? CharClass::number
               : c == '\n' || c == '\r'                          ? CharClass::newline
               : c == ' ' || c == '\t' || c == '\v' || c == '\f' ? CharClass::space
                                                                 : CharClass::other;
  }
  return table;
}();

}  // namespace detail

/// The class of a code point in Unicode 16.0, or newer with a newer utf8proc (see detail::newer_characters).
inline CharClass char_class(char32_t code) noexcept {
  return code < 128 ? detail::ascii_classes[code] : detail::wide_char_class(code);
}

/// \s of Unicode regular expressions: the property White_Space.
inline bool is_white_space(char32_t code) noexcept {
  const CharClass kind = char_class(code);
  return kind == CharClass::space || kind == CharClass::newline;
}

/// \w of Unicode regular expressions (UTS 18): Alphabetic, marks, decimal digits, connectors, joiners.
inline bool is_word_character(char32_t code) noexcept {
  if (char_class(code) == CharClass::letter || code == 0x200C || code == 0x200D) return true;
  switch (detail::category(code)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    case UTF8PROC_CATEGORY_SO:  // circled, squared and negative letters are Other_Alphabetic
      return (code >= 0x24B6 && code <= 0x24E9) || (code >= 0x1F130 && code <= 0x1F149) ||
             (code >= 0x1F150 && code <= 0x1F169) || (code >= 0x1F170 && code <= 0x1F189);
    default:
      return char_class(code) == CharClass::number && code >= 128 && detail::category(code) == UTF8PROC_CATEGORY_CN;
  }
}

VLMT_END_NAMESPACE
