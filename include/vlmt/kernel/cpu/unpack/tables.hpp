// Unpack of IQ4_NL, IQ4_XS, MXFP4 and NVFP4: nibbles that index a table of levels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/unpack/unpack.hpp"
#include "vlmt/quant/iq4_nl.hpp"
#include "vlmt/quant/iq4_xs.hpp"
#include "vlmt/quant/level_tables.hpp"
#include "vlmt/quant/mxfp4.hpp"
#include "vlmt/quant/nvfp4.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// IQ4 levels reach -127. Where products need unsigned quants, 128 is added.
template <class Arch>
struct Iq4 {
  static constexpr bool is_signed = !Dot<Arch>::unsigned_only;
  static constexpr int zero = is_signed ? 0 : 128;
  static constexpr int max_quant = is_signed ? 127 : 241;
  static constexpr LevelTable<zero> table{vlmt::detail::iq4_levels.of};
};

/// E2M1 levels reach -12. With 16 added they are unsigned and small.
struct E2m1 {
  static constexpr int zero = 16;
  static constexpr int max_quant = 28;
  static constexpr LevelTable<zero> table{vlmt::detail::e2m1_levels.of};
};

/// 16 bytes of nibbles at byte `at`: low nibbles are values 0..15, high nibbles 16..31.
template <class Arch, int Zero>
VLMT_INLINE void table_group(PanelBlock<Arch> b, std::size_t at, const LevelTable<Zero>& table,
                             simd::Ints<Arch> (&q)[8]) noexcept {
  using I = simd::Ints<Arch>;
  VLMT_UNROLL
  for (std::size_t u = 0; u < 4; ++u) {
    const I x = b.words(at + 4 * u);
    q[u] = Dot<Arch>::lookup(table.shifted, low_nibbles(x).raw());
    q[u + 4] = Dot<Arch>::lookup(table.shifted, high_nibbles(x).raw());
  }
}

}  // namespace detail

template <class Arch>
struct Unpack<IQ4_NL, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  using Levels = detail::Iq4<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = false;
  static constexpr int zero = Levels::zero;
  static constexpr bool is_signed = Levels::is_signed;
  static constexpr int max_quant = Levels::max_quant;
  static constexpr int scale_bits = 11;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept { scale[0] = b.halves(0); }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t, I (&q)[8]) noexcept {
    detail::table_group(b, 2, Levels::table, q);
  }
};

template <class Arch>
struct Unpack<IQ4_XS, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  using Levels = detail::Iq4<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = false;
  static constexpr int zero = Levels::zero;
  static constexpr bool is_signed = Levels::is_signed;
  static constexpr int max_quant = Levels::max_quant;
  static constexpr int scale_bits = 17;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept {
    const F d = b.halves(0);
    const I high = b.shorts(2);
    const I low = b.words(4);
    const auto group = [&]<int J>(std::integral_constant<int, J>) VLMT_INLINE_LAMBDA {
      const I s = (shift_right<4 * J>(low) & I(15)) | shift_left<4>(shift_right<2 * J>(high) & I(3));
      scale[J] = d * to_float(s - I(32));
    };
    [&]<int... J>(std::integer_sequence<int, J...>) VLMT_INLINE_LAMBDA {
      (group(std::integral_constant<int, J>{}), ...);
    }
    (std::make_integer_sequence<int, 8>{});
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t p, I (&q)[8]) noexcept {
    detail::table_group(b, 8 + 16 * p, Levels::table, q);
  }
};

template <class Arch>
struct Unpack<MXFP4, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = false;
  static constexpr int zero = detail::E2m1::zero;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = detail::E2m1::max_quant;
  static constexpr int scale_bits = 24;  // one bit, but 1.5 * 2^23 times the largest scales overflows

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept {
    // 2^(e - 128) = 2^(e - 127) / 2. A float with exponent field e is the first factor. Half of the 2^-126 of e = 1 is
    // the right subnormal; only e = 0 needs its own bit pattern.
    const I e = b.bytes(0);
    const F half = from_bits(shift_left<23>(e)) * F(0.5f);
    // e = 255 would give infinity: 2^127 is explicit.
    const F top = select(to_float(e) == F(255.0f), F(0x1p127f), half);
    scale[0] = select(to_float(e) == F(0.0f), F(0x1p-128f), top);
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t, I (&q)[8]) noexcept {
    detail::table_group(b, 1, detail::E2m1::table, q);
  }
};

template <class Arch>
struct Unpack<NVFP4, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 2;
  static constexpr bool has_bias = false;
  static constexpr int zero = detail::E2m1::zero;
  static constexpr bool is_signed = false;
  static constexpr int max_quant = detail::E2m1::max_quant;
  static constexpr int scale_bits = 4;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept {
    const I codes = b.words(0);
    const auto group = [&]<int J>(std::integral_constant<int, J>) VLMT_INLINE_LAMBDA {
      // Exponent (4 bits, bias 7) and mantissa (3 bits) move into those of a float. The factor 2^(127 - 7) corrects the
      // bias, also of subnormal codes; the format halves it. Bit 7 is ignored, except that only 0x7f means zero.
      const I code = shift_right<8 * J>(codes) & I(255);
      const F value = from_bits(shift_left<20>(code & I(127))) * F(0x1p119f);
      scale[J] = select(to_float(code) == F(127.0f), F::zero(), value);
    };
    group(std::integral_constant<int, 0>{});
    group(std::integral_constant<int, 1>{});
    group(std::integral_constant<int, 2>{});
    group(std::integral_constant<int, 3>{});
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t p, I (&q)[8]) noexcept {
    VLMT_UNROLL
    for (std::size_t u = 0; u < 4; ++u) {
      // Eight bytes per group of 16: low nibbles are its values 0..7, high nibbles 8..15.
      const I x = b.words(4 + 16 * p + 4 * u);
      const std::size_t at = 4 * (u / 2) + u % 2;
      q[at] = Dot<Arch>::lookup(detail::E2m1::table.shifted, low_nibbles(x).raw());
      q[at + 2] = Dot<Arch>::lookup(detail::E2m1::table.shifted, high_nibbles(x).raw());
    }
  }
};

}  // namespace cpu

VLMT_END_NAMESPACE
