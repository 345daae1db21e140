// x86-64 baseline operations that kernel/cpu/simd.hpp needs and xsimd lacks, on raw registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/config.hpp"

#if defined(__x86_64__)

#include "vlmt/kernel/cpu/simd/intrinsics.hpp"

VLMT_BEGIN_NAMESPACE
namespace simd::detail {

struct OpsSse2 {
  using F = __m128;
  using I = __m128i;
  static constexpr std::size_t lanes = 4;

#if defined(__FMA__)
  static constexpr bool fuses = true;
  // The compiler would contract some products and not others; fuse all of them.
  static VLMT_INLINE F fma(F a, F b, F c) noexcept {
    return _mm_fmadd_ps(a, b, c);
  }
  static VLMT_INLINE F fnma(F a, F b, F c) noexcept {
    return _mm_fnmadd_ps(a, b, c);
  }
#else
  static constexpr bool fuses = false;
  static VLMT_INLINE F fma(F a, F b, F c) noexcept {
    return _mm_add_ps(_mm_mul_ps(a, b), c);
  }
  static VLMT_INLINE F fnma(F a, F b, F c) noexcept {
    return _mm_sub_ps(c, _mm_mul_ps(a, b));
  }
#endif
  static VLMT_INLINE F load(const float* p, std::size_t n) noexcept {
    alignas(16) float lane[lanes] = {};
    std::memcpy(lane, p, n * sizeof(float));
    return _mm_load_ps(lane);
  }
  static VLMT_INLINE void store(float* p, F v, std::size_t n) noexcept {
    alignas(16) float lane[lanes];
    _mm_store_ps(lane, v);
    std::memcpy(p, lane, n * sizeof(float));
  }
  static VLMT_INLINE F load_half(const std::uint16_t* p) noexcept {
    // The product moves the exponent bias from 15 to 127 and normalises subnormals, exactly.
    const I h = widen(p);
    const I magnitude = _mm_and_si128(h, _mm_set1_epi32(0x7fff));
    const F scaled = _mm_mul_ps(from_bits(_mm_slli_epi32(magnitude, 13)), _mm_set1_ps(0x1p112f));
    const I special = _mm_and_si128(_mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7bff)), _mm_set1_epi32(0x7f800000));
    const I sign = _mm_slli_epi32(_mm_xor_si128(h, magnitude), 16);
    return from_bits(_mm_or_si128(_mm_or_si128(bits(scaled), special), sign));
  }
  static VLMT_INLINE void store_half(std::uint16_t* p, F v) noexcept {
    const I sign = _mm_and_si128(bits(v), _mm_set1_epi32(static_cast<int>(0x80000000u)));
    const I a = _mm_xor_si128(bits(v), sign);
    // Subnormal results: adding 0.5 lets the float adder round to multiples of 2^-24.
    const I small = _mm_sub_epi32(bits(_mm_add_ps(from_bits(a), _mm_set1_ps(0.5f))), _mm_set1_epi32(0x3f000000));
    const I odd = _mm_and_si128(_mm_srli_epi32(a, 13), _mm_set1_epi32(1));
    const I rounded = _mm_add_epi32(_mm_add_epi32(a, _mm_set1_epi32(0xfff)), odd);
    const I normal = _mm_srli_epi32(_mm_sub_epi32(rounded, _mm_set1_epi32(0x38000000)), 13);
    const I nan = _mm_or_si128(_mm_set1_epi32(0x7e00), _mm_and_si128(_mm_srli_epi32(a, 13), _mm_set1_epi32(0x3ff)));
    I r = choose(_mm_cmpgt_epi32(_mm_set1_epi32(0x38800000), a), small, normal);
    r = choose(_mm_cmpgt_epi32(a, _mm_set1_epi32(0x477fefff)), _mm_set1_epi32(0x7c00), r);
    r = choose(_mm_cmpgt_epi32(a, _mm_set1_epi32(0x7f800000)), nan, r);
    narrow(p, _mm_or_si128(r, _mm_srli_epi32(sign, 16)));
  }
  static VLMT_INLINE I choose(I mask, I a, I b) noexcept {
    return _mm_or_si128(_mm_and_si128(mask, a), _mm_andnot_si128(mask, b));
  }
  static VLMT_INLINE I widen(const std::int8_t* p) noexcept {
    std::int32_t word;
    std::memcpy(&word, p, sizeof word);
    I v = _mm_cvtsi32_si128(word);
    v = _mm_unpacklo_epi8(v, v);
    return _mm_srai_epi32(_mm_unpacklo_epi16(v, v), 24);
  }
  static VLMT_INLINE I widen(const std::uint8_t* p) noexcept {
    std::int32_t word;
    std::memcpy(&word, p, sizeof word);
    const I zero = _mm_setzero_si128();
    return _mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(word), zero), zero);
  }
  static VLMT_INLINE I widen(const std::uint16_t* p) noexcept {
    return _mm_unpacklo_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), _mm_setzero_si128());
  }
  static VLMT_INLINE void narrow(std::int8_t* p, I v) noexcept {
    const I h = _mm_packs_epi32(v, v);
    const std::int32_t word = _mm_cvtsi128_si32(_mm_packs_epi16(h, h));
    std::memcpy(p, &word, sizeof word);
  }
  static VLMT_INLINE void narrow(std::uint16_t* p, I v) noexcept {
    // SSE2 has no unsigned 32 -> 16 pack. With the low halves sign-extended, the signed pack is exact.
    const I low = _mm_srai_epi32(_mm_slli_epi32(v, 16), 16);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(low, low));
  }
  static VLMT_INLINE I to_int(F v) noexcept {
    return _mm_cvtps_epi32(v);
  }
  static VLMT_INLINE F to_float(I v) noexcept {
    return _mm_cvtepi32_ps(v);
  }
  static VLMT_INLINE I bits(F v) noexcept {
    return _mm_castps_si128(v);
  }
  static VLMT_INLINE F from_bits(I v) noexcept {
    return _mm_castsi128_ps(v);
  }
  static VLMT_INLINE float sum(F v) noexcept {
    const F q = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
  }
  static VLMT_INLINE float max(F v) noexcept {
    const F q = _mm_max_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
  }
  static VLMT_INLINE std::int32_t sum(I v) noexcept {
    const I q = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
  }
  template <int N>
  static VLMT_INLINE I shift_left(I v) noexcept {
    return _mm_slli_epi32(v, N);
  }
  template <int N>
  static VLMT_INLINE I shift_right(I v) noexcept {
    return _mm_srli_epi32(v, N);
  }
  static VLMT_INLINE I shift_left(I v, int n) noexcept {
    return _mm_sll_epi32(v, _mm_cvtsi32_si128(n));
  }
  static VLMT_INLINE I shift_right(I v, int n) noexcept {
    return _mm_srl_epi32(v, _mm_cvtsi32_si128(n));
  }
};

}  // namespace simd::detail
VLMT_END_NAMESPACE

#endif
