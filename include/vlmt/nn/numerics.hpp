// How a model computes: float32 activations everywhere, or what is fastest for each weight format.
#pragma once

#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// `exact` multiplies float32 activations with dequantized weights. `fast` rounds the activations of quantized weights
/// to 8 bits in groups of 32; weights in floating point are computed as in `exact`. On a processor with tiles of
/// bfloat16, `fast` rounds both to that where many rows meet (nn/input_rows.hpp).
enum class Numerics : std::uint8_t { exact, fast };

constexpr std::string_view name(Numerics n) noexcept {
  return n == Numerics::exact ? "exact" : "fast";
}

VLMT_END_NAMESPACE
