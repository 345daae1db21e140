// UTF-8: decodes single characters, validates, repairs. Only functions that produce a string allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Replaces bytes that are not UTF-8.
inline constexpr char32_t replacement_character = 0xFFFD;

/// Result of decode_utf8.
enum class Utf8Status : std::uint8_t {
  ok,
  invalid,   ///< the bytes can never become a character
  truncated  ///< the text ends inside a character that is well formed so far
};

/// One character of a UTF-8 text.
struct Utf8Char {
  char32_t code;      ///< U+FFFD unless status is ok
  std::size_t bytes;  ///< bytes consumed, at least 1
  Utf8Status status;
};

/// Decodes the character at `pos` (< text.size()). Ill-formed bytes are consumed as maximal subparts (Unicode 3.9,
/// "U+FFFD substitution of maximal subparts"), as in the lossy decoders of Python and Rust.
constexpr Utf8Char decode_utf8(std::string_view text, std::size_t pos) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(pos);
  if (lead < 0x80) return {lead, 1, Utf8Status::ok};
  if (lead < 0xC2 || lead > 0xF4) return {replacement_character, 1, Utf8Status::invalid};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The range of the second byte excludes overlong forms, surrogates and values above U+10FFFF.
  std::uint8_t low = 0x80, high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  char32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (pos + i >= text.size()) return {replacement_character, i, Utf8Status::truncated};
    const std::uint8_t b = byte(pos + i);
    if (b < low || b > high) return {replacement_character, i, Utf8Status::invalid};
    code = code << 6 | (b & 0x3Fu);
    low = 0x80;
    high = 0xBF;
  }
  return {code, length, Utf8Status::ok};
}

/// Appends a code point as UTF-8; surrogates and values above U+10FFFF become U+FFFD.
constexpr void append_utf8(std::string& out, char32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = replacement_character;
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      out += static_cast<char>(0xE0 | code >> 12);
    } else {
      out += static_cast<char>(0xF0 | code >> 18);
      out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    }
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  }
  out += static_cast<char>(0x80 | (code & 0x3F));
}

/// Length in bytes of the longest prefix that is well-formed UTF-8.
constexpr std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  std::size_t pos = 0;
  while (pos < text.size()) {
    const Utf8Char c = decode_utf8(text, pos);
    if (c.status != Utf8Status::ok) break;
    pos += c.bytes;
  }
  return pos;
}

/// True if the whole text is well-formed UTF-8.
constexpr bool is_valid_utf8(std::string_view text) noexcept {
  return valid_utf8_prefix(text) == text.size();
}

/// The text with each maximal ill-formed subpart replaced by U+FFFD.
inline std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t good = valid_utf8_prefix(text);
    out += text.substr(0, good);
    text.remove_prefix(good);
    if (text.empty()) break;
    append_utf8(out, replacement_character);
    text.remove_prefix(decode_utf8(text, 0).bytes);
  }
  return out;
}

namespace detail {

// A name from a file, quoted for errors: valid UTF-8, one line, cut after 80 bytes.
inline std::string shown(std::string_view name) {
  std::string out = "\"";
  for (const char c : to_valid_utf8(name.substr(0, 80))) out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return out + (name.size() > 80 ? "...\"" : "\"");
}

}  // namespace detail

VLMT_END_NAMESPACE
