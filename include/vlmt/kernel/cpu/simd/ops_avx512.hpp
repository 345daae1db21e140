// AVX-512 (F, BW, VL, DQ) and BMI2 operations that kernel/cpu/simd.hpp needs and xsimd lacks, on raw registers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_AVX512

#include "vlmt/kernel/cpu/simd/intrinsics.hpp"

VLMT_BEGIN_NAMESPACE
namespace simd::detail {

struct OpsAvx512 {
  using F = __m512;
  using I = __m512i;
  static constexpr std::size_t lanes = 16;
  static constexpr bool fuses = true;  ///< fma and fnma round once

  static VLMT_INLINE __mmask16 first(std::size_t n) noexcept {
    return static_cast<__mmask16>(_bzhi_u32(0xffffu, static_cast<unsigned>(n)));
  }
  static VLMT_INLINE F fma(F a, F b, F c) noexcept { return _mm512_fmadd_ps(a, b, c); }
  static VLMT_INLINE F fnma(F a, F b, F c) noexcept { return _mm512_fnmadd_ps(a, b, c); }
  static VLMT_INLINE F load(const float* p, std::size_t n) noexcept { return _mm512_maskz_loadu_ps(first(n), p); }
  static VLMT_INLINE void store(float* p, F v, std::size_t n) noexcept { _mm512_mask_storeu_ps(p, first(n), v); }
  static VLMT_INLINE F load_half(const std::uint16_t* p) noexcept {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static VLMT_INLINE void store_half(std::uint16_t* p, F v) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static VLMT_INLINE I widen(const std::int8_t* p) noexcept {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static VLMT_INLINE I widen(const std::uint8_t* p) noexcept {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static VLMT_INLINE I widen(const std::uint16_t* p) noexcept {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static VLMT_INLINE void narrow(std::int8_t* p, I v) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(v));
  }
  static VLMT_INLINE void narrow(std::uint16_t* p, I v) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
  }
  static VLMT_INLINE I to_int(F v) noexcept { return _mm512_cvtps_epi32(v); }
  static VLMT_INLINE F to_float(I v) noexcept { return _mm512_cvtepi32_ps(v); }
  static VLMT_INLINE I bits(F v) noexcept { return _mm512_castps_si512(v); }
  static VLMT_INLINE F from_bits(I v) noexcept { return _mm512_castsi512_ps(v); }
  static VLMT_INLINE F rounding_error(F v) noexcept { return _mm512_reduce_ps(v, _MM_FROUND_TO_NEAREST_INT); }
  template <int Bits>
  static VLMT_INLINE F round_to(F v) noexcept {
    return _mm512_roundscale_ps(v, Bits << 4 | _MM_FROUND_TO_NEAREST_INT);
  }
  static VLMT_INLINE float sum(F v) noexcept {
    const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
  }
  /// sum() of each of four or eight vectors: parts of several vectors are added in one register.
  static VLMT_INLINE __m128 sums(const F (&v)[4]) noexcept {
    F q = quarters(halves(v[0], v[1]), halves(v[2], v[3]));
    q = _mm512_add_ps(q, _mm512_permute_ps(q, 0x4e));
    q = _mm512_add_ps(q, _mm512_permute_ps(q, 0xb1));
    const I order = _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12));
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(order, q));
  }
  static VLMT_INLINE __m256 sums(const F (&v)[8]) noexcept {
    const __m512d a = _mm512_castps_pd(quarters(halves(v[0], v[1]), halves(v[2], v[3])));
    const __m512d b = _mm512_castps_pd(quarters(halves(v[4], v[5]), halves(v[6], v[7])));
    F q = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    q = _mm512_add_ps(q, _mm512_permute_ps(q, 0xb1));
    const I order = _mm512_castsi256_si512(_mm256_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14));
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(order, q));
  }
  /// Swaps lane j of register i and lane i of register j.
  static VLMT_INLINE void transpose(F (&v)[16]) noexcept {
    F t[16];
    VLMT_UNROLL
    for (int i = 0; i < 16; i += 2) {  // pairs of rows
      t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
      t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    VLMT_UNROLL
    for (int i = 0; i < 16; i += 4) {  // fours: v[i + j] has column 4 * quarter + j of rows [i, i + 4) in each quarter
      const __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[i + 1]);
      const __m512d c = _mm512_castps_pd(t[i + 2]), d = _mm512_castps_pd(t[i + 3]);
      v[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
      v[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
      v[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
      v[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    VLMT_UNROLL
    for (int j = 0; j < 4; ++j) {
      const F even_top = _mm512_shuffle_f32x4(v[j], v[j + 4], 0x88);
      const F even_bottom = _mm512_shuffle_f32x4(v[j + 8], v[j + 12], 0x88);
      const F odd_top = _mm512_shuffle_f32x4(v[j], v[j + 4], 0xdd);
      const F odd_bottom = _mm512_shuffle_f32x4(v[j + 8], v[j + 12], 0xdd);
      v[j] = _mm512_shuffle_f32x4(even_top, even_bottom, 0x88);
      v[j + 4] = _mm512_shuffle_f32x4(odd_top, odd_bottom, 0x88);
      v[j + 8] = _mm512_shuffle_f32x4(even_top, even_bottom, 0xdd);
      v[j + 12] = _mm512_shuffle_f32x4(odd_top, odd_bottom, 0xdd);
    }
  }
  static VLMT_INLINE float max(F v) noexcept {
    const __m256 h = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
  }
  static VLMT_INLINE std::int32_t sum(I v) noexcept {
    const __m256i h = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti32x8_epi32(v, 1));
    __m128i q = _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
  }
  template <int N>
  static VLMT_INLINE I shift_left(I v) noexcept {
    return _mm512_slli_epi32(v, N);
  }
  template <int N>
  static VLMT_INLINE I shift_right(I v) noexcept {
    return _mm512_srli_epi32(v, N);
  }
  static VLMT_INLINE I shift_left(I v, int n) noexcept { return _mm512_sll_epi32(v, _mm_cvtsi32_si128(n)); }
  static VLMT_INLINE I shift_right(I v, int n) noexcept { return _mm512_srl_epi32(v, _mm_cvtsi32_si128(n)); }

 private:
  /// Sums of lanes i and i + 8: of a in the lower half, of b in the upper half.
  static VLMT_INLINE F halves(F a, F b) noexcept {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  }
  /// Sums of lanes i and i + 4 of two such registers: one quarter for each of four vectors.
  static VLMT_INLINE F quarters(F ab, F cd) noexcept {
    return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  }
};

}  // namespace simd::detail
VLMT_END_NAMESPACE

#endif
