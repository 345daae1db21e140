// Q5_K: 256 weights in 8 groups with six-bit scales and offsets, five-bit levels 0..31.
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
#include "vlmt/quant/packed_scales.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

/// 5.5 bits per weight, groups of 32 in super-blocks of 256: d binary16 @0, dmin binary16 @2, scales[12] @4 (six-bit
/// scales and mins, quant/packed_scales.hpp), qh[32] @16, qs[128] @48. The low four bits of value i are in byte
/// 32 * (i / 64) + i % 32, in the high half if i % 64 >= 32; the fifth is bit i / 32 of qh[i % 32].
/// y = d * scale * q - dmin * min.
struct Q5_K {
  struct Block {
    std::uint8_t d[2];
    std::uint8_t dmin[2];
    std::uint8_t scales[12];
    std::uint8_t qh[32];
    std::uint8_t qs[128];
  };
  static constexpr std::string_view name = "Q5_K";
  static constexpr std::size_t values = 256;
  static constexpr std::uint32_t type_id = 13;
  static constexpr std::array<BlockField, 5> fields = {{{0, 2, 2}, {2, 2, 2}, {4, 12, 1}, {16, 32, 4}, {48, 128, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    const float dmin = detail::load_half(block.dmin);
    for (int j = 0; j < 8; ++j) {
      const detail::ScaleMin s = detail::unpack_scale_min(block.scales, j);
      const float scale = d * static_cast<float>(s.scale);
      const float min = dmin * static_cast<float>(s.min);
      const std::uint8_t* q = block.qs + 32 * (j / 2);
      for (int i = 0; i < 32; ++i) {
        const int level = ((q[i] >> (4 * (j % 2))) & 15) | ((block.qh[i] >> j) & 1) << 4;
        y[32 * j + i] = multiply_add(scale, static_cast<float>(level), -min);
      }
    }
  }

  /// Searches for the scales and offsets with the smallest squared error over the super-block.
  static void encode(const float* x, Block& block) noexcept {
    block = Block{};
    const detail::ScaledValues<256> v(x);
    if (v.zero()) return;
    const detail::SuperAffineFit<31, 8, 32, 63> fit(v);
    detail::store_u16(block.d, fit.result().d);
    detail::store_u16(block.dmin, fit.result().dmin);
    for (int j = 0; j < 8; ++j) {
      detail::pack_scale_min(block.scales, j, {fit.result().scales[j], fit.result().mins[j]});
      const detail::Affine a = fit.pair(j);
      const float inverse = detail::inverse_or_zero(a.scale);
      std::uint8_t* q = block.qs + 32 * (j / 2);
      for (int i = 0; i < 32; ++i) {
        const unsigned code = detail::UniformLevels<0, 31>::code((v.data()[32 * j + i] - a.offset) * inverse);
        q[i] = static_cast<std::uint8_t>(q[i] | (code & 15u) << (4 * (j % 2)));
        block.qh[i] = static_cast<std::uint8_t>(block.qh[i] | (code >> 4) << j);
      }
    }
  }
};
static_assert(sizeof(Q5_K::Block) == 176 && alignof(Q5_K::Block) == 1 && QuantFormat<Q5_K>);

VLMT_END_NAMESPACE
