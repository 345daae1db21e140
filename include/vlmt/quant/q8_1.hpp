// Q8_1: 32 activations, one scale, eight-bit levels, and the scaled sum of the levels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float16.hpp"
#include "vlmt/quant/block_bytes.hpp"
#include "vlmt/quant/encode_int8.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

/// 9 bits per value, groups of 32: d binary16 @0, s binary16 @2 (d times the sum of q, for products with weights that
/// have an offset), qs i8[32] @4. y = d * q. An activation format, not a weight format.
struct Q8_1 {
  struct Block {
    std::uint8_t d[2];
    std::uint8_t s[2];
    std::int8_t qs[32];
  };
  static constexpr std::string_view name = "Q8_1";
  static constexpr std::size_t values = 32;
  static constexpr std::uint32_t type_id = 9;
  static constexpr std::array<BlockField, 3> fields = {{{0, 2, 2}, {2, 2, 2}, {4, 32, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    for (int i = 0; i < 32; ++i) y[i] = d * static_cast<float>(block.qs[i]);
  }

  /// Levels as in Q8_0; s saturates at +-65504.
  static void encode(const float* x, Block& block) noexcept {
    const std::uint16_t bits = detail::int8_half_scale<32>(x);
    const float d = detail::half_bits_to_float(bits);
    detail::int8_round<32>(x, detail::int8_inverse(bits), block.qs);
    int sum = 0;
    for (int i = 0; i < 32; ++i) sum += block.qs[i];
    const float s = d * static_cast<float>(sum);
    detail::store_u16(block.d, bits);
    detail::store_u16(block.s, detail::float_to_half_bits(s > 65504.0f ? 65504.0f : s < -65504.0f ? -65504.0f : s));
  }
};
static_assert(sizeof(Q8_1::Block) == 36 && alignof(Q8_1::Block) == 1 && QuantFormat<Q8_1>);

VLMT_END_NAMESPACE
