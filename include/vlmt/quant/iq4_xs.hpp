// IQ4_XS: 256 weights in 8 groups with six-bit scales and the levels of IQ4_NL.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/quant/block_bytes.hpp"
#include "vlmt/quant/encode_levels.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/level_tables.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

/// 4.25 bits per weight, groups of 32 in super-blocks of 256: d binary16 @0, scales_h u16 @2 (two high bits per group),
/// scales_l[4] @4 (four low bits), qs[128] @8. Value i of group j is in byte 16 * j + i % 16, in the high half if
/// i >= 16. y = d * (scale - 32) * T[q] with the table detail::iq4_levels.
struct IQ4_XS {
  struct Block {
    std::uint8_t d[2];
    std::uint8_t scales_h[2];
    std::uint8_t scales_l[4];
    std::uint8_t qs[128];
  };
  static constexpr std::string_view name = "IQ4_XS";
  static constexpr std::size_t values = 256;
  static constexpr std::uint32_t type_id = 23;
  static constexpr std::array<BlockField, 4> fields = {{{0, 2, 2}, {2, 2, 2}, {4, 4, 4}, {8, 128, 4}}};

  /// The integer scale of group j, -32..31.
  static VLMT_HD int group_scale(const Block& block, int j) noexcept {
    const int low = (block.scales_l[j / 2] >> (4 * (j % 2))) & 15;
    const int high = (detail::load_u16(block.scales_h) >> (2 * j)) & 3;
    return (low | high << 4) - 32;
  }

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    for (int j = 0; j < 8; ++j) {
      const float scale = d * static_cast<float>(group_scale(block, j));
      const std::uint8_t* q = block.qs + 16 * j;
      for (int i = 0; i < 16; ++i) {
        y[32 * j + i] = scale * detail::iq4_level(q[i] & 15);
        y[32 * j + i + 16] = scale * detail::iq4_level(q[i] >> 4);
      }
    }
  }

  /// Searches for the scales with the smallest squared error over the super-block.
  static void encode(const float* x, Block& block) noexcept {
    using Levels = detail::Iq4Levels;
    block = Block{};
    const detail::ScaledValues<256> v(x);
    if (v.zero()) return;
    const detail::SuperScales<8> fit = detail::fit_super_scales<Levels, 8, 32, -32, 31>(v);
    detail::store_u16(block.d, fit.d);
    unsigned high = 0;
    for (int j = 0; j < 8; ++j) {
      const auto stored = static_cast<unsigned>(fit.scales[j] + 32);
      std::uint8_t& low = block.scales_l[j / 2];
      low = static_cast<std::uint8_t>(low | (stored & 15u) << (4 * (j % 2)));
      high |= (stored >> 4) << (2 * j);
      const float inverse = detail::inverse_or_zero(v.half_value(fit.d) * static_cast<float>(fit.scales[j]));
      const float* group = v.data() + 32 * j;
      for (int i = 0; i < 16; ++i) {
        block.qs[16 * j + i] =
            detail::pack_nibbles(Levels::code(group[i] * inverse), Levels::code(group[i + 16] * inverse));
      }
    }
    detail::store_u16(block.scales_h, static_cast<std::uint16_t>(high));
  }
};
static_assert(sizeof(IQ4_XS::Block) == 136 && alignof(IQ4_XS::Block) == 1 && QuantFormat<IQ4_XS>);

VLMT_END_NAMESPACE
