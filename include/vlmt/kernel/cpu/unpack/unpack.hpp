// From a panel block to quants and scales: the one place where matmul kernels know a format's bits.
//
// Unpack<Format, Arch> describes a format in groups of 32 values:
//   scales       scales of a group: 1, or 2 (one for each 16 values)
//   has_bias     y = scale * (q - zero) + bias, with as many biases as scales
//   zero         zero point, 0 or a power of two, 0 for signed quants: folded into the integer sum, exactly
//   is_signed    quants are int8; otherwise unsigned
//   max_quant    largest magnitude of a quant
//   scale_bits   significant bits of a scale at the most; with up to 22 products are scaled with an operation less
//   load_scales(block, scale, bias)     all scales of the block: scale[group * scales + i], bias alike
//   quants(block, group, q)             eight registers, four values of every row in each
//   groups_together    groups whose quants are cheaper to take one after another; 1 if absent
// A new format works without it, decoded by its own scalar code; with it, it is as fast as the others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/kernel/cpu/dot.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

template <class Format, class Arch>
struct Unpack {};

/// True if there are SIMD kernels for the bits of a format. A format without is decoded by its own scalar code and has
/// the float form only.
template <class Format, class Arch>
concept Unpackable = requires {
  Unpack<Format, Arch>::scales;
};

/// Loads of the interleaved units of a panel block; `at` is the byte offset in the format's own block.
template <class Arch>
struct PanelBlock {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;

  const std::byte* data;

  /// Four-byte units.
  VLMT_INLINE I words(std::size_t at) const noexcept {
    return I::load(reinterpret_cast<const std::int32_t*>(data + at * Arch::lanes));
  }
  /// binary16 units.
  VLMT_INLINE F halfs(std::size_t at) const noexcept {
    return F::load_half(reinterpret_cast<const std::uint16_t*>(data + at * Arch::lanes));
  }
  /// Two-byte units.
  VLMT_INLINE I shorts(std::size_t at) const noexcept {
    return I::load(reinterpret_cast<const std::uint16_t*>(data + at * Arch::lanes));
  }
  /// One-byte units, unsigned and signed.
  VLMT_INLINE I bytes(std::size_t at) const noexcept {
    return I::load(reinterpret_cast<const std::uint8_t*>(data + at * Arch::lanes));
  }
  VLMT_INLINE I signed_bytes(std::size_t at) const noexcept {
    return I::load(reinterpret_cast<const std::int8_t*>(data + at * Arch::lanes));
  }
};

/// Four bytes all equal, as a 32-bit lane.
constexpr std::int32_t four(unsigned byte) noexcept {
  return static_cast<std::int32_t>(byte * 0x01010101u);
}

/// Bits 0..3 of every lane to bit 0 of its bytes 0..3.
template <class Arch>
VLMT_INLINE simd::Ints<Arch> spread4(simd::Ints<Arch> x) noexcept {
  using I = simd::Ints<Arch>;
  const I low = x & I(15);
  const I pairs = low | shift_left<14>(low);
  return (pairs | shift_left<7>(pairs)) & I(four(1));
}

/// Low four bits of every byte.
template <class Arch>
VLMT_INLINE simd::Ints<Arch> low_nibbles(simd::Ints<Arch> x) noexcept {
  return x & simd::Ints<Arch>(four(15));
}
/// High four bits of every byte.
template <class Arch>
VLMT_INLINE simd::Ints<Arch> high_nibbles(simd::Ints<Arch> x) noexcept {
  return shift_right<4>(x) & simd::Ints<Arch>(four(15));
}
/// Bits [shift, shift + width) of every byte, at bit `to`; mask is 2^width - 1.
template <int To, class Arch>
VLMT_INLINE simd::Ints<Arch> byte_bits(simd::Ints<Arch> x, std::size_t shift, unsigned mask) noexcept {
  const simd::Ints<Arch> bits = shift_right(x, static_cast<int>(shift)) & simd::Ints<Arch>(four(mask));
  if constexpr (To == 0) {
    return bits;
  } else {
    return shift_left<To>(bits);
  }
}

/// A table of signed levels indexed by nibbles, with `zero` added to each entry.
template <int Zero>
struct LevelTable {
  std::int8_t shifted[16];
  constexpr explicit LevelTable(const std::int8_t (&levels)[16]) noexcept : shifted{} {
    VLMT_UNROLL
    for (int i = 0; i < 16; ++i) shifted[i] = static_cast<std::int8_t>(levels[i] + Zero);
  }
};

}  // namespace cpu

VLMT_END_NAMESPACE
