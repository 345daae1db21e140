// Unpack of Q4_0, Q4_1, Q5_0 and Q5_1: groups of 32 nibbles, with a fifth bit in the Q5 formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/unpack/unpack.hpp"
#include "vlmt/quant/q4_0.hpp"
#include "vlmt/quant/q4_1.hpp"
#include "vlmt/quant/q5_0.hpp"
#include "vlmt/quant/q5_1.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

template <class Arch>
struct Unpack<Q4_0, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = false;
  static constexpr int zero = 8;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = 15;
  static constexpr int scale_bits = 11;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept { scale[0] = b.halves(0); }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t, I (&q)[8]) noexcept {
    VLMT_UNROLL
    for (std::size_t u = 0; u < 4; ++u) {
      const I x = b.words(2 + 4 * u);
      q[u] = low_nibbles(x);
      q[u + 4] = high_nibbles(x);
    }
  }
};

template <class Arch>
struct Unpack<Q4_1, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = true;
  static constexpr int zero = 0;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = 15;
  static constexpr int scale_bits = 11;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F* bias) noexcept {
    scale[0] = b.halves(0);
    bias[0] = b.halves(2);
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t, I (&q)[8]) noexcept {
    VLMT_UNROLL
    for (std::size_t u = 0; u < 4; ++u) {
      const I x = b.words(4 + 4 * u);
      q[u] = low_nibbles(x);
      q[u + 4] = high_nibbles(x);
    }
  }
};

namespace detail {

/// Nibbles at byte Quants, fifth bits in the word at byte Bits.
template <std::size_t Bits, std::size_t Quants, class Arch>
VLMT_INLINE void five_bits(PanelBlock<Arch> b, simd::Ints<Arch> (&q)[8]) noexcept {
  using I = simd::Ints<Arch>;
  const I high = b.words(Bits);
  const auto unit = [&]<int U>(std::integral_constant<int, U>) VLMT_INLINE_LAMBDA {
    const I x = b.words(Quants + 4 * U);
    q[U] = low_nibbles(x) | shift_left<4>(spread4(shift_right<4 * U>(high)));
    q[U + 4] = high_nibbles(x) | shift_left<4>(spread4(shift_right<4 * U + 16>(high)));
  };
  unit(std::integral_constant<int, 0>{});
  unit(std::integral_constant<int, 1>{});
  unit(std::integral_constant<int, 2>{});
  unit(std::integral_constant<int, 3>{});
}

}  // namespace detail

template <class Arch>
struct Unpack<Q5_0, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = false;
  static constexpr int zero = 16;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = 31;
  static constexpr int scale_bits = 11;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept { scale[0] = b.halves(0); }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t, I (&q)[8]) noexcept { detail::five_bits<2, 6>(b, q); }
};

template <class Arch>
struct Unpack<Q5_1, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = true;
  static constexpr int zero = 0;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = 31;
  static constexpr int scale_bits = 11;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F* bias) noexcept {
    scale[0] = b.halves(0);
    bias[0] = b.halves(2);
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t, I (&q)[8]) noexcept { detail::five_bits<4, 8>(b, q); }
};

}  // namespace cpu

VLMT_END_NAMESPACE
