// Q8_0: 32 weights, one scale, eight-bit levels.
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

/// 8.5 bits per weight, groups of 32: d binary16 @0, qs i8[32] @2. y = d * q. Used for weights and KV caches.
struct Q8_0 {
  struct Block {
    std::uint8_t d[2];
    std::int8_t qs[32];
  };
  static constexpr std::string_view name = "Q8_0";
  static constexpr std::size_t values = 32;
  static constexpr std::uint32_t type_id = 8;
  static constexpr std::array<BlockField, 2> fields = {{{0, 2, 2}, {2, 32, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = detail::load_half(block.d);
    for (int i = 0; i < 32; ++i) y[i] = d * static_cast<float>(block.qs[i]);
  }

  /// The largest magnitude becomes +-127, never -128, so that kernels may negate. No scale search: cheap at run time.
  static void encode(const float* x, Block& block) noexcept {
    const std::uint16_t d = detail::int8_half_scale<32>(x);
    detail::store_u16(block.d, d);
    detail::int8_round<32>(x, detail::int8_inverse(d), block.qs);
  }
};
static_assert(sizeof(Q8_0::Block) == 34 && alignof(Q8_0::Block) == 1 && QuantFormat<Q8_0>);

VLMT_END_NAMESPACE
