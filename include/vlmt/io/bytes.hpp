// Reads integers and text out of the bytes of a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// n bytes (at most 4) at `at`, which must be inside `bytes`; the most significant byte is first.
inline std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t n) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < n; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

/// As big_endian(), with the least significant byte first.
inline std::uint32_t little_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t n) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = n; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

/// True if `text` is at `at`; false if that is outside of `bytes`.
inline bool has_text(std::span<const std::byte> bytes, std::size_t at, std::string_view text) noexcept {
  return at <= bytes.size() && text.size() <= bytes.size() - at &&
         std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

/// The bytes as characters.
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace detail

VLMT_END_NAMESPACE
