// Splits text into the words within which byte-level BPE merges: the patterns of Qwen2/3 and Llama-3 as code.
//
// Both use this pattern, with K = 1 (Qwen2/3) or K = 1,3 (Llama-3):
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{K}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// On long runs a regex engine takes quadratic time for parts of it; this code takes linear time and no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/text/unicode.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

struct ClassAt {
  CharClass kind;
  std::size_t bytes;
};

// Class and length in bytes of the character at pos < text.size(); valid UTF-8.
inline ClassAt class_at(std::string_view text, std::size_t pos) noexcept {
  const auto lead = static_cast<std::uint8_t>(text[pos]);
  if (lead < 0x80) return {ascii_classes[lead], 1};
  const Utf8Char c = decode_utf8(text, pos);
  return {wide_char_class(c.code), c.bytes};
}

// End of the run of at most `limit` characters, starting at pos, whose class `accept` takes.
template <class Accept>
std::size_t run_end(std::string_view text, std::size_t pos, Accept accept, std::size_t limit = SIZE_MAX) noexcept {
  for (std::size_t n = 0; n < limit && pos < text.size(); ++n) {
    const ClassAt c = class_at(text, pos);
    if (!accept(c.kind)) break;
    pos += c.bytes;
  }
  return pos;
}

// Length of the match of (?i:'s|'t|'re|'ve|'m|'ll|'d) at an apostrophe, 0 if none. U+017F (long s) folds to s.
inline std::size_t contraction_at(std::string_view text, std::size_t pos) noexcept {
  const auto lower = [&](std::size_t i) {
    const char c = i < text.size() ? text[i] : '\0';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const char first = lower(pos + 1), second = lower(pos + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' || first == 'v') && second == 'e') return 3;
  if (first == 'l' && second == 'l') return 3;
  return text.substr(pos + 1, 2) == "\xC5\xBF" ? 3 : 0;
}

// End of the match of \s*[\r\n]+|\s+(?!\S)|\s+ at a white-space character.
inline std::size_t white_space_end(std::string_view text, std::size_t pos) noexcept {
  std::size_t end = pos, last = pos, after_newline = 0;
  while (end < text.size()) {
    const ClassAt c = class_at(text, end);
    if (c.kind != CharClass::space && c.kind != CharClass::newline) break;
    last = end;
    end += c.bytes;
    if (c.kind == CharClass::newline) after_newline = end;
  }
  if (after_newline != 0) return after_newline;
  // The last character belongs to the following word, if there is one, unless it is the only character.
  return end == text.size() || last == pos ? end : last;
}

}  // namespace detail

/// End of the word that starts at pos < text.size(); valid UTF-8. MaxDigits: 1 for Qwen2 and Qwen3, 3 for Llama-3.
template <std::size_t MaxDigits>
std::size_t word_end(std::string_view text, std::size_t pos) noexcept {
  constexpr auto letter = [](CharClass k) { return k == CharClass::letter; };
  constexpr auto number = [](CharClass k) { return k == CharClass::number; };
  constexpr auto newline = [](CharClass k) { return k == CharClass::newline; };
  constexpr auto other = [](CharClass k) { return k == CharClass::other; };

  if (text[pos] == '\'') {
    if (const std::size_t length = detail::contraction_at(text, pos)) return pos + length;
  }
  const detail::ClassAt first = detail::class_at(text, pos);
  const std::size_t second = pos + first.bytes;
  if (first.kind == CharClass::letter) return detail::run_end(text, second, letter);
  if (first.kind == CharClass::number) return detail::run_end(text, second, number, MaxDigits - 1);
  if (first.kind != CharClass::newline) {
    const std::size_t word = detail::run_end(text, second, letter);
    if (word != second) return word;
  }
  if (first.kind == CharClass::other || text[pos] == ' ') {
    const std::size_t symbols = detail::run_end(text, second, other);
    if (symbols != second || first.kind == CharClass::other) return detail::run_end(text, symbols, newline);
  }
  return detail::white_space_end(text, pos);
}

VLMT_END_NAMESPACE
