// Encodes and decodes KV cache rows with SIMD: F32, F16, BF16, Q8_0 and Q4_0. Other formats use their scalar code.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/ref/kv_rows.hpp"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/q4_0.hpp"
#include "vlmt/quant/q8_0.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// Largest finite binary16 number. Values are clamped to it: an infinity would break the softmax.
inline constexpr float largest_half = 65504.0f;

/// 1 / scale, or 0 for a block of zeros. The scale is a binary16 number, so the quotient is finite.
inline float inverse_or_zero(float scale) noexcept {
  return scale > 0.0f ? 1.0f / scale : 0.0f;
}

/// Encodes 32 values as Q8_0: a binary16 scale of max|x| / 127 and int8 quants, rounded to nearest.
template <class Arch>
VLMT_INLINE void store_q8_block(const float* x, std::byte* out) noexcept {
  using F = simd::Floats<Arch>;
  F most = F::zero();
  for (std::size_t i = 0; i < 32; i += F::lanes) most = max(most, abs(F::load(x + i)));
  const float amax = reduce_max(most);
  const float16 half(amax / 127.0f < largest_half ? amax / 127.0f : largest_half);
  const float inverse = inverse_or_zero(static_cast<float>(half));
  std::memcpy(out, &half, 2);
  std::int8_t quants[32];
  for (std::size_t i = 0; i < 32; i += F::lanes) {
    const F v = F::load(x + i) * F(inverse);  // exceeds 127 if a subnormal scale was rounded down
    to_int(max(F(-127.0f), min(F(127.0f), v))).store(quants + i);
  }
  std::memcpy(out + 2, quants, 32);
}

/// Encodes 32 values as Q4_0: the value of the largest magnitude becomes -8, the others are rounded to nearest. Cache
/// rows are not worth the search for a better scale that weights get.
template <class Arch>
VLMT_INLINE void store_q4_block(const float* x, std::byte* out) noexcept {
  using F = simd::Floats<Arch>;
  F low = F::zero();
  F high = F::zero();
  for (std::size_t i = 0; i < 32; i += F::lanes) {
    low = max(low, -F::load(x + i));
    high = max(high, F::load(x + i));
  }
  const float below = reduce_max(low);
  const float above = reduce_max(high);
  const float extreme = (below > above ? below : -above) / 8.0f;
  const float16 half(extreme > largest_half ? largest_half : extreme < -largest_half ? -largest_half : extreme);
  const float scale = static_cast<float>(half);
  const float inverse = std::copysign(inverse_or_zero(std::fabs(scale)), scale);
  std::memcpy(out, &half, 2);
  std::int8_t quants[32];
  for (std::size_t i = 0; i < 32; i += F::lanes) {
    const F v = F::load(x + i) * F(inverse);
    to_int(max(F(-8.0f), min(F(7.0f), v)) + F(8.0f)).store(quants + i);
  }
  for (std::size_t i = 0; i < 16; ++i) out[2 + i] = static_cast<std::byte>(quants[i] | quants[i + 16] << 4);
}

template <class Arch>
VLMT_INLINE void load_q8_block(const std::byte* in, float* y) noexcept {
  using F = simd::Floats<Arch>;
  float16 half;
  std::memcpy(&half, in, 2);
  const F scale(static_cast<float>(half));
  const auto* quants = reinterpret_cast<const std::int8_t*>(in + 2);
  for (std::size_t i = 0; i < 32; i += F::lanes) (to_float(simd::Ints<Arch>::load(quants + i)) * scale).store(y + i);
}

/// Byte i holds value i in its low nibble and value i + 16 in its high nibble, both plus 8.
template <class Arch>
VLMT_INLINE void load_q4_block(const std::byte* in, float* y) noexcept {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  float16 half;
  std::memcpy(&half, in, 2);
  const F scale(static_cast<float>(half));
  const auto* quants = reinterpret_cast<const std::uint8_t*>(in + 2);
  for (std::size_t i = 0; i < 16; i += F::lanes) {
    const I bytes = I::load(quants + i);
    (to_float((bytes & I(15)) - I(8)) * scale).store(y + i);
    (to_float(shift_right<4>(bytes) - I(8)) * scale).store(y + 16 + i);
  }
}

}  // namespace detail

/// row = x (dim), encoded. dim is a multiple of Format::values.
template <QuantFormat Format, class Arch>
void store_kv_row(const float* x, std::size_t dim, std::byte* row) noexcept {
  using F = simd::Floats<Arch>;
  if constexpr (std::is_same_v<Format, F32>) {
    // Activations that serve as a cache are already in place.
    if (reinterpret_cast<const std::byte*>(x) != row) std::memcpy(row, x, dim * sizeof(float));
  } else if constexpr (std::is_same_v<Format, F16> || std::is_same_v<Format, BF16>) {
    using Half = typename Format::Block;
    auto* out = reinterpret_cast<Half*>(row);
    for (std::size_t i = 0; i < dim; i += F::lanes) {
      const std::size_t n = dim - i < F::lanes ? dim - i : F::lanes;
      F v = n == F::lanes ? F::load(x + i) : F::load(x + i, n);
      if constexpr (std::is_same_v<Format, F16>) {
        const F limit(detail::largest_half);
        v = select(v > limit, limit, select(v < -limit, -limit, v));
      }
      if (n == F::lanes) {
        v.store(out + i);
      } else {
        v.store(out + i, n);
      }
    }
  } else if constexpr (std::is_same_v<Format, Q8_0>) {
    for (std::size_t i = 0; i < dim; i += 32, row += 34) detail::store_q8_block<Arch>(x + i, row);
  } else if constexpr (std::is_same_v<Format, Q4_0>) {
    for (std::size_t i = 0; i < dim; i += 32, row += 18) detail::store_q4_block<Arch>(x + i, row);
  } else {
    ref::store_kv_row<Format>(x, dim, row);
  }
}

/// Decodes n rows, `stride` bytes apart, into a dense tile (n, dim).
template <QuantFormat Format, class Arch>
void load_kv_rows(const std::byte* rows, std::size_t stride, std::size_t n, std::size_t dim, float* tile) noexcept {
  using F = simd::Floats<Arch>;
  for (std::size_t r = 0; r < n; ++r, rows += stride, tile += dim) {
    if constexpr (std::is_same_v<Format, F32>) {
      std::memcpy(tile, rows, dim * sizeof(float));
    } else if constexpr (std::is_same_v<Format, F16> || std::is_same_v<Format, BF16>) {
      const auto* in = reinterpret_cast<const typename Format::Block*>(rows);
      std::size_t i = 0;
      for (; i + F::lanes <= dim; i += F::lanes) F::load(in + i).store(tile + i);
      if (i < dim) F::load(in + i, dim - i).store(tile + i, dim - i);
    } else if constexpr (std::is_same_v<Format, Q8_0>) {
      for (std::size_t i = 0; i < dim; i += 32) detail::load_q8_block<Arch>(rows + i / 32 * 34, tile + i);
    } else if constexpr (std::is_same_v<Format, Q4_0>) {
      for (std::size_t i = 0; i < dim; i += 32) detail::load_q4_block<Arch>(rows + i / 32 * 18, tile + i);
    } else {
      ref::load_kv_rows<Format>(rows, stride, 1, dim, tile);
    }
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
