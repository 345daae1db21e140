// AArch64 NEON operations that kernel/cpu/simd.hpp needs and xsimd lacks, on raw registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_NEON

#include "vlmt/kernel/cpu/simd/intrinsics.hpp"

VLMT_BEGIN_NAMESPACE
namespace simd::detail {

struct OpsNeon {
  using F = float32x4_t;
  using I = int32x4_t;
  static constexpr std::size_t lanes = 4;
  static constexpr bool fuses = true;  ///< fma and fnma round once

  static VLMT_INLINE F fma(F a, F b, F c) noexcept { return vfmaq_f32(c, a, b); }
  static VLMT_INLINE F fnma(F a, F b, F c) noexcept { return vfmsq_f32(c, a, b); }
  static VLMT_INLINE F load(const float* p, std::size_t n) noexcept {
    float lane[lanes] = {};
    std::memcpy(lane, p, n * sizeof(float));
    return vld1q_f32(lane);
  }
  static VLMT_INLINE void store(float* p, F v, std::size_t n) noexcept {
    float lane[lanes];
    vst1q_f32(lane, v);
    std::memcpy(p, lane, n * sizeof(float));
  }
  static VLMT_INLINE F load_half(const std::uint16_t* p) noexcept {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
  }
  static VLMT_INLINE void store_half(std::uint16_t* p, F v) noexcept {
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v)));
  }
  static VLMT_INLINE I widen(const std::int8_t* p) noexcept {
    std::uint32_t word;
    std::memcpy(&word, p, sizeof word);
    return vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(word))));
  }
  static VLMT_INLINE I widen(const std::uint8_t* p) noexcept {
    std::uint32_t word;
    std::memcpy(&word, p, sizeof word);
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(word)))));
  }
  static VLMT_INLINE I widen(const std::uint16_t* p) noexcept { return vreinterpretq_s32_u32(vmovl_u16(vld1_u16(p))); }
  static VLMT_INLINE void narrow(std::int8_t* p, I v) noexcept {
    const int16x4_t h = vqmovn_s32(v);
    const int8x8_t b = vqmovn_s16(vcombine_s16(h, h));
    const std::uint32_t word = vget_lane_u32(vreinterpret_u32_s8(b), 0);
    std::memcpy(p, &word, sizeof word);
  }
  static VLMT_INLINE void narrow(std::uint16_t* p, I v) noexcept { vst1_u16(p, vmovn_u32(vreinterpretq_u32_s32(v))); }
  static VLMT_INLINE I to_int(F v) noexcept { return vcvtnq_s32_f32(v); }
  static VLMT_INLINE F to_float(I v) noexcept { return vcvtq_f32_s32(v); }
  static VLMT_INLINE I bits(F v) noexcept { return vreinterpretq_s32_f32(v); }
  static VLMT_INLINE F from_bits(I v) noexcept { return vreinterpretq_f32_s32(v); }
  static VLMT_INLINE float sum(F v) noexcept {
    const float32x2_t q = vadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(vpadd_f32(q, q), 0);
  }
  static VLMT_INLINE float max(F v) noexcept { return vmaxvq_f32(v); }
  static VLMT_INLINE std::int32_t sum(I v) noexcept { return vaddvq_s32(v); }
  template <int N>
  static VLMT_INLINE I shift_left(I v) noexcept {
    return vshlq_n_s32(v, N);
  }
  template <int N>
  static VLMT_INLINE I shift_right(I v) noexcept {
    return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(v), N));
  }
  static VLMT_INLINE I shift_left(I v, int n) noexcept { return vshlq_s32(v, vdupq_n_s32(n)); }
  static VLMT_INLINE I shift_right(I v, int n) noexcept {
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(v), vdupq_n_s32(-n)));
  }
};

}  // namespace simd::detail
VLMT_END_NAMESPACE

#endif
