// Q5_0: 32 weights, one scale, five-bit levels -16..15.
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

/// 5.5 bits per weight, groups of 32: d binary16 @0, qh u32 @2 (bit i is the fifth bit of value i), qs[16] @6 (value
/// i < 16 in the low half of byte i, value i + 16 in the high half). y = d * (q - 16).
struct Q5_0 {
  struct Block {
    std::uint8_t d[2];
    std::uint8_t qh[4];
    std::uint8_t qs[16];
  };
  static constexpr std::string_view name = "Q5_0";
  static constexpr std::size_t values = 32;
  static constexpr std::uint32_t type_id = 6;
  static constexpr std::array<BlockField, 3> fields = {{{0, 2, 2}, {2, 4, 4}, {6, 16, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    const std::uint32_t qh = detail::load_u32(block.qh);
    for (int i = 0; i < 16; ++i) {
      const auto low = static_cast<int>((block.qs[i] & 15u) | ((qh >> i) & 1u) << 4);
      const auto high = static_cast<int>((block.qs[i] >> 4u) | ((qh >> (i + 16)) & 1u) << 4);
      y[i] = d * static_cast<float>(low - 16);
      y[i + 16] = d * static_cast<float>(high - 16);
    }
  }

  /// Searches for the scale with the smallest squared error.
  static void encode(const float* x, Block& block) noexcept {
    using Levels = detail::UniformLevels<-16, 15>;
    const detail::ScaledValues<32> v(x);
    const std::uint16_t d = v.zero() ? std::uint16_t{0} : detail::fit_half_scale<Levels>(v);
    detail::store_u16(block.d, d);
    const float inverse = detail::inverse_or_zero(v.half_value(d));
    std::uint32_t qh = 0;
    for (int i = 0; i < 16; ++i) {
      const unsigned low = Levels::code(v.data()[i] * inverse);
      const unsigned high = Levels::code(v.data()[i + 16] * inverse);
      block.qs[i] = detail::pack_nibbles(low, high);
      qh |= (low >> 4) << i | (high >> 4) << (i + 16);
    }
    detail::store_u32(block.qh, qh);
  }
};
static_assert(sizeof(Q5_0::Block) == 22 && alignof(Q5_0::Block) == 1 && QuantFormat<Q5_0>);

VLMT_END_NAMESPACE
