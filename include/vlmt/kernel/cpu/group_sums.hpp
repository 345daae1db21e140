// What the integer arithmetic knows of a weight format, and how the integer sums of a group become floats.
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

/// What the integer arithmetic has to know of a format: scales of a group of 32, minima, the range of quants as far as
/// Dot cares, and whether scales times 1.5 * 2^23 are exact.
template <std::size_t Scales, bool HasBias, int MaxQuant, bool IsSigned, bool ShortScales>
struct IntegerKind {
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
using IntegerKindOf = IntegerKind<Unpack<Format, Arch>::scales, Unpack<Format, Arch>::has_bias,
                                  Dot<Arch>::template range<Unpack<Format, Arch>::max_quant>,
                                  Unpack<Format, Arch>::is_signed, detail::has_short_scales<Unpack<Format, Arch>>()>;

/// log2 of the zero point; 32 if it is 0, which shifts any sum of activations out.
template <class Format, class Arch>
inline constexpr int zero_bits_v = [] {
  constexpr int zero = Unpack<Format, Arch>::zero;
  static_assert((zero & (zero - 1)) == 0, "vlmt: a zero point must be 0 or a power of two");
  static_assert(zero == 0 || !Unpack<Format, Arch>::is_signed, "vlmt: signed quants have no zero point");
  return zero == 0 ? 32 : __builtin_ctz(static_cast<unsigned>(zero));
}();

/// Adds -zero * sum of the activations to what an integer sum starts with.
template <class Arch>
class ZeroPoint {
  using I = simd::Ints<Arch>;

 public:
  VLMT_INLINE explicit ZeroPoint(int zero_bits) noexcept : bits_(zero_bits) {}
  VLMT_INLINE I whole(I start, const Int8Group& x) const noexcept { return start + shift_left(I(x.minus_sum), bits_); }
  template <int Half>
  VLMT_INLINE I half(I start, const Int8Group& x) const noexcept {
    return start + shift_left(I(std::int32_t{x.minus_half[Half]}), bits_);
  }

 private:
  int bits_;
};

#if VLMT_HAS_AVX512_VNNI
/// With dot products of pairs of 16 bits: one operation, and both halves of a group are one load.
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
    std::memcpy(&halves, x.minus_half, sizeof halves);
    return _mm512_dpwssd_epi32(start.raw(), _mm512_set1_epi32(factors), _mm512_set1_epi32(halves));
  }

  std::int32_t zero_;
};
#endif

/// Starts the integer sums of groups and ends them.
///
/// A sum that starts at the bits of the float 1.5 * 2^23 is, read as a float, 1.5 * 2^23 + sum, exactly, as long as it
/// stays below 2^22: those of a group of 32 do. Then scale * sum is one multiply-add with -1.5 * 2^23 * scale, which is
/// exact for short scales, in place of a conversion and a product: rounded once, to the same bits.
template <class Kind, class Arch>
class GroupSums {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;

 public:
  /// `zero_bits` is log2 of the format's zero point, 32 for none.
  VLMT_INLINE explicit GroupSums(int zero_bits) noexcept : zero_(zero_bits) {}

  /// Of all 32 values.
  VLMT_INLINE I whole(const Int8Group& x) const noexcept {
    // Formats with minima have no zero point, nor have signed quants.
    if constexpr (Kind::has_bias || Kind::is_signed) return I(offset);
    return zero_.whole(I(offset), x);
  }
  /// Of values [0, 16), where a group has two scales.
  VLMT_INLINE I first_half(const Int8Group& x) const noexcept {
    if constexpr (Kind::has_bias) return I(offset);
    return zero_.template half<0>(I(offset), x);
  }
  /// Of values [16, 32).
  VLMT_INLINE I second_half(const Int8Group& x) const noexcept {
    if constexpr (Kind::has_bias) return I(0);
    return zero_.template half<1>(I(0), x);
  }

  /// What `scaled` wants beside a scale: computed once for all rows.
  static VLMT_INLINE F base(F scale) noexcept { return scale * F(-offset_value); }
  /// scale * sum for a sum that began with whole() or first_half().
  static VLMT_INLINE F scaled(I sum, F scale, F base) noexcept {
    if constexpr (offset != 0) return fma(from_bits(sum), scale, base);
    return to_float(sum) * scale;
  }
  /// rest + scale * sum for a sum that began with second_half().
  static VLMT_INLINE F add_scaled(I sum, F scale, F rest) noexcept { return fma(to_float(sum), scale, rest); }
  /// rest + biases * sums of both halves of the activations.
  static VLMT_INLINE F add_biases(const Int8Group& x, F first, F second, F rest) noexcept {
    return fnma(F(static_cast<float>(x.minus_half[1])), second,
                fnma(F(static_cast<float>(x.minus_half[0])), first, rest));
  }

 private:
  static constexpr float offset_value = 0x1.8p23f;
  static constexpr std::int32_t offset = Kind::short_scales && simd::detail::OpsOf<Arch>::fuses ? 0x4b400000 : 0;

  ZeroPoint<Arch> zero_;
};

}  // namespace cpu

VLMT_END_NAMESPACE
