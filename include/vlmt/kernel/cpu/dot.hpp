// Dot products of bytes: every 32-bit lane of a weight register holds four quants of one row, to be multiplied by the
// same four activations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// The products of an instruction set. dot16 adds, in every lane, the products of 16 quants (w[0..3], four a register)
/// and 16 activations (a[r]) to sum[r], for N rows. Quants are unsigned up to Max, or signed with magnitudes up to Max,
/// if Signed. All are exact. `unsigned_only`: quants must be unsigned, up to 255; signed ones are stored with 128
/// added.
template <class Arch>
struct Dot;

namespace detail {

/// What products without an instruction for four bytes share: rows one after another, and quants in classes by how many
/// products fit into 16 bits.
template <class Arch>
struct DotByRows {
  using Raw = typename simd::Ints<Arch>::Ops::I;
  static constexpr bool unsigned_only = false;
  static constexpr bool has_step = false;
  template <int Max>
  static constexpr int range = Max <= 32   ? 32
                               : Max <= 64 ? 64
                                           : 128;

  template <int Max, bool Signed, std::size_t N>
  static VLMT_INLINE void dot16(Raw (&sum)[N], const Raw (&w)[4], const std::int8_t* const (&a)[N]) noexcept {
    VLMT_UNROLL
    for (std::size_t r = 0; r < N; ++r) sum[r] = Dot<Arch>::template row16<Max, Signed>(sum[r], w, a[r]);
  }
};

/// row16 by products of bytes whose pairs are added in 16 bits.
template <class Pairs, int Max, bool Signed>
VLMT_INLINE typename Pairs::I row16_of_pairs(typename Pairs::I sum, const typename Pairs::I (&w)[4],
                                             const std::int8_t* a) noexcept {
  typename Pairs::I p[4];
  VLMT_UNROLL
  for (int u = 0; u < 4; ++u) p[u] = Pairs::template products<Signed>(w[u], a + 4 * u);
  // A 16-bit lane holds two products, at most 2 * 127 * Max each time.
  if constexpr (Max <= 32) {
    return Pairs::add32(sum, Pairs::widen(Pairs::add16(Pairs::add16(p[0], p[1]), Pairs::add16(p[2], p[3]))));
  } else if constexpr (Max <= 64) {
    const auto first = Pairs::widen(Pairs::add16(p[0], p[1]));
    return Pairs::add32(sum, Pairs::add32(first, Pairs::widen(Pairs::add16(p[2], p[3]))));
  } else {
    const auto first = Pairs::add32(Pairs::widen(p[0]), Pairs::widen(p[1]));
    return Pairs::add32(sum, Pairs::add32(first, Pairs::add32(Pairs::widen(p[2]), Pairs::widen(p[3]))));
  }
}

}  // namespace detail

#if VLMT_HAS_AVX512
namespace detail {
VLMT_INLINE __m512i broadcast512(const std::int8_t* a) noexcept {
  std::int32_t word;
  std::memcpy(&word, a, sizeof word);
  return _mm512_set1_epi32(word);
}

struct Pairs512 {
  using I = __m512i;
  static VLMT_INLINE I add16(I a, I b) noexcept { return _mm512_add_epi16(a, b); }
  static VLMT_INLINE I add32(I a, I b) noexcept { return _mm512_add_epi32(a, b); }
  static VLMT_INLINE I widen(I a) noexcept { return _mm512_madd_epi16(a, _mm512_set1_epi16(1)); }
  template <bool Signed>
  static VLMT_INLINE I products(I w, const std::int8_t* a) noexcept {
    const I v = broadcast512(a);
    if constexpr (!Signed) return _mm512_maddubs_epi16(w, v);
    const I flipped = _mm512_mask_sub_epi8(v, _mm512_movepi8_mask(w), _mm512_setzero_si512(), v);
    return _mm512_maddubs_epi16(_mm512_abs_epi8(w), flipped);
  }
};
}  // namespace detail

template <>
struct Dot<arch::avx512> : detail::DotByRows<arch::avx512> {
  template <int Max, bool Signed>
  static VLMT_INLINE __m512i row16(__m512i sum, const __m512i (&w)[4], const std::int8_t* a) noexcept {
    return detail::row16_of_pairs<detail::Pairs512, Max, Signed>(sum, w, a);
  }
  /// table[nibble] for bytes below 16.
  static VLMT_INLINE __m512i lookup(const std::int8_t (&table)[16], __m512i nibbles) noexcept {
    const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(t), nibbles);
  }
};
#endif

#if VLMT_HAS_AVX512_VNNI
template <>
struct Dot<arch::avx512_vnni> {
  static constexpr bool unsigned_only = true;
  /// The class of quants up to Max: all that are equal share their kernels.
  template <int Max>
  static constexpr int range = 255;

  /// Dot products of four in one instruction: sum + w * a, the four activations in every lane.
  static constexpr bool has_step = true;
  static VLMT_INLINE __m512i broadcast(const std::int8_t* a) noexcept { return detail::broadcast512(a); }
  static VLMT_INLINE __m512i step(__m512i sum, __m512i w, __m512i a) noexcept { return _mm512_dpbusd_epi32(sum, w, a); }
  // Rows side by side: a chain of dependent products takes longer to finish than to issue.
  template <int Max, bool Signed, std::size_t N>
  static VLMT_INLINE void dot16(__m512i (&sum)[N], const __m512i (&w)[4], const std::int8_t* const (&a)[N]) noexcept {
    static_assert(!Signed);
    VLMT_UNROLL
    for (int u = 0; u < 4; ++u) {
      VLMT_UNROLL
      for (std::size_t r = 0; r < N; ++r)
        sum[r] = _mm512_dpbusd_epi32(sum[r], w[u], detail::broadcast512(a[r] + 4 * u));
    }
  }
  static VLMT_INLINE __m512i lookup(const std::int8_t (&table)[16], __m512i nibbles) noexcept {
    return Dot<arch::avx512>::lookup(table, nibbles);
  }
};
#endif

#if VLMT_HAS_AVX512_AMX
// Tiles serve many rows (tile_products.hpp); a few are multiplied as without them.
template <>
struct Dot<arch::avx512_amx_int8> : Dot<arch::avx512_vnni> {};
template <>
struct Dot<arch::avx512_amx_bf16> : Dot<arch::avx512_vnni> {};
#endif

#if VLMT_HAS_AVX2
namespace detail {
VLMT_INLINE __m256i broadcast256(const std::int8_t* a) noexcept {
  std::int32_t word;
  std::memcpy(&word, a, sizeof word);
  return _mm256_set1_epi32(word);
}

struct Pairs256 {
  using I = __m256i;
  static VLMT_INLINE I add16(I a, I b) noexcept { return _mm256_add_epi16(a, b); }
  static VLMT_INLINE I add32(I a, I b) noexcept { return _mm256_add_epi32(a, b); }
  static VLMT_INLINE I widen(I a) noexcept { return _mm256_madd_epi16(a, _mm256_set1_epi16(1)); }
  template <bool Signed>
  static VLMT_INLINE I products(I w, const std::int8_t* a) noexcept {
    const I v = broadcast256(a);
    if constexpr (!Signed) return _mm256_maddubs_epi16(w, v);
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(v, w));
  }
};
}  // namespace detail

template <>
struct Dot<arch::avx2> : detail::DotByRows<arch::avx2> {
  template <int Max, bool Signed>
  static VLMT_INLINE __m256i row16(__m256i sum, const __m256i (&w)[4], const std::int8_t* a) noexcept {
    return detail::row16_of_pairs<detail::Pairs256, Max, Signed>(sum, w, a);
  }
  static VLMT_INLINE __m256i lookup(const std::int8_t (&table)[16], __m256i nibbles) noexcept {
    const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), nibbles);
  }
};
#endif

#if VLMT_HAS_AVX_VNNI
template <>
struct Dot<arch::avx2_vnni> {
  static constexpr bool unsigned_only = true;
  template <int Max>
  static constexpr int range = 255;

  static constexpr bool has_step = true;
  static VLMT_INLINE __m256i broadcast(const std::int8_t* a) noexcept { return detail::broadcast256(a); }
  static VLMT_INLINE __m256i step(__m256i sum, __m256i w, __m256i a) noexcept {
    return _mm256_dpbusd_avx_epi32(sum, w, a);
  }
  template <int Max, bool Signed, std::size_t N>
  static VLMT_INLINE void dot16(__m256i (&sum)[N], const __m256i (&w)[4], const std::int8_t* const (&a)[N]) noexcept {
    static_assert(!Signed);
    VLMT_UNROLL
    for (int u = 0; u < 4; ++u) {
      VLMT_UNROLL
      for (std::size_t r = 0; r < N; ++r)
        sum[r] = _mm256_dpbusd_avx_epi32(sum[r], w[u], detail::broadcast256(a[r] + 4 * u));
    }
  }
  static VLMT_INLINE __m256i lookup(const std::int8_t (&table)[16], __m256i nibbles) noexcept {
    return Dot<arch::avx2>::lookup(table, nibbles);
  }
};
#endif

#if defined(__x86_64__)
template <>
struct Dot<arch::generic> : detail::DotByRows<arch::generic> {
  template <int Max, bool Signed>
  static VLMT_INLINE __m128i row16(__m128i sum, const __m128i (&w)[4], const std::int8_t* a) noexcept {
    const __m128i low = _mm_set1_epi16(255);
    VLMT_UNROLL
    for (int u = 0; u < 4; ++u) {
      std::int32_t word;
      std::memcpy(&word, a + 4 * u, sizeof word);
      const __m128i v = _mm_set1_epi32(word);
      // Even and odd bytes as 16-bit values, for the one multiplication that the baseline has.
      const __m128i even = Signed ? _mm_srai_epi16(_mm_slli_epi16(w[u], 8), 8) : _mm_and_si128(w[u], low);
      const __m128i odd = Signed ? _mm_srai_epi16(w[u], 8) : _mm_srli_epi16(w[u], 8);
      sum = _mm_add_epi32(sum, _mm_madd_epi16(even, _mm_srai_epi16(_mm_slli_epi16(v, 8), 8)));
      sum = _mm_add_epi32(sum, _mm_madd_epi16(odd, _mm_srai_epi16(v, 8)));
    }
    return sum;
  }
  static VLMT_INLINE __m128i lookup(const std::int8_t (&table)[16], __m128i nibbles) noexcept {
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
namespace detail {
VLMT_INLINE int8x16_t broadcast_neon(const std::int8_t* a) noexcept {
  std::int32_t word;
  std::memcpy(&word, a, sizeof word);
  return vreinterpretq_s8_s32(vdupq_n_s32(word));
}
}  // namespace detail

// Quants up to 127 are the same signed and unsigned.
template <>
struct Dot<arch::neon> : detail::DotByRows<arch::neon> {
  template <int Max, bool Signed>
  static VLMT_INLINE int32x4_t row16(int32x4_t sum, const int32x4_t (&w)[4], const std::int8_t* a) noexcept {
    static_assert(Max <= 127 || Signed);
    VLMT_UNROLL
    for (int u = 0; u < 4; ++u) {
      const int8x16_t q = vreinterpretq_s8_s32(w[u]);
      const int8x16_t v = detail::broadcast_neon(a + 4 * u);
      const int32x4_t p = vpaddlq_s16(vmull_s8(vget_low_s8(q), vget_low_s8(v)));
      const int32x4_t s = vpaddlq_s16(vmull_high_s8(q, v));
      sum = vaddq_s32(sum, vpaddq_s32(p, s));
    }
    return sum;
  }
  static VLMT_INLINE int32x4_t lookup(const std::int8_t (&table)[16], int32x4_t nibbles) noexcept {
    return vreinterpretq_s32_s8(vqtbl1q_s8(vld1q_s8(table), vreinterpretq_u8_s32(nibbles)));
  }
};
template <>
struct Dot<arch::generic> : Dot<arch::neon> {};
#endif

#if VLMT_HAS_NEON_DOT
template <>
struct Dot<arch::neon_dot> : detail::DotByRows<arch::neon_dot> {
  static constexpr bool has_step = true;
  static VLMT_INLINE int32x4_t broadcast(const std::int8_t* a) noexcept {
    return vreinterpretq_s32_s8(detail::broadcast_neon(a));
  }
  static VLMT_INLINE int32x4_t step(int32x4_t sum, int32x4_t w, int32x4_t a) noexcept {
    return vdotq_s32(sum, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(a));
  }
  template <int Max, bool Signed>
  static VLMT_INLINE int32x4_t row16(int32x4_t sum, const int32x4_t (&w)[4], const std::int8_t* a) noexcept {
    static_assert(Max <= 127 || Signed);
    VLMT_UNROLL
    for (int u = 0; u < 4; ++u) {
      sum = vdotq_s32(sum, vreinterpretq_s8_s32(w[u]), detail::broadcast_neon(a + 4 * u));
    }
    return sum;
  }
  static VLMT_INLINE int32x4_t lookup(const std::int8_t (&table)[16], int32x4_t nibbles) noexcept {
    return Dot<arch::neon>::lookup(table, nibbles);
  }
};
#endif

}  // namespace cpu

VLMT_END_NAMESPACE
