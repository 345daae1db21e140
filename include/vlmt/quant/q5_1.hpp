// Q5_1: 32 weights, scale and offset, five-bit levels 0..31.
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

/// 6 bits per weight, groups of 32: d binary16 @0, m binary16 @2, qh u32 @4 (bit i is the fifth bit of value i), qs[16]
/// @8 (value i < 16 in the low half of byte i, value i + 16 in the high half). y = d * q + m.
struct Q5_1 {
  struct Block {
    std::uint8_t d[2];
    std::uint8_t m[2];
    std::uint8_t qh[4];
    std::uint8_t qs[16];
  };
  static constexpr std::string_view name = "Q5_1";
  static constexpr std::size_t values = 32;
  static constexpr std::uint32_t type_id = 7;
  static constexpr std::array<BlockField, 4> fields = {{{0, 2, 2}, {2, 2, 2}, {4, 4, 4}, {8, 16, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    const float m = detail::load_half(block.m);
    const std::uint32_t qh = detail::load_u32(block.qh);
    for (int i = 0; i < 16; ++i) {
      const auto low = static_cast<int>((block.qs[i] & 15u) | ((qh >> i) & 1u) << 4);
      const auto high = static_cast<int>((block.qs[i] >> 4u) | ((qh >> (i + 16)) & 1u) << 4);
      y[i] = multiply_add(d, static_cast<float>(low), m);
      y[i + 16] = multiply_add(d, static_cast<float>(high), m);
    }
  }

  /// Searches for the scale and offset with the smallest squared error.
  static void encode(const float* x, Block& block) noexcept {
    using Levels = detail::UniformLevels<0, 31>;
    const detail::ScaledValues<32> v(x);
    const detail::HalfAffine a = v.zero() ? detail::HalfAffine{} : detail::fit_half_affine<31>(v);
    detail::store_u16(block.d, a.scale);
    detail::store_u16(block.m, a.offset);
    const float inverse = detail::inverse_or_zero(v.half_value(a.scale));
    const float m = v.half_value(a.offset);
    std::uint32_t qh = 0;
    for (int i = 0; i < 16; ++i) {
      const unsigned low = Levels::code((v.data()[i] - m) * inverse);
      const unsigned high = Levels::code((v.data()[i + 16] - m) * inverse);
      block.qs[i] = detail::pack_nibbles(low, high);
      qh |= (low >> 4) << i | (high >> 4) << (i + 16);
    }
    detail::store_u32(block.qh, qh);
  }
};
static_assert(sizeof(Q5_1::Block) == 24 && alignof(Q5_1::Block) == 1 && QuantFormat<Q5_1>);

VLMT_END_NAMESPACE
