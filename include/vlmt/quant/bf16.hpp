// BF16: plain bfloat16 weights.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/bfloat16.hpp"
#include "vlmt/numeric/float_limits.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

/// The upper 16 bits of a float. Encoding rounds to nearest, ties to even. Finite values saturate at the largest finite
/// bfloat16; infinities and NaN are kept.
struct BF16 {
  using Block = bfloat16;
  static constexpr std::string_view name = "BF16";
  static constexpr std::size_t values = 1;
  static constexpr std::uint32_t type_id = 30;
  static constexpr std::array<BlockField, 1> fields = {{{0, 2, 2}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept { *y = static_cast<float>(block); }
  static VLMT_HD void encode(const float* x, Block& block) noexcept {
    constexpr float largest = 0x1.fep127f;
    const float a = std::fabs(*x);
    block = a > largest && a <= float_max ? bfloat16(std::copysign(largest, *x)) : bfloat16(*x);
  }
};
static_assert(sizeof(BF16::Block) == 2 && QuantFormat<BF16>);

VLMT_END_NAMESPACE
