// AVX2, FMA and F16C operations that kernel/cpu/simd.hpp needs and xsimd lacks, on raw registers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_AVX2

#include "vlmt/kernel/cpu/simd/intrinsics.hpp"

VLMT_BEGIN_NAMESPACE
namespace simd::detail {

struct OpsAvx2 {
  using F = __m256;
  using I = __m256i;
  static constexpr std::size_t lanes = 8;
  static constexpr bool fuses = true;  ///< fma and fnma round once

  static VLMT_INLINE __m256i first(std::size_t n) noexcept {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static VLMT_INLINE F fma(F a, F b, F c) noexcept { return _mm256_fmadd_ps(a, b, c); }
  static VLMT_INLINE F fnma(F a, F b, F c) noexcept { return _mm256_fnmadd_ps(a, b, c); }
  static VLMT_INLINE F load(const float* p, std::size_t n) noexcept { return _mm256_maskload_ps(p, first(n)); }
  static VLMT_INLINE void store(float* p, F v, std::size_t n) noexcept { _mm256_maskstore_ps(p, first(n), v); }
  static VLMT_INLINE F load_half(const std::uint16_t* p) noexcept {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static VLMT_INLINE void store_half(std::uint16_t* p, F v) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  static VLMT_INLINE I widen(const std::int8_t* p) noexcept {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static VLMT_INLINE I widen(const std::uint8_t* p) noexcept {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static VLMT_INLINE I widen(const std::uint16_t* p) noexcept {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static VLMT_INLINE void narrow(std::int8_t* p, I v) noexcept {
    const __m128i h = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(h, h));
  }
  static VLMT_INLINE void narrow(std::uint16_t* p, I v) noexcept {
    const __m256i low = _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
  }
  static VLMT_INLINE I to_int(F v) noexcept { return _mm256_cvtps_epi32(v); }
  static VLMT_INLINE F to_float(I v) noexcept { return _mm256_cvtepi32_ps(v); }
  static VLMT_INLINE I bits(F v) noexcept { return _mm256_castps_si256(v); }
  static VLMT_INLINE F from_bits(I v) noexcept { return _mm256_castsi256_ps(v); }
  static VLMT_INLINE float sum(F v) noexcept {
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
  }
  static VLMT_INLINE float max(F v) noexcept {
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
  }
  static VLMT_INLINE std::int32_t sum(I v) noexcept {
    __m128i q = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
  }
  template <int N>
  static VLMT_INLINE I shift_left(I v) noexcept {
    return _mm256_slli_epi32(v, N);
  }
  template <int N>
  static VLMT_INLINE I shift_right(I v) noexcept {
    return _mm256_srli_epi32(v, N);
  }
  static VLMT_INLINE I shift_left(I v, int n) noexcept { return _mm256_sll_epi32(v, _mm_cvtsi32_si128(n)); }
  static VLMT_INLINE I shift_right(I v, int n) noexcept { return _mm256_srl_epi32(v, _mm_cvtsi32_si128(n)); }
};

}  // namespace simd::detail
VLMT_END_NAMESPACE

#endif
