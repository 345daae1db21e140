// Dot products of bytes. A 32-bit lane of a weight register holds four quants of one row; every lane is multiplied by
// the same four activations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Byte products of an instruction set, all exact. Quants are unsigned up to Max, or signed with magnitudes up to Max.
/// Every arch has
///   broadcast(a)       four activations in every lane
///   lookup(table, x)   table[x] for bytes below 16
///   range<Max>         class of quants up to Max; formats of one class share kernels
///   unsigned_only      quants must be unsigned, up to 255; signed quants are unpacked with 128 added
/// and one of two ways to sum. With has_step:
///   step<Signed>(sum, w, x)   adds the four products of every lane to its 32-bit sum
/// Without:
///   products<Signed>(w, x)    the four products of a lane as two 16-bit sums
///   add16, widen              adds such sums; adds both sums of a lane to 32 bits
///   run<Max>                  number of products that may be added before they are widened
///   negative, magnitude       of w: all bits set in bytes below zero; |w|. |w| times x ^ negative(w), which is -x - 1
///                             where w < 0, is w times x minus the sum of |w| over w < 0.
template <class Arch>
struct Dot;

namespace detail {

/// Base of archs that multiply bytes into 16-bit sums of pairs. Each product adds at most 2 * 127 * Max to a sum.
struct DotOfPairs {
  static constexpr bool unsigned_only = false;
  static constexpr bool has_step = false;
  template <int Max>
  static constexpr int range = Max <= 16   ? 16
                               : Max <= 32 ? 32
                               : Max <= 64 ? 64
                                           : 128;
  template <int Max>
  static constexpr std::size_t run = 128 / range<Max>;
};

/// Base of archs that add products of signed bytes, or of unsigned bytes up to 127, to 32 bits.
struct DotOfAnySign {
  static constexpr bool unsigned_only = false;
  static constexpr bool has_step = true;
  template <int Max>
  static constexpr int range = 128;
};

/// Base of archs that take unsigned quants only.
struct DotOfUnsigned {
  static constexpr bool unsigned_only = true;
  static constexpr bool has_step = true;
  template <int Max>
  static constexpr int range = 255;
};

VLMT_INLINE std::int32_t four_bytes(const std::int8_t* a) noexcept {
  std::int32_t word;
  std::memcpy(&word, a, sizeof word);
  return word;
}

}  // namespace detail

#if VLMT_HAS_AVX512
template <>
struct Dot<arch::avx512> : detail::DotOfPairs {
  using I = __m512i;
  static VLMT_INLINE I broadcast(const std::int8_t* a) noexcept { return _mm512_set1_epi32(detail::four_bytes(a)); }
  template <bool Signed>
  static VLMT_INLINE I products(I w, I x) noexcept {
    if constexpr (!Signed) return _mm512_maddubs_epi16(w, x);
    const I flipped = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(w), _mm512_setzero_si512(), x);
    return _mm512_maddubs_epi16(_mm512_abs_epi8(w), flipped);
  }
  static VLMT_INLINE I negative(I w) noexcept { return _mm512_movm_epi8(_mm512_movepi8_mask(w)); }
  static VLMT_INLINE I magnitude(I w) noexcept { return _mm512_abs_epi8(w); }
  static VLMT_INLINE I add16(I a, I b) noexcept { return _mm512_add_epi16(a, b); }
  static VLMT_INLINE I widen(I a) noexcept { return _mm512_madd_epi16(a, _mm512_set1_epi16(1)); }
  static VLMT_INLINE I lookup(const std::int8_t (&table)[16], I nibbles) noexcept {
    const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(t), nibbles);
  }
};
#endif

#if VLMT_HAS_AVX512_VNNI
template <>
struct Dot<arch::avx512_vnni> : detail::DotOfUnsigned {
  using I = __m512i;
  static VLMT_INLINE I broadcast(const std::int8_t* a) noexcept { return _mm512_set1_epi32(detail::four_bytes(a)); }
  template <bool Signed>
  static VLMT_INLINE I step(I sum, I w, I x) noexcept {
    static_assert(!Signed);
    return _mm512_dpbusd_epi32(sum, w, x);
  }
  static VLMT_INLINE I lookup(const std::int8_t (&table)[16], I nibbles) noexcept {
    return Dot<arch::avx512>::lookup(table, nibbles);
  }
};
#endif

#if VLMT_HAS_AVX512_AMX
// Tiles multiply many rows (tile_products.hpp); a few rows use VNNI.
template <>
struct Dot<arch::avx512_amx_int8> : Dot<arch::avx512_vnni> {};
template <>
struct Dot<arch::avx512_amx_bf16> : Dot<arch::avx512_vnni> {};
#endif

#if VLMT_HAS_AVX2
template <>
struct Dot<arch::avx2> : detail::DotOfPairs {
  using I = __m256i;
  static VLMT_INLINE I broadcast(const std::int8_t* a) noexcept { return _mm256_set1_epi32(detail::four_bytes(a)); }
  template <bool Signed>
  static VLMT_INLINE I products(I w, I x) noexcept {
    if constexpr (!Signed) return _mm256_maddubs_epi16(w, x);
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
  }
  static VLMT_INLINE I negative(I w) noexcept { return _mm256_cmpgt_epi8(_mm256_setzero_si256(), w); }
  static VLMT_INLINE I magnitude(I w) noexcept { return _mm256_abs_epi8(w); }
  static VLMT_INLINE I add16(I a, I b) noexcept { return _mm256_add_epi16(a, b); }
  static VLMT_INLINE I widen(I a) noexcept { return _mm256_madd_epi16(a, _mm256_set1_epi16(1)); }
  static VLMT_INLINE I lookup(const std::int8_t (&table)[16], I nibbles) noexcept {
    const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), nibbles);
  }
};
#endif

#if VLMT_HAS_AVX_VNNI
template <>
struct Dot<arch::avx2_vnni> : detail::DotOfUnsigned {
  using I = __m256i;
  static VLMT_INLINE I broadcast(const std::int8_t* a) noexcept { return Dot<arch::avx2>::broadcast(a); }
  template <bool Signed>
  static VLMT_INLINE I step(I sum, I w, I x) noexcept {
    static_assert(!Signed);
    return _mm256_dpbusd_avx_epi32(sum, w, x);
  }
  static VLMT_INLINE I lookup(const std::int8_t (&table)[16], I nibbles) noexcept {
    return Dot<arch::avx2>::lookup(table, nibbles);
  }
};
#endif

#if defined(__x86_64__)
template <>
struct Dot<arch::generic> : detail::DotOfAnySign {
  using I = __m128i;
  static VLMT_INLINE I broadcast(const std::int8_t* a) noexcept { return _mm_set1_epi32(detail::four_bytes(a)); }
  template <bool Signed>
  static VLMT_INLINE I step(I sum, I w, I x) noexcept {
    // Even and odd bytes as 16-bit values: SSE2 has no product of bytes.
    const I even = Signed ? _mm_srai_epi16(_mm_slli_epi16(w, 8), 8) : _mm_and_si128(w, _mm_set1_epi16(255));
    const I odd = Signed ? _mm_srai_epi16(w, 8) : _mm_srli_epi16(w, 8);
    sum = _mm_add_epi32(sum, _mm_madd_epi16(even, _mm_srai_epi16(_mm_slli_epi16(x, 8), 8)));
    return _mm_add_epi32(sum, _mm_madd_epi16(odd, _mm_srai_epi16(x, 8)));
  }
  static VLMT_INLINE I lookup(const std::int8_t (&table)[16], I nibbles) noexcept {
    alignas(16) std::uint8_t index[16];
    alignas(16) std::int8_t level[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(index), nibbles);
    VLMT_UNROLL
    for (int i = 0; i < 16; ++i) level[i] = table[index[i]];
    return _mm_load_si128(reinterpret_cast<const __m128i*>(level));
  }
};
#endif

#if VLMT_HAS_NEON
// Quants up to 127 have the same bits signed and unsigned.
template <>
struct Dot<arch::neon> : detail::DotOfAnySign {
  using I = int32x4_t;
  static VLMT_INLINE I broadcast(const std::int8_t* a) noexcept { return vdupq_n_s32(detail::four_bytes(a)); }
  template <bool Signed>
  static VLMT_INLINE I step(I sum, I w, I x) noexcept {
    const int8x16_t q = vreinterpretq_s8_s32(w);
    const int8x16_t v = vreinterpretq_s8_s32(x);
    const I low = vpaddlq_s16(vmull_s8(vget_low_s8(q), vget_low_s8(v)));
    return vaddq_s32(sum, vpaddq_s32(low, vpaddlq_s16(vmull_high_s8(q, v))));
  }
  static VLMT_INLINE I lookup(const std::int8_t (&table)[16], I nibbles) noexcept {
    return vreinterpretq_s32_s8(vqtbl1q_s8(vld1q_s8(table), vreinterpretq_u8_s32(nibbles)));
  }
};
template <>
struct Dot<arch::generic> : Dot<arch::neon> {};
#endif

#if VLMT_HAS_NEON_DOT
template <>
struct Dot<arch::neon_dot> : detail::DotOfAnySign {
  using I = int32x4_t;
  static VLMT_INLINE I broadcast(const std::int8_t* a) noexcept { return Dot<arch::neon>::broadcast(a); }
  template <bool Signed>
  static VLMT_INLINE I step(I sum, I w, I x) noexcept {
    return vdotq_s32(sum, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x));
  }
  static VLMT_INLINE I lookup(const std::int8_t (&table)[16], I nibbles) noexcept {
    return Dot<arch::neon>::lookup(table, nibbles);
  }
};
#endif

}  // namespace cpu

VLMT_END_NAMESPACE
