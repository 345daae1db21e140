// Unpacks panel blocks to quants and scales: the only code of the matmul kernels that knows the bits of a format.
//
// Unpack<Format, Arch> describes a format in groups of 32 values:
//   scales       scales per group: 1, or 2 (one per 16 values)
//   has_bias     y = scale * (q - zero) + bias, with one bias per scale
//   zero         zero point: 0 or a power of two, 0 for signed quants; folded into the integer sum, exactly
//   is_signed    quants are int8; otherwise uint8
//   max_quant    largest magnitude of a quant
//   scale_bits   maximum significant bits of a scale; up to 22 saves an operation per integer sum (GroupSums); optional
//   load_scales(block, scale, bias)     all scales of the block: scale[group * scales + i]; biases in the same order
//   quants(block, group, q)             eight registers; a lane holds four values of one row
//   groups_together    consecutive groups whose quants are cheaper to unpack together; 1 if absent
// A format without Unpack works through its own scalar code; with it, the format is as fast as the others.
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

/// True if there are SIMD kernels for the bits of a format. Other formats are decoded by their own scalar code and have
/// the float form only.
template <class Format, class Arch>
concept Unpackable = requires {
  Unpack<Format, Arch>::scales;
};

/// Loads from a panel block, whose units are interleaved by row. `at` is the byte offset in a block of the format.
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
  VLMT_INLINE F halves(std::size_t at) const noexcept {
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

/// A 32-bit lane of four equal bytes.
constexpr std::int32_t four(unsigned byte) noexcept {
  return static_cast<std::int32_t>(byte * 0x01010101u);
}

/// Moves bits 0..3 of every lane to bit 0 of its bytes 0..3.
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
/// Bits [shift, shift + width) of every byte, moved to bit To; mask is 2^width - 1.
template <int To, class Arch>
VLMT_INLINE simd::Ints<Arch> byte_bits(simd::Ints<Arch> x, std::size_t shift, unsigned mask) noexcept {
  const simd::Ints<Arch> bits = shift_right(x, static_cast<int>(shift)) & simd::Ints<Arch>(four(mask));
  if constexpr (To == 0) {
    return bits;
  } else {
    return shift_left<To>(bits);
  }
}

/// 16 signed levels, indexed by nibbles, with Zero added to each.
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
