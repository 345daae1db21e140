// Unpack of Q4_K and Q5_K: eight groups of 32 with six-bit scales and minima.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/unpack/unpack.hpp"
#include "vlmt/quant/q4_k.hpp"
#include "vlmt/quant/q5_k.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// Scales and minima, six bits each in twelve bytes at byte 4 (quant/packed_scales.hpp), times d and -dmin.
template <class Arch>
VLMT_INLINE void six_bit_scales(PanelBlock<Arch> b, simd::Floats<Arch>* scale, simd::Floats<Arch>* bias) noexcept {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  const F d = b.halves(0);
  const F dmin = -b.halves(2);
  VLMT_UNROLL
  for (std::size_t j = 0; j < 4; ++j) {
    const I s = b.bytes(4 + j);
    const I m = b.bytes(8 + j);
    const I both = b.bytes(12 + j);
    scale[j] = d * to_float(s & I(63));
    bias[j] = dmin * to_float(m & I(63));
    scale[j + 4] = d * to_float((both & I(15)) | shift_left<4>(shift_right<6>(s)));
    bias[j + 4] = dmin * to_float(shift_right<4>(both) | shift_left<4>(shift_right<6>(m)));
  }
}

}  // namespace detail

template <class Arch>
struct Unpack<Q4_K, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = true;
  static constexpr int zero = 0;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = 15;
  static constexpr int scale_bits = 17;
  static constexpr std::size_t groups_together = 2;  ///< low and high nibbles of the same bytes

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F* bias) noexcept {
    detail::six_bit_scales(b, scale, bias);
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t g, I (&q)[8]) noexcept {
    VLMT_UNROLL
    for (std::size_t u = 0; u < 8; ++u) q[u] = byte_bits<0>(b.words(16 + 32 * (g / 2) + 4 * u), 4 * (g % 2), 15);
  }
};

template <class Arch>
struct Unpack<Q5_K, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = true;
  static constexpr int zero = 0;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = 31;
  static constexpr int scale_bits = 17;
  static constexpr std::size_t groups_together = 2;  ///< low and high nibbles of the same bytes

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F* bias) noexcept {
    detail::six_bit_scales(b, scale, bias);
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t g, I (&q)[8]) noexcept {
    VLMT_UNROLL
    for (std::size_t u = 0; u < 8; ++u) {
      const I low = byte_bits<0>(b.words(48 + 32 * (g / 2) + 4 * u), 4 * (g % 2), 15);
      q[u] = low | byte_bits<4>(b.words(16 + 4 * u), g, 1);
    }
  }
};

}  // namespace cpu

VLMT_END_NAMESPACE
