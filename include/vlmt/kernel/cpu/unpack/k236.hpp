// Unpack of Q2_K, Q3_K and Q6_K: one scale per 16 values.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/unpack/unpack.hpp"
#include "vlmt/quant/q2_k.hpp"
#include "vlmt/quant/q3_k.hpp"
#include "vlmt/quant/q6_k.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

template <class Arch>
struct Unpack<Q2_K, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 2;
  static constexpr bool has_bias = true;
  static constexpr int zero = 0;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = 3;
  static constexpr int scale_bits = 15;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F* bias) noexcept {
    const F d = b.halves(80);
    const F dmin = -b.halves(82);
    VLMT_UNROLL
    for (std::size_t j = 0; j < 16; ++j) {
      const I x = b.bytes(j);
      scale[j] = d * to_float(x & I(15));
      bias[j] = dmin * to_float(shift_right<4>(x));
    }
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t g, I (&q)[8]) noexcept {
    VLMT_UNROLL
    for (std::size_t u = 0; u < 8; ++u) q[u] = byte_bits<0>(b.words(16 + 32 * (g / 4) + 4 * u), 2 * (g % 4), 3);
  }
};

template <class Arch>
struct Unpack<Q3_K, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 2;
  static constexpr bool has_bias = false;
  static constexpr int zero = 4;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = 7;
  static constexpr int scale_bits = 17;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept {
    const F d = b.halves(108);
    VLMT_UNROLL
    for (std::size_t j = 0; j < 4; ++j) {
      // Scale j + 4 * i: low four bits in a nibble of byte j + 4 * (i % 2), high two at bit 2 * i of byte 8 + j.
      const I first = b.bytes(96 + j);
      const I second = b.bytes(100 + j);
      const I high = b.bytes(104 + j);
      const I offset(32);
      scale[j] = d * to_float(((first & I(15)) | (shift_left<4>(high) & I(48))) - offset);
      scale[j + 4] = d * to_float(((second & I(15)) | (shift_left<2>(high) & I(48))) - offset);
      scale[j + 8] = d * to_float((shift_right<4>(first) | (high & I(48))) - offset);
      scale[j + 12] = d * to_float((shift_right<4>(second) | (shift_right<2>(high) & I(48))) - offset);
    }
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t g, I (&q)[8]) noexcept {
    VLMT_UNROLL
    for (std::size_t u = 0; u < 8; ++u) {
      const I low = byte_bits<0>(b.words(32 + 32 * (g / 4) + 4 * u), 2 * (g % 4), 3);
      q[u] = low | byte_bits<2>(b.words(4 * u), g, 1);
    }
  }
};

template <class Arch>
struct Unpack<Q6_K, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 2;
  static constexpr bool has_bias = false;
  static constexpr int zero = 32;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = 63;
  static constexpr int scale_bits = 19;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept {
    const F d = b.halves(208);
    VLMT_UNROLL
    for (std::size_t j = 0; j < 16; ++j) scale[j] = d * to_float(b.signed_bytes(192 + j));
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t g, I (&q)[8]) noexcept {
    const std::size_t half = g / 4;
    const std::size_t quarter = g % 4;
    VLMT_UNROLL
    for (std::size_t u = 0; u < 8; ++u) {
      const I low = byte_bits<0>(b.words(64 * half + 32 * (quarter % 2) + 4 * u), 4 * (quarter / 2), 15);
      q[u] = low | byte_bits<4>(b.words(128 + 32 * half + 4 * u), 2 * quarter, 3);
    }
  }
};

}  // namespace cpu

VLMT_END_NAMESPACE
