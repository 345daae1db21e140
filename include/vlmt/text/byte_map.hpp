// Maps bytes to the printable characters in which byte-level BPE vocabularies spell their tokens, and back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

// GPT-2's table: bytes 33..126, 161..172 and 174..255 map to themselves, the other 68, in order, to U+0100 and up.
inline constexpr std::array<char32_t, 256> byte_to_char = [] {
  std::array<char32_t, 256> table{};
  char32_t next = 0x100;
  for (std::size_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    table[b] = printable ? static_cast<char32_t>(b) : next++;
  }
  return table;
}();

inline constexpr std::array<std::int16_t, 0x144> char_to_byte = [] {
  std::array<std::int16_t, 0x144> table{};
  table.fill(-1);
  for (std::size_t b = 0; b < 256; ++b) table[byte_to_char[b]] = static_cast<std::int16_t>(b);
  return table;
}();

}  // namespace detail

/// Bytes as a vocabulary spells them.
inline std::string map_bytes(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_utf8(out, detail::byte_to_char[static_cast<std::uint8_t>(c)]);
  return out;
}

/// The bytes of a vocabulary entry, or nothing if it has a character outside the map.
inline std::optional<std::string> unmap_bytes(std::string_view mapped) {
  std::string out;
  for (std::size_t pos = 0; pos < mapped.size();) {
    const Utf8Char c = decode_utf8(mapped, pos);
    if (c.status != Utf8Status::ok || c.code >= detail::char_to_byte.size()) return std::nullopt;
    const std::int16_t byte = detail::char_to_byte[c.code];
    if (byte < 0) return std::nullopt;
    out += static_cast<char>(byte);
    pos += c.bytes;
  }
  return out;
}

VLMT_END_NAMESPACE
