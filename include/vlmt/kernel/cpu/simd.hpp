// SIMD vectors of the CPU kernels: float and int32 with Arch::lanes elements. The only header that includes xsimd.
//
// Everything here is forced inline: a body compiled for one instruction set is never shared with a translation unit
// compiled for another. Only `fma` and `fnma` fuse by definition, but a compiler may contract any other product that
// feeds a sum. Kernels must not contain one: their results would depend on the compiler and on -ffp-contract
// (docs/numerics.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

// The intrinsics must precede xsimd; see intrinsics.hpp.
// clang-format off
#include "vlmt/kernel/cpu/simd/intrinsics.hpp"
#include <xsimd/xsimd.hpp>
// clang-format on

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/cpu/simd/ops_avx2.hpp"
#include "vlmt/kernel/cpu/simd/ops_avx512.hpp"
#include "vlmt/kernel/cpu/simd/ops_neon.hpp"
#include "vlmt/kernel/cpu/simd/ops_sse2.hpp"
#include "vlmt/numeric/bfloat16.hpp"
#include "vlmt/numeric/float16.hpp"

VLMT_BEGIN_NAMESPACE
namespace simd {

namespace detail {

/// The xsimd arch for a vlmt arch, and the operations that xsimd lacks; derived archs share those of their base.
template <class Arch>
struct Target {
  static_assert(dependent_false_v<Arch>,
                "vlmt: this translation unit is not compiled for this arch; use one of arch::compiled, or add compiler "
                "flags such as -march=native");
};
#if defined(__x86_64__)
template <>
struct Target<arch::generic> {
  using Xsimd = xsimd::sse2;
  using Ops = OpsSse2;
};
#elif VLMT_HAS_NEON
template <>
struct Target<arch::generic> {
  using Xsimd = xsimd::neon64;
  using Ops = OpsNeon;
};
#endif
#if VLMT_HAS_AVX2
template <class Arch>
requires(std::is_base_of_v<arch::avx2, Arch> && !std::is_base_of_v<arch::avx512, Arch>) struct Target<Arch> {
  using Xsimd = xsimd::fma3<xsimd::avx2>;
  using Ops = OpsAvx2;
};
#endif
#if VLMT_HAS_AVX512
template <class Arch>
requires std::is_base_of_v<arch::avx512, Arch>
struct Target<Arch> {
  using Xsimd = xsimd::avx512bw;
  using Ops = OpsAvx512;
};
#endif
#if VLMT_HAS_NEON
template <class Arch>
requires std::is_base_of_v<arch::neon, Arch>
struct Target<Arch> {
  using Xsimd = xsimd::neon64;
  using Ops = OpsNeon;
};
#endif

template <class Arch>
using OpsOf = typename Target<Arch>::Ops;
template <class T, class Arch>
using BatchOf = xsimd::batch<T, typename Target<Arch>::Xsimd>;

}  // namespace detail

template <class Arch>
struct Ints;

/// One truth value per lane, from a comparison of Floats.
template <class Arch>
struct Mask {
  xsimd::batch_bool<float, typename detail::Target<Arch>::Xsimd> v;
  friend VLMT_INLINE Mask operator&(Mask a, Mask b) noexcept { return {a.v & b.v}; }
  friend VLMT_INLINE Mask operator|(Mask a, Mask b) noexcept { return {a.v | b.v}; }
  friend VLMT_INLINE Mask operator!(Mask a) noexcept { return {!a.v}; }
};

/// Arch::lanes float values in one register. Loads and stores need no alignment.
template <class Arch>
struct Floats {
  using Batch = detail::BatchOf<float, Arch>;
  using Ops = detail::OpsOf<Arch>;
  static constexpr std::size_t lanes = Arch::lanes;
  static_assert(Batch::size == Arch::lanes && Ops::lanes == Arch::lanes);

  Batch v;

  Floats() = default;
  VLMT_INLINE Floats(Batch batch) noexcept : v(batch) {}
  VLMT_INLINE Floats(typename Ops::F raw) noexcept : v(raw) {}
  /// All lanes equal.
  VLMT_INLINE Floats(float value) noexcept : v(value) {}
  static VLMT_INLINE Floats zero() noexcept { return Floats(0.0f); }

  static VLMT_INLINE Floats load(const float* p) noexcept { return {Batch::load_unaligned(p)}; }
  static VLMT_INLINE Floats load(const float16* p) noexcept { return load_half(raw_bits(p)); }
  static VLMT_INLINE Floats load(const bfloat16* p) noexcept;
  /// p[0..n) for n <= lanes, the other lanes zero. Reads nothing past p[n - 1].
  static VLMT_INLINE Floats load(const float* p, std::size_t n) noexcept { return {Batch(Ops::load(p, n))}; }
  template <class Half>
  requires(sizeof(Half) == 2) static VLMT_INLINE Floats load(const Half* p, std::size_t n) noexcept {
    Half lane[lanes];
    std::memset(static_cast<void*>(lane), 0, sizeof lane);
    std::memcpy(static_cast<void*>(lane), p, n * sizeof(Half));
    return load(lane);
  }
  /// From binary16 bit patterns.
  static VLMT_INLINE Floats load_half(const std::uint16_t* p) noexcept { return {Batch(Ops::load_half(p))}; }

  VLMT_INLINE void store(float* p) const noexcept { v.store_unaligned(p); }
  /// Rounds to nearest, ties to even.
  VLMT_INLINE void store(float16* p) const noexcept {
    std::uint16_t lane[lanes];
    Ops::store_half(lane, raw());
    std::memcpy(static_cast<void*>(p), lane, sizeof lane);
  }
  /// Rounds to nearest, ties to even.
  VLMT_INLINE void store(bfloat16* p) const noexcept;
  /// Writes p[0..n) for n <= lanes, nothing else.
  VLMT_INLINE void store(float* p, std::size_t n) const noexcept { Ops::store(p, raw(), n); }
  template <class Half>
  requires(sizeof(Half) == 2) VLMT_INLINE void store(Half* p, std::size_t n) const noexcept {
    Half lane[lanes];
    store(lane);
    std::memcpy(static_cast<void*>(p), lane, n * sizeof(Half));
  }

  VLMT_INLINE typename Ops::F raw() const noexcept { return static_cast<typename Ops::F>(v); }

  friend VLMT_INLINE Floats operator+(Floats a, Floats b) noexcept { return {a.v + b.v}; }
  friend VLMT_INLINE Floats operator-(Floats a, Floats b) noexcept { return {a.v - b.v}; }
  friend VLMT_INLINE Floats operator*(Floats a, Floats b) noexcept { return {a.v * b.v}; }
  friend VLMT_INLINE Floats operator/(Floats a, Floats b) noexcept { return {a.v / b.v}; }
  friend VLMT_INLINE Floats operator-(Floats a) noexcept { return {-a.v}; }
  VLMT_INLINE Floats& operator+=(Floats b) noexcept { return *this = *this + b; }
  VLMT_INLINE Floats& operator-=(Floats b) noexcept { return *this = *this - b; }
  VLMT_INLINE Floats& operator*=(Floats b) noexcept { return *this = *this * b; }
  friend VLMT_INLINE Mask<Arch> operator<(Floats a, Floats b) noexcept { return {a.v < b.v}; }
  friend VLMT_INLINE Mask<Arch> operator<=(Floats a, Floats b) noexcept { return {a.v <= b.v}; }
  friend VLMT_INLINE Mask<Arch> operator>(Floats a, Floats b) noexcept { return {b.v < a.v}; }
  friend VLMT_INLINE Mask<Arch> operator>=(Floats a, Floats b) noexcept { return {b.v <= a.v}; }
  friend VLMT_INLINE Mask<Arch> operator==(Floats a, Floats b) noexcept { return {a.v == b.v}; }

  /// a * b + c, rounded once where the arch has a fused operation.
  friend VLMT_INLINE Floats fma(Floats a, Floats b, Floats c) noexcept {
    return {Batch(Ops::fma(a.raw(), b.raw(), c.raw()))};
  }
  /// c - a * b, rounded once where the arch has a fused operation.
  friend VLMT_INLINE Floats fnma(Floats a, Floats b, Floats c) noexcept {
    return {Batch(Ops::fnma(a.raw(), b.raw(), c.raw()))};
  }
  /// If an operand is NaN, the arch decides which operand is returned.
  friend VLMT_INLINE Floats min(Floats a, Floats b) noexcept { return {xsimd::min(a.v, b.v)}; }
  friend VLMT_INLINE Floats max(Floats a, Floats b) noexcept { return {xsimd::max(a.v, b.v)}; }
  friend VLMT_INLINE Floats abs(Floats a) noexcept { return {xsimd::abs(a.v)}; }
  friend VLMT_INLINE Floats floor(Floats a) noexcept { return {xsimd::floor(a.v)}; }
  friend VLMT_INLINE Floats sqrt(Floats a) noexcept { return {xsimd::sqrt(a.v)}; }
  friend VLMT_INLINE Floats select(Mask<Arch> m, Floats yes, Floats no) noexcept {
    return {xsimd::select(m.v, yes.v, no.v)};
  }
  /// Sum of the lanes by halving: lane i plus lane i + lanes / 2, and so on.
  friend VLMT_INLINE float reduce_add(Floats a) noexcept { return Ops::sum(a.raw()); }
  friend VLMT_INLINE float reduce_max(Floats a) noexcept { return Ops::max(a.raw()); }

 private:
  static VLMT_INLINE const std::uint16_t* raw_bits(const void* p) noexcept {
    return static_cast<const std::uint16_t*>(p);
  }
};

/// Arch::lanes int32 values in one register.
template <class Arch>
struct Ints {
  using Batch = detail::BatchOf<std::int32_t, Arch>;
  using Ops = detail::OpsOf<Arch>;
  static constexpr std::size_t lanes = Arch::lanes;

  Batch v;

  Ints() = default;
  VLMT_INLINE Ints(Batch batch) noexcept : v(batch) {}
  VLMT_INLINE Ints(typename Ops::I raw) noexcept : v(raw) {}
  /// All lanes equal.
  VLMT_INLINE Ints(std::int32_t value) noexcept : v(value) {}

  static VLMT_INLINE Ints load(const std::int32_t* p) noexcept { return {Batch::load_unaligned(p)}; }
  /// p[0..lanes), widened.
  static VLMT_INLINE Ints load(const std::int8_t* p) noexcept { return {Batch(Ops::widen(p))}; }
  static VLMT_INLINE Ints load(const std::uint8_t* p) noexcept { return {Batch(Ops::widen(p))}; }
  static VLMT_INLINE Ints load(const std::uint16_t* p) noexcept { return {Batch(Ops::widen(p))}; }
  VLMT_INLINE void store(std::int32_t* p) const noexcept { v.store_unaligned(p); }
  /// Saturates.
  VLMT_INLINE void store(std::int8_t* p) const noexcept { Ops::narrow(p, raw()); }
  /// Keeps the low 16 bits.
  VLMT_INLINE void store(std::uint16_t* p) const noexcept { Ops::narrow(p, raw()); }

  VLMT_INLINE typename Ops::I raw() const noexcept { return static_cast<typename Ops::I>(v); }

  friend VLMT_INLINE Ints operator+(Ints a, Ints b) noexcept { return {a.v + b.v}; }
  friend VLMT_INLINE Ints operator-(Ints a, Ints b) noexcept { return {a.v - b.v}; }
  friend VLMT_INLINE Ints operator*(Ints a, Ints b) noexcept { return {a.v * b.v}; }
  friend VLMT_INLINE Ints operator&(Ints a, Ints b) noexcept { return {a.v & b.v}; }
  friend VLMT_INLINE Ints operator|(Ints a, Ints b) noexcept { return {a.v | b.v}; }
  friend VLMT_INLINE Ints operator^(Ints a, Ints b) noexcept { return {a.v ^ b.v}; }
  VLMT_INLINE Ints& operator+=(Ints b) noexcept { return *this = *this + b; }
  /// Logical shifts by a compile-time constant.
  template <int N>
  friend VLMT_INLINE Ints shift_left(Ints a) noexcept {
    return {Batch(Ops::template shift_left<N>(a.raw()))};
  }
  template <int N>
  friend VLMT_INLINE Ints shift_right(Ints a) noexcept {
    return {Batch(Ops::template shift_right<N>(a.raw()))};
  }
  /// Logical shifts by a run-time amount; 32 or more give 0.
  friend VLMT_INLINE Ints shift_left(Ints a, int n) noexcept { return {Batch(Ops::shift_left(a.raw(), n))}; }
  friend VLMT_INLINE Ints shift_right(Ints a, int n) noexcept { return {Batch(Ops::shift_right(a.raw(), n))}; }
  friend VLMT_INLINE std::int32_t reduce_add(Ints a) noexcept { return Ops::sum(a.raw()); }
};

/// out[i] = reduce_add(x[i]), bit-equal; reduces N vectors together where that is cheaper.
template <class Arch, std::size_t N>
VLMT_INLINE void reduce_add(const Floats<Arch> (&x)[N], float (&out)[N]) noexcept {
  using Ops = detail::OpsOf<Arch>;
  using Raw = typename Ops::F;
  if constexpr (requires(const Raw(&v)[N]) { Ops::sums(v); }) {
    Raw raw[N];
    VLMT_UNROLL
    for (std::size_t i = 0; i < N; ++i) raw[i] = x[i].raw();
    const auto sums = Ops::sums(raw);
    static_assert(sizeof sums == sizeof out);
    std::memcpy(out, &sums, sizeof out);
  } else {
    VLMT_UNROLL
    for (std::size_t i = 0; i < N; ++i) out[i] = reduce_add(x[i]);
  }
}

/// True if the arch transposes squares of lanes x lanes values in registers.
template <class Arch>
inline constexpr bool transposes_v = requires(typename detail::OpsOf<Arch>::F (&v)[Arch::lanes]) {
  detail::OpsOf<Arch>::transpose(v);
};

/// Swaps lane j of register i and lane i of register j.
template <class Arch>
requires transposes_v<Arch> VLMT_INLINE void transpose(Floats<Arch> (&x)[Arch::lanes]) noexcept {
  typename detail::OpsOf<Arch>::F raw[Arch::lanes];
  VLMT_UNROLL
  for (std::size_t i = 0; i < Arch::lanes; ++i) raw[i] = x[i].raw();
  detail::OpsOf<Arch>::transpose(raw);
  VLMT_UNROLL
  for (std::size_t i = 0; i < Arch::lanes; ++i) x[i] = Floats<Arch>(raw[i]);
}

/// Rounds to nearest, ties to even; values outside int32 are unspecified.
template <class Arch>
VLMT_INLINE Ints<Arch> to_int(Floats<Arch> a) noexcept {
  return {typename Ints<Arch>::Batch(detail::OpsOf<Arch>::to_int(a.raw()))};
}
template <class Arch>
VLMT_INLINE Floats<Arch> to_float(Ints<Arch> a) noexcept {
  return {typename Floats<Arch>::Batch(detail::OpsOf<Arch>::to_float(a.raw()))};
}
/// Bit patterns of the lanes, and back.
template <class Arch>
VLMT_INLINE Ints<Arch> bits_of(Floats<Arch> a) noexcept {
  return {typename Ints<Arch>::Batch(detail::OpsOf<Arch>::bits(a.raw()))};
}
template <class Arch>
VLMT_INLINE Floats<Arch> from_bits(Ints<Arch> a) noexcept {
  return {typename Floats<Arch>::Batch(detail::OpsOf<Arch>::from_bits(a.raw()))};
}

/// x minus the nearest integer, ties to even, for |x| < 2^31.
template <class Arch>
VLMT_INLINE Floats<Arch> rounding_error(Floats<Arch> x) noexcept {
  using Ops = detail::OpsOf<Arch>;
  if constexpr (requires { Ops::rounding_error(x.raw()); }) {
    return {typename Floats<Arch>::Batch(Ops::rounding_error(x.raw()))};
  } else {
    return x - to_float(to_int(x));
  }
}
/// The nearest multiple of 2^-Bits, ties to even, for |x| < 2^(31 - Bits).
template <int Bits, class Arch>
VLMT_INLINE Floats<Arch> round_to(Floats<Arch> x) noexcept {
  using Ops = detail::OpsOf<Arch>;
  if constexpr (requires { Ops::template round_to<Bits>(x.raw()); }) {
    return {typename Floats<Arch>::Batch(Ops::template round_to<Bits>(x.raw()))};
  } else {
    constexpr float unit = 1 << Bits;
    return to_float(to_int(x * Floats<Arch>(unit))) * Floats<Arch>(1.0f / unit);
  }
}

template <class Arch>
VLMT_INLINE Floats<Arch> Floats<Arch>::load(const bfloat16* p) noexcept {
  return from_bits(shift_left<16>(Ints<Arch>::load(raw_bits(p))));
}

template <class Arch>
VLMT_INLINE void Floats<Arch>::store(bfloat16* p) const noexcept {
  const Ints<Arch> x = bits_of(*this);
  const Ints<Arch> odd = shift_right<16>(x) & Ints<Arch>(1);
  const Ints<Arch> rounded = shift_right<16>(x + Ints<Arch>(0x7fff) + odd);
  const Ints<Arch> quiet = shift_right<16>(x) | Ints<Arch>(0x40);  // a NaN stays a NaN
  const Floats chosen = select(*this == *this, from_bits(rounded), from_bits(quiet));
  std::uint16_t lane[lanes];
  bits_of(chosen).store(lane);
  std::memcpy(static_cast<void*>(p), lane, sizeof lane);
}

/// e^x within 2 units in the last place; 0 below -104, infinity above 88.73, NaN for NaN.
template <class Arch>
VLMT_INLINE Floats<Arch> exp(Floats<Arch> x) noexcept {
  using F = Floats<Arch>;
  // The last select passes NaN on, whatever min and max return.
  const F c = min(F(89.0f), max(F(-104.0f), x));
  const Ints<Arch> n = to_int(c * F(1.44269504088896341f));
  const F nf = to_float(n);
  // ln 2 in two parts. The first has trailing zeros, so that its product with n is exact.
  F r = fnma(nf, F(0.693359375f), c);
  r = fnma(nf, F(-2.12194440e-4f), r);
  // Polynomial of the Cephes library (expf) for |r| <= ln(2) / 2.
  F p = F(1.9875691500e-4f);
  p = fma(p, r, F(1.3981999507e-3f));
  p = fma(p, r, F(8.3334519073e-3f));
  p = fma(p, r, F(4.1665795894e-2f));
  p = fma(p, r, F(1.6666665459e-1f));
  p = fma(p, r, F(5.0000001201e-1f));
  p = fma(p, r * r, r) + F(1.0f);
  // 2^n as a product of two factors: n reaches -150 and 128, beyond the exponents of normal numbers.
  const Ints<Arch> half = shift_right<1>(n + Ints<Arch>(256)) - Ints<Arch>(128);
  const F low = from_bits(shift_left<23>(half + Ints<Arch>(127)));
  const F high = from_bits(shift_left<23>(n - half + Ints<Arch>(127)));
  const F e = p * low * high;
  return select(x == x, e, x);
}

/// 1 / (1 + e^-x).
template <class Arch>
VLMT_INLINE Floats<Arch> sigmoid(Floats<Arch> x) noexcept {
  return Floats<Arch>(1.0f) / (Floats<Arch>(1.0f) + exp(-x));
}

/// table[index] in each lane, for indices that are whole numbers.
template <class Arch>
VLMT_INLINE Floats<Arch> lookup(const float* table, Floats<Arch> index) noexcept {
  alignas(64) float lane[Arch::lanes];
  index.store(lane);
  VLMT_UNROLL
  for (std::size_t i = 0; i < Arch::lanes; ++i) lane[i] = table[static_cast<std::int32_t>(lane[i])];
  return Floats<Arch>::load(lane);
}

/// tanh of xsimd.
template <class Arch>
VLMT_INLINE Floats<Arch> tanh(Floats<Arch> x) noexcept {
  return {xsimd::tanh(x.v)};
}

}  // namespace simd
VLMT_END_NAMESPACE
