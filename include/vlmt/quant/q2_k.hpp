// Q2_K: 256 weights in 16 groups with four-bit scales and offsets, two-bit levels 0..3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/multiply_add.hpp"
#include "vlmt/quant/block_bytes.hpp"
#include "vlmt/quant/encode_affine.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

/// 2.625 bits per weight, groups of 16 in super-blocks of 256: scales[16] @0 (low half: scale, high half: min), qs[64]
/// @16, d binary16 @80, dmin binary16 @82. Value i is two bits of byte 32 * (i / 128) + i % 32 at bit
/// 2 * (i % 128 / 32). y = d * scale * q - dmin * min.
struct Q2_K {
  struct Block {
    std::uint8_t scales[16];
    std::uint8_t qs[64];
    std::uint8_t d[2];
    std::uint8_t dmin[2];
  };
  static constexpr std::string_view name = "Q2_K";
  static constexpr std::size_t values = 256;
  static constexpr std::uint32_t type_id = 10;
  static constexpr std::array<BlockField, 4> fields = {{{0, 16, 1}, {16, 64, 4}, {80, 2, 2}, {82, 2, 2}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    const float dmin = detail::load_half(block.dmin);
    for (int j = 0; j < 16; ++j) {
      const float scale = d * detail::nibble(block.scales[j], 0);
      const float min = dmin * detail::nibble(block.scales[j], 1);
      const std::uint8_t* q = block.qs + 32 * (j / 8) + 16 * (j % 2);
      const int shift = 2 * (j % 8 / 2);
      for (int i = 0; i < 16; ++i) y[16 * j + i] = multiply_add(scale, static_cast<float>((q[i] >> shift) & 3), -min);
    }
  }

  /// Searches for the scales and offsets with the smallest squared error over the super-block.
  static void encode(const float* x, Block& block) noexcept {
    block = Block{};
    const detail::ScaledValues<256> v(x);
    if (v.zero()) return;
    const detail::SuperAffineFit<3, 16, 16, 15> fit(v);
    detail::store_u16(block.d, fit.result().d);
    detail::store_u16(block.dmin, fit.result().dmin);
    for (int j = 0; j < 16; ++j) {
      block.scales[j] = detail::pack_nibbles(static_cast<unsigned>(fit.result().scales[j]),
                                             static_cast<unsigned>(fit.result().mins[j]));
      const detail::Affine a = fit.pair(j);
      const float inverse = detail::inverse_or_zero(a.scale);
      std::uint8_t* q = block.qs + 32 * (j / 8) + 16 * (j % 2);
      const int shift = 2 * (j % 8 / 2);
      for (int i = 0; i < 16; ++i) {
        const unsigned code = detail::UniformLevels<0, 3>::code((v.data()[16 * j + i] - a.offset) * inverse);
        q[i] = static_cast<std::uint8_t>(q[i] | code << shift);
      }
    }
  }
};
static_assert(sizeof(Q2_K::Block) == 84 && alignof(Q2_K::Block) == 1 && QuantFormat<Q2_K>);

VLMT_END_NAMESPACE
