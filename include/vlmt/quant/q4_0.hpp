// Q4_0: 32 weights, one scale, four-bit levels -8..7.
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

/// 4.5 bits per weight, groups of 32: d binary16 @0, qs[16] @2 (value i < 16 in the low half of byte i, value i + 16 in
/// the high half). y = d * (q - 8).
struct Q4_0 {
  struct Block {
    std::uint8_t d[2];
    std::uint8_t qs[16];
  };
  static constexpr std::string_view name = "Q4_0";
  static constexpr std::size_t values = 32;
  static constexpr std::uint32_t type_id = 2;
  static constexpr std::array<BlockField, 2> fields = {{{0, 2, 2}, {2, 16, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    for (int i = 0; i < 16; ++i) y[i] = d * (detail::nibble(block.qs[i], 0) - 8.0f);
    for (int i = 0; i < 16; ++i) y[i + 16] = d * (detail::nibble(block.qs[i], 1) - 8.0f);
  }

  /// Searches for the scale with the smallest squared error.
  static void encode(const float* x, Block& block) noexcept {
    using Levels = detail::UniformLevels<-8, 7>;
    const detail::ScaledValues<32> v(x);
    const std::uint16_t d = v.zero() ? std::uint16_t{0} : detail::fit_half_scale<Levels>(v);
    detail::store_u16(block.d, d);
    const float inverse = detail::inverse_or_zero(v.half_value(d));
    for (int i = 0; i < 16; ++i) {
      block.qs[i] = detail::pack_nibbles(Levels::code(v.data()[i] * inverse), Levels::code(v.data()[i + 16] * inverse));
    }
  }
};
static_assert(sizeof(Q4_0::Block) == 18 && alignof(Q4_0::Block) == 1 && QuantFormat<Q4_0>);

VLMT_END_NAMESPACE
