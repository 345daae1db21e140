// F16: plain binary16 weights.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float16.hpp"
#include "vlmt/numeric/float_limits.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

/// IEEE binary16, 16 bits per weight. Encoding rounds to nearest, ties to even. Finite values beyond 65504 saturate
/// (the conversion of numeric/float16.hpp gives infinity); infinities and NaN are kept.
struct F16 {
  using Block = float16;
  static constexpr std::string_view name = "F16";
  static constexpr std::size_t values = 1;
  static constexpr std::uint32_t type_id = 1;
  static constexpr std::array<BlockField, 1> fields = {{{0, 2, 2}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept { *y = static_cast<float>(block); }
  static VLMT_HD void encode(const float* x, Block& block) noexcept {
    const float a = std::fabs(*x);
    block = a > 65504.0f && a <= float_max ? float16(std::copysign(65504.0f, *x)) : float16(*x);
  }
};
static_assert(sizeof(F16::Block) == 2 && QuantFormat<F16>);

VLMT_END_NAMESPACE
