// F32: plain float weights.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

/// IEEE binary32, 32 bits per weight; a block is one value.
struct F32 {
  using Block = float;
  static constexpr std::string_view name = "F32";
  static constexpr std::size_t values = 1;
  static constexpr std::uint32_t type_id = 0;
  static constexpr std::array<BlockField, 1> fields = {{{0, 4, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept { *y = block; }
  static VLMT_HD void encode(const float* x, Block& block) noexcept { block = *x; }
};
static_assert(sizeof(F32::Block) == 4 && QuantFormat<F32>);

VLMT_END_NAMESPACE
