// Q3_K: 256 weights in 16 groups with six-bit scales, three-bit levels -4..3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/quant/block_bytes.hpp"
#include "vlmt/quant/encode_levels.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

/// 3.4375 bits per weight, groups of 16 in super-blocks of 256: hmask[32] @0, qs[64] @32, scales[12] @96, d binary16
/// @108. The low two bits of value i are in byte 32 * (i / 128) + i % 32 of qs at bit 2 * (i % 128 / 32); the third is
/// bit i / 32 of hmask[i % 32]. The low four bits of scale j are in scales[j % 8] (high half if j >= 8), the high two
/// in scales[8 + j % 4] at bit 2 * (j / 4). y = d * (scale - 32) * (q - 4).
struct Q3_K {
  struct Block {
    std::uint8_t hmask[32];
    std::uint8_t qs[64];
    std::uint8_t scales[12];
    std::uint8_t d[2];
  };
  static constexpr std::string_view name = "Q3_K";
  static constexpr std::size_t values = 256;
  static constexpr std::uint32_t type_id = 11;
  static constexpr std::array<BlockField, 4> fields = {{{0, 32, 4}, {32, 64, 4}, {96, 12, 1}, {108, 2, 2}}};

  /// The integer scale of group j, -32..31.
  static VLMT_HD int group_scale(const Block& block, int j) noexcept {
    const int low = (block.scales[j % 8] >> (4 * (j / 8))) & 15;
    const int high = (block.scales[8 + j % 4] >> (2 * (j / 4))) & 3;
    return (low | high << 4) - 32;
  }

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    for (int j = 0; j < 16; ++j) {
      const float scale = d * static_cast<float>(group_scale(block, j));
      const std::uint8_t* q = block.qs + 32 * (j / 8) + 16 * (j % 2);
      const std::uint8_t* h = block.hmask + 16 * (j % 2);
      const int shift = 2 * (j % 8 / 2);
      for (int i = 0; i < 16; ++i) {
        const int level = ((q[i] >> shift) & 3) + 4 * ((h[i] >> (j / 2)) & 1) - 4;
        y[16 * j + i] = scale * static_cast<float>(level);
      }
    }
  }

  /// Searches for the scales with the smallest squared error over the super-block.
  static void encode(const float* x, Block& block) noexcept {
    using Levels = detail::UniformLevels<-4, 3>;
    block = Block{};
    const detail::ScaledValues<256> v(x);
    if (v.zero()) return;
    const detail::SuperScales<16> fit = detail::fit_super_scales<Levels, 16, 16, -32, 31>(v);
    detail::store_u16(block.d, fit.d);
    for (int j = 0; j < 16; ++j) {
      const auto stored = static_cast<unsigned>(fit.scales[j] + 32);
      std::uint8_t& low = block.scales[j % 8];
      std::uint8_t& high = block.scales[8 + j % 4];
      low = static_cast<std::uint8_t>(low | (stored & 15u) << (4 * (j / 8)));
      high = static_cast<std::uint8_t>(high | (stored >> 4) << (2 * (j / 4)));
      const float inverse = detail::inverse_or_zero(v.half_value(fit.d) * static_cast<float>(fit.scales[j]));
      std::uint8_t* q = block.qs + 32 * (j / 8) + 16 * (j % 2);
      std::uint8_t* h = block.hmask + 16 * (j % 2);
      const int shift = 2 * (j % 8 / 2);
      for (int i = 0; i < 16; ++i) {
        const unsigned code = Levels::code(v.data()[16 * j + i] * inverse);
        q[i] = static_cast<std::uint8_t>(q[i] | (code & 3u) << shift);
        h[i] = static_cast<std::uint8_t>(h[i] | (code >> 2) << (j / 2));
      }
    }
  }
};
static_assert(sizeof(Q3_K::Block) == 110 && alignof(Q3_K::Block) == 1 && QuantFormat<Q3_K>);

VLMT_END_NAMESPACE
