// Numerics of a model: float32 activations everywhere, or the fastest form for each weight format.
#pragma once

#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// `exact` multiplies float32 activations with dequantised weights. `fast` rounds activations to int8 in groups of 32
/// where weights are quantised; F32, F16 and BF16 weights are computed as in `exact`. On processors with bfloat16
/// tiles, matmuls of at least `min_tile_rows` rows of a multiple of 32 values round weights (except F32) and
/// activations to bfloat16 instead (kernel/cpu/input_rows.hpp).
enum class Numerics : std::uint8_t { exact, fast };

constexpr std::string_view name(Numerics n) noexcept {
  return n == Numerics::exact ? "exact" : "fast";
}

VLMT_END_NAMESPACE
