// Traits of a weight format that the integer kernels depend on, and the conversion of their sums to floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/dot.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/unpack/unpack.hpp"
#include "vlmt/kernel/int8_group.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Traits of a format that the integer kernels depend on: scales per group of 32, minima, the range and sign of quants
/// (see Dot), and whether scales times 1.5 * 2^23 are exact. Formats with equal traits share kernels.
template <std::size_t Scales, bool HasBias, int MaxQuant, bool IsSigned, bool ShortScales>
struct IntegerTraits {
  static constexpr std::size_t scales = Scales;
  static constexpr bool has_bias = HasBias;
  static constexpr int max_quant = MaxQuant;
  static constexpr bool is_signed = IsSigned;
  static constexpr bool short_scales = ShortScales;
};

namespace detail {
template <class Unpack>
constexpr bool has_short_scales() noexcept {
  if constexpr (requires { Unpack::scale_bits; }) {
    return Unpack::scale_bits <= 22;
  } else {
    return false;
  }
}
}  // namespace detail

template <class Format, class Arch>
using IntegerKindOf = IntegerTraits<Unpack<Format, Arch>::scales, Unpack<Format, Arch>::has_bias,
                                    Dot<Arch>::template range<Unpack<Format, Arch>::max_quant>,
                                    Unpack<Format, Arch>::is_signed, detail::has_short_scales<Unpack<Format, Arch>>()>;

/// log2 of the zero point; 32 if it is 0, which shifts any sum of activations to 0.
template <class Format, class Arch>
inline constexpr int zero_bits_v = [] {
  constexpr int zero = Unpack<Format, Arch>::zero;
  static_assert((zero & (zero - 1)) == 0, "vlmt: a zero point must be 0 or a power of two");
  static_assert(zero == 0 || !Unpack<Format, Arch>::is_signed, "vlmt: signed quants have no zero point");
  return zero == 0 ? 32 : __builtin_ctz(static_cast<unsigned>(zero));
}();

/// Adds -zero * sum of the activations to the start of an integer sum.
template <class Arch>
class ZeroPoint {
  using I = simd::Ints<Arch>;

 public:
  VLMT_INLINE explicit ZeroPoint(int zero_bits) noexcept : bits_(zero_bits) {}
  VLMT_INLINE I whole(I start, const Int8Group& x) const noexcept { return start + shift_left(I(x.minus_sum), bits_); }
  template <int Half>
  VLMT_INLINE I half(I start, const Int8Group& x) const noexcept {
    return start + shift_left(I(std::int32_t{x.minus_half_sums[Half]}), bits_);
  }

 private:
  int bits_;
};

#if VLMT_HAS_AVX512_VNNI
/// One dot product of 16-bit pairs (VPDPWSSD) instead of shift and add; both halves of a group are one load.
template <class Arch>
requires std::is_base_of_v<arch::avx512_vnni, Arch>
class ZeroPoint<Arch> {
  using I = simd::Ints<Arch>;

 public:
  VLMT_INLINE explicit ZeroPoint(int zero_bits) noexcept : zero_(zero_bits < 15 ? 1 << zero_bits : 0) {}
  VLMT_INLINE I whole(I start, const Int8Group& x) const noexcept { return add(start, x, zero_ | zero_ << 16); }
  template <int Half>
  VLMT_INLINE I half(I start, const Int8Group& x) const noexcept {
    return add(start, x, zero_ << (16 * Half));
  }

 private:
  static VLMT_INLINE I add(I start, const Int8Group& x, std::int32_t factors) noexcept {
    std::int32_t halves;
    std::memcpy(&halves, x.minus_half_sums, sizeof halves);
    return _mm512_dpwssd_epi32(start.raw(), _mm512_set1_epi32(factors), _mm512_set1_epi32(halves));
  }

  std::int32_t zero_;
};
#endif

/// Starts and finishes the integer sums of a group.
///
/// A sum that starts at the bits of the float 1.5 * 2^23 and stays below 2^22, as those of a group of 32 do, reads as
/// the float 1.5 * 2^23 + sum, exactly. Then scale * sum is one multiply-add with -1.5 * 2^23 * scale instead of a
/// conversion and a product. That constant is exact for short scales, so the result is rounded once, to the same bits.
template <class Kind, class Arch>
class GroupSums {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;

 public:
  /// `zero_bits` is log2 of the format's zero point, 32 for none.
  VLMT_INLINE explicit GroupSums(int zero_bits) noexcept : zero_(zero_bits) {}

  /// Start of the sum over all 32 values.
  VLMT_INLINE I whole(const Int8Group& x) const noexcept {
    // Neither formats with minima nor signed quants have a zero point.
    if constexpr (Kind::has_bias || Kind::is_signed) return I(offset);
    return zero_.whole(I(offset), x);
  }
  /// Start of the sum over values [0, 16), if a group has two scales.
  VLMT_INLINE I first_half(const Int8Group& x) const noexcept {
    if constexpr (Kind::has_bias) return I(offset);
    return zero_.template half<0>(I(offset), x);
  }
  /// Start of the sum over values [16, 32).
  VLMT_INLINE I second_half(const Int8Group& x) const noexcept {
    if constexpr (Kind::has_bias) return I(0);
    return zero_.template half<1>(I(0), x);
  }

  /// Third operand of scaled(), computed once for all rows.
  static VLMT_INLINE F base(F scale) noexcept { return scale * F(-offset_value); }
  /// scale * sum for a sum that started with whole() or first_half().
  static VLMT_INLINE F scaled(I sum, F scale, F base) noexcept {
    if constexpr (offset != 0) return fma(from_bits(sum), scale, base);
    return to_float(sum) * scale;
  }
  /// rest + scale * sum for a sum that started with second_half().
  static VLMT_INLINE F add_scaled(I sum, F scale, F rest) noexcept { return fma(to_float(sum), scale, rest); }
  /// rest + bias * sum of the activations, for both halves.
  static VLMT_INLINE F add_biases(const Int8Group& x, F first, F second, F rest) noexcept {
    return fnma(F(static_cast<float>(x.minus_half_sums[1])), second,
                fnma(F(static_cast<float>(x.minus_half_sums[0])), first, rest));
  }

 private:
  static constexpr float offset_value = 0x1.8p23f;
  static constexpr std::int32_t offset = Kind::short_scales && simd::detail::OpsOf<Arch>::fuses ? 0x4b400000 : 0;

  ZeroPoint<Arch> zero_;
};

}  // namespace cpu

VLMT_END_NAMESPACE
