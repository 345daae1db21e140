// Q6_K: 256 weights in 16 groups with eight-bit scales, six-bit levels -32..31.
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

/// 6.5625 bits per weight, groups of 16 in super-blocks of 256: ql[128] @0, qh[64] @128, scales i8[16] @192, d binary16
/// @208. With h = i / 128, g = i % 128 / 32 and l = i % 32, the low four bits of value i are in byte
/// 64 * h + 32 * (g % 2) + l of ql (high half if g >= 2), the high two in byte 32 * h + l of qh at bit 2 * g.
/// y = d * scale * (q - 32).
struct Q6_K {
  struct Block {
    std::uint8_t ql[128];
    std::uint8_t qh[64];
    std::int8_t scales[16];
    std::uint8_t d[2];
  };
  static constexpr std::string_view name = "Q6_K";
  static constexpr std::size_t values = 256;
  static constexpr std::uint32_t type_id = 14;
  static constexpr std::array<BlockField, 4> fields = {{{0, 128, 4}, {128, 64, 4}, {192, 16, 1}, {208, 2, 2}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    for (int j = 0; j < 16; ++j) {  // 16 consecutive values
      const int h = j / 8;
      const int g = j % 8 / 2;
      const float scale = d * static_cast<float>(block.scales[j]);
      const std::uint8_t* low = block.ql + 64 * h + 32 * (g % 2) + 16 * (j % 2);
      const std::uint8_t* high = block.qh + 32 * h + 16 * (j % 2);
      for (int i = 0; i < 16; ++i) {
        const int level = (((low[i] >> (4 * (g / 2))) & 15) | ((high[i] >> (2 * g)) & 3) << 4) - 32;
        y[16 * j + i] = scale * static_cast<float>(level);
      }
    }
  }

  /// Searches for the scales with the smallest squared error over the super-block.
  static void encode(const float* x, Block& block) noexcept {
    using Levels = detail::UniformLevels<-32, 31>;
    block = Block{};
    const detail::ScaledValues<256> v(x);
    if (v.zero()) return;
    const detail::SuperScales<16> fit = detail::fit_super_scales<Levels, 16, 16, -128, 127>(v);
    detail::store_u16(block.d, fit.d);
    for (int j = 0; j < 16; ++j) {
      const int h = j / 8;
      const int g = j % 8 / 2;
      block.scales[j] = static_cast<std::int8_t>(fit.scales[j]);
      const float inverse = detail::inverse_or_zero(v.half_value(fit.d) * static_cast<float>(fit.scales[j]));
      std::uint8_t* low = block.ql + 64 * h + 32 * (g % 2) + 16 * (j % 2);
      std::uint8_t* high = block.qh + 32 * h + 16 * (j % 2);
      for (int i = 0; i < 16; ++i) {
        const unsigned code = Levels::code(v.data()[16 * j + i] * inverse);
        low[i] = static_cast<std::uint8_t>(low[i] | (code & 15u) << (4 * (g / 2)));
        high[i] = static_cast<std::uint8_t>(high[i] | (code >> 4) << (2 * g));
      }
    }
  }
};
static_assert(sizeof(Q6_K::Block) == 210 && alignof(Q6_K::Block) == 1 && QuantFormat<Q6_K>);

VLMT_END_NAMESPACE
