// MXFP4: 32 weights, a power-of-two scale, E2M1 levels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float8.hpp"
#include "vlmt/quant/block_bytes.hpp"
#include "vlmt/quant/encode_levels.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/level_tables.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

/// OCP microscaling FP4, 4.25 bits per weight, groups of 32: e E8M0 @0, qs[16] @1 (value i < 16 in the low half of
/// byte i, value i + 16 in the high half). y = 2^(e - 128) * T[q], T being the doubled E2M1 values detail::e2m1_levels.
/// e = 255 (NaN in the OCP specification) decodes as 2^127, as in other GGUF readers.
struct MXFP4 {
  struct Block {
    std::uint8_t e;
    std::uint8_t qs[16];
  };
  static constexpr std::string_view name = "MXFP4";
  static constexpr std::size_t values = 32;
  static constexpr std::uint32_t type_id = 39;
  static constexpr std::array<BlockField, 2> fields = {{{0, 1, 1}, {1, 16, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    const float d = e8m0_half_to_float(block.e);
    for (int i = 0; i < 16; ++i) {
      y[i] = d * detail::e2m1_level(block.qs[i] & 15);
      y[i + 16] = d * detail::e2m1_level(block.qs[i] >> 4);
    }
  }

  /// Tries the powers of two around the largest magnitude and takes the one with the smallest squared error.
  static void encode(const float* x, Block& block) noexcept {
    using Levels = detail::E2m1Levels;
    block = Block{};
    const detail::ScaledValues<32> v(x, std::numeric_limits<float>::max());
    if (v.zero()) return;
    // The exponent that maps the largest magnitude to 4..8 on the scale 0..12, and its neighbours.
    const int centre = v.exponent() - 3 + 128;
    constexpr int last = 252;  // beyond, the upper levels are infinite
    float best_error = -1.0f;
    for (int e = centre - 1; e <= centre + 2; ++e) {
      const auto code = static_cast<std::uint8_t>(e < 0 ? 0 : e > last ? last : e);
      const float error = detail::level_error<Levels, 32>(v.data(), v.from_units(e8m0_half_to_float(code)));
      if (best_error < 0.0f || error < best_error) {
        best_error = error;
        block.e = code;
      }
    }
    const float inverse = detail::inverse_or_zero(v.from_units(e8m0_half_to_float(block.e)));
    for (int i = 0; i < 16; ++i) {
      block.qs[i] = detail::pack_nibbles(Levels::code(v.data()[i] * inverse), Levels::code(v.data()[i + 16] * inverse));
    }
  }
};
static_assert(sizeof(MXFP4::Block) == 17 && alignof(MXFP4::Block) == 1 && QuantFormat<MXFP4>);

VLMT_END_NAMESPACE
