// NVFP4: 64 weights in 4 groups, one unsigned E4M3 scale per group, E2M1 levels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float8.hpp"
#include "vlmt/quant/block_bytes.hpp"
#include "vlmt/quant/encode_levels.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/level_tables.hpp"
#include "vlmt/quant/scaled_values.hpp"

VLMT_BEGIN_NAMESPACE

/// 4.5 bits per weight, groups of 16 in blocks of 64: d[4] UE4M3 @0, qs[32] @4 (value i of group j in byte
/// 8 * j + i % 8, in the high half if i >= 8). y = ue4m3(d[j]) / 2 * T[q], T being the doubled E2M1 values
/// detail::e2m1_levels. Magnitudes range from 2^-10 to 2688; files usually store a float scale per tensor that brings
/// the weights into that range.
struct NVFP4 {
  struct Block {
    std::uint8_t d[4];
    std::uint8_t qs[32];
  };
  static constexpr std::string_view name = "NVFP4";
  static constexpr std::size_t values = 64;
  static constexpr std::uint32_t type_id = 40;
  static constexpr std::array<BlockField, 2> fields = {{{0, 4, 4}, {4, 32, 4}}};

  static VLMT_HD void decode(const Block& block, float* y) noexcept {
    for (int j = 0; j < 4; ++j) {
      const float d = 0.5f * ue4m3_to_float(block.d[j]);
      const std::uint8_t* q = block.qs + 8 * j;
      for (int i = 0; i < 8; ++i) {
        y[16 * j + i] = d * detail::e2m1_level(q[i] & 15);
        y[16 * j + i + 8] = d * detail::e2m1_level(q[i] >> 4);
      }
    }
  }

  /// Tries every scale that covers 2/3 to 2 times the range of a group and takes the one with the smallest squared
  /// error.
  static void encode(const float* x, Block& block) noexcept {
    using Levels = detail::E2m1Levels;
    block = Block{};
    for (int j = 0; j < 4; ++j) {
      const detail::ScaledValues<16> v(x + 16 * j, 4096.0f);
      if (v.zero()) continue;
      const float largest = v.in_units(v.largest());
      const int first = float_to_ue4m3(largest / 9.0f);
      const int last = float_to_ue4m3(largest / 3.0f);
      float best_error = -1.0f;
      for (int code = first; code <= last; ++code) {
        const float d = 0.5f * ue4m3_to_float(static_cast<std::uint8_t>(code));
        const float error = detail::level_error<Levels, 16>(v.data(), v.from_units(d));
        if (best_error < 0.0f || error < best_error) {
          best_error = error;
          block.d[j] = static_cast<std::uint8_t>(code);
        }
      }
      const float inverse = detail::inverse_or_zero(v.from_units(0.5f * ue4m3_to_float(block.d[j])));
      for (int i = 0; i < 8; ++i) {
        block.qs[8 * j + i] =
            detail::pack_nibbles(Levels::code(v.data()[i] * inverse), Levels::code(v.data()[i + 8] * inverse));
      }
    }
  }
};
static_assert(sizeof(NVFP4::Block) == 36 && alignof(NVFP4::Block) == 1 && QuantFormat<NVFP4>);

VLMT_END_NAMESPACE
