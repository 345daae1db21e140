// Q4_1: 32 weights, scale and offset, four-bit levels 0..15.
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

/// 5 bits per weight, groups of 32: d binary16 @0, m binary16 @2, qs[16] @4 (value i < 16 in the low half of byte i,
/// value i + 16 in the high half). y = d * q + m.
struct Q4_1 {
  struct Block {
    std::uint8_t d[2];
    std::uint8_t m[2];
    std::uint8_t qs[16];
  };
  static constexpr std::string_view name = "Q4_1";
  static constexpr std::size_t values = 32;
  static constexpr std::uint32_t type_id = 3;
  static constexpr std::array<BlockField, 3> fields = {{{0, 2, 2}, {2, 2, 2}, {4, 16, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    const float m = detail::load_half(block.m);
    for (int i = 0; i < 16; ++i) y[i] = multiply_add(d, detail::nibble(block.qs[i], 0), m);
    for (int i = 0; i < 16; ++i) y[i + 16] = multiply_add(d, detail::nibble(block.qs[i], 1), m);
  }

  /// Searches for the scale and offset with the smallest squared error.
  static void encode(const float* x, Block& block) noexcept {
    using Levels = detail::UniformLevels<0, 15>;
    const detail::ScaledValues<32> v(x);
    const detail::HalfAffine a = v.zero() ? detail::HalfAffine{} : detail::fit_half_affine<15>(v);
    detail::store_u16(block.d, a.scale);
    detail::store_u16(block.m, a.offset);
    const float inverse = detail::inverse_or_zero(v.half_value(a.scale));
    const float m = v.half_value(a.offset);
    for (int i = 0; i < 16; ++i) {
      block.qs[i] = detail::pack_nibbles(Levels::code((v.data()[i] - m) * inverse),
                                         Levels::code((v.data()[i + 16] - m) * inverse));
    }
  }
};
static_assert(sizeof(Q4_1::Block) == 20 && alignof(Q4_1::Block) == 1 && QuantFormat<Q4_1>);

VLMT_END_NAMESPACE
