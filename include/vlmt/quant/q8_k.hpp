// Q8_K: 256 activations, one float scale, eight-bit levels, and sums of 16 levels.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/quant/encode_int8.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

/// 9.125 bits per value, groups of 256: d float @0, qs i8[256] @4, bsums i16[16] @260 (sums of 16 consecutive q, for
/// products with weights that have offsets). y = d * q. The activation format of llama.cpp's K-quant kernels; not
/// stored in files.
struct Q8_K {
  struct Block {
    float d;
    std::int8_t qs[256];
    std::int16_t bsums[16];
  };
  static constexpr std::string_view name = "Q8_K";
  static constexpr std::size_t values = 256;
  static constexpr std::uint32_t type_id = 15;
  static constexpr std::array<BlockField, 3> fields = {{{0, 4, 4}, {4, 256, 4}, {260, 32, 2}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    for (int i = 0; i < 256; ++i) y[i] = block.d * static_cast<float>(block.qs[i]);
  }

  /// The value of largest magnitude becomes -127 (d may be negative). Magnitudes beyond 3.4e38 are clipped. A block
  /// with all magnitudes below 1e-36 becomes zeros: its inverse scale overflows float.
  static void encode(const float* x, Block& block) noexcept {
    const float extreme = std::clamp(detail::signed_extreme(x, 256), -3.4e38f, 3.4e38f);
    const bool usable = std::fabs(extreme) >= 1e-36f;
    const float inverse = usable ? -127.0f / extreme : 0.0f;
    block.d = usable ? extreme / -127.0f : 0.0f;
    detail::int8_round<256>(x, inverse, block.qs);
    for (int g = 0; g < 16; ++g) {
      int sum = 0;
      for (int i = 0; i < 16; ++i) sum += block.qs[16 * g + i];
      block.bsums[g] = static_cast<std::int16_t>(sum);
    }
  }
};
static_assert(sizeof(Q8_K::Block) == 292 && alignof(Q8_K::Block) == 4 && QuantFormat<Q8_K>);

VLMT_END_NAMESPACE
