// Byte-wise access to the little-endian fields of a block: blocks in files are not aligned.
#pragma once

#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float16.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

VLMT_HD constexpr std::uint16_t load_u16(const std::uint8_t* p) noexcept {
  return static_cast<std::uint16_t>(p[0] | p[1] << 8);
}

VLMT_HD constexpr std::uint32_t load_u32(const std::uint8_t* p) noexcept {
  return static_cast<std::uint32_t>(load_u16(p)) | static_cast<std::uint32_t>(load_u16(p + 2)) << 16;
}

VLMT_HD constexpr void store_u16(std::uint8_t* p, std::uint16_t v) noexcept {
  p[0] = static_cast<std::uint8_t>(v & 255u);
  p[1] = static_cast<std::uint8_t>(v >> 8);
}

VLMT_HD constexpr void store_u32(std::uint8_t* p, std::uint32_t v) noexcept {
  store_u16(p, static_cast<std::uint16_t>(v & 0xffffu));
  store_u16(p + 2, static_cast<std::uint16_t>(v >> 16));
}

/// The binary16 value at p.
VLMT_HD constexpr float load_half(const std::uint8_t* p) noexcept {
  return half_bits_to_float(load_u16(p));
}

/// Four bits of a byte as a float: half 0 is the low nibble, half 1 the high nibble.
VLMT_HD constexpr float nibble(std::uint8_t byte, int half) noexcept {
  return static_cast<float>((byte >> (4 * half)) & 15);
}

/// Two four-bit values in one byte.
VLMT_HD constexpr std::uint8_t pack_nibbles(unsigned low, unsigned high) noexcept {
  return static_cast<std::uint8_t>((low & 15u) | (high & 15u) << 4);
}

}  // namespace detail

VLMT_END_NAMESPACE
