// Arch tags: one empty struct per instruction set, derived from the set it falls back to.
//
// Kernels are templates over Arch. An arch without its own version of a kernel uses that of its base, so a missing
// kernel is slower, never wrong. arch::compiled lists the archs that this translation unit is compiled for;
// arch::native is the best of them.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/tile_permission.hpp"

VLMT_BEGIN_NAMESPACE

namespace arch {

/// Any processor that the compiler may assume: SSE2 on x86-64 (with FMA and F16C if allowed), NEON on AArch64.
struct generic {
  static constexpr std::string_view name = "generic";
  static constexpr std::size_t lanes = 4;  ///< float32 values per vector
#if defined(__aarch64__)
  static constexpr std::size_t registers = 32;  ///< vector registers
#else
  static constexpr std::size_t registers = 16;
#endif
};

/// AVX2 with FMA and F16C.
struct avx2 : generic {
  static constexpr std::string_view name = "avx2";
  static constexpr std::size_t lanes = 8;
};

/// AVX2 with the VEX-encoded byte dot products (AVX-VNNI).
struct avx2_vnni : avx2 {
  static constexpr std::string_view name = "avx2_vnni";
};

/// AVX-512 F, BW, VL and DQ.
struct avx512 : avx2 {
  static constexpr std::string_view name = "avx512";
  static constexpr std::size_t lanes = 16;
  static constexpr std::size_t registers = 32;
};

/// AVX-512 with the byte dot products (AVX512-VNNI).
struct avx512_vnni : avx512 {
  static constexpr std::string_view name = "avx512_vnni";
};

/// AVX512-VNNI and AMX int8 tiles, bit-equal to avx512_vnni. Must be chosen explicitly: one scale per 32 values leaves
/// so much work to vector instructions that it is no faster (docs/performance.md).
struct avx512_amx_int8 : avx512_vnni {
  static constexpr std::string_view name = "avx512_amx_int8";
};

/// AVX512-VNNI and AMX bfloat16 tiles. With many rows (min_tile_rows, kernel/cpu/input_rows.hpp) fast numerics round weights
/// and activations to bfloat16, except F32 weights. With fewer rows activations are int8 as on avx512_vnni.
struct avx512_amx_bf16 : avx512_vnni {
  static constexpr std::string_view name = "avx512_amx_bf16";
};

/// AArch64 NEON.
struct neon : generic {
  static constexpr std::string_view name = "neon";
};

/// NEON with the byte dot products.
struct neon_dot : neon {
  static constexpr std::string_view name = "neon_dot";
};

/// True if matrix products of many rows round activations to bfloat16.
template <class Arch>
inline constexpr bool rounds_to_bf16_v = std::is_base_of_v<avx512_amx_bf16, Arch>;

/// The archs of this translation unit, best first; `generic` is always last.
#if VLMT_HAS_AVX512_AMX && VLMT_HAS_AVX_VNNI
using compiled = TypeList<avx512_amx_bf16, avx512_vnni, avx512_amx_int8, avx512, avx2_vnni, avx2, generic>;
#elif VLMT_HAS_AVX512_AMX
using compiled = TypeList<avx512_amx_bf16, avx512_vnni, avx512_amx_int8, avx512, avx2, generic>;
#elif VLMT_HAS_AVX512_VNNI && VLMT_HAS_AVX_VNNI
using compiled = TypeList<avx512_vnni, avx512, avx2_vnni, avx2, generic>;
#elif VLMT_HAS_AVX512_VNNI
using compiled = TypeList<avx512_vnni, avx512, avx2, generic>;
#elif VLMT_HAS_AVX512
using compiled = TypeList<avx512, avx2, generic>;
#elif VLMT_HAS_AVX_VNNI
using compiled = TypeList<avx2_vnni, avx2, generic>;
#elif VLMT_HAS_AVX2
using compiled = TypeList<avx2, generic>;
#elif VLMT_HAS_NEON_DOT
using compiled = TypeList<neon_dot, neon, generic>;
#elif VLMT_HAS_NEON
using compiled = TypeList<neon, generic>;
#else
using compiled = TypeList<generic>;
#endif

namespace detail {

#if defined(__x86_64__)
/// Bit `bit` of register 0 to 3 (EAX, EBX, ECX, EDX) of a CPUID leaf. For features whose names clang 14 does not know.
inline bool cpuid_bit(unsigned leaf, unsigned subleaf, unsigned index, unsigned bit) noexcept {
  unsigned found[4] = {};
  return __get_cpuid_count(leaf, subleaf, &found[0], &found[1], &found[2], &found[3]) != 0 && (found[index] >> bit & 1);
}
inline bool has_avx2() noexcept {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && cpuid_bit(1, 0, 2, 29);  // F16C
}
#endif

template <class List>
struct Front;
template <class T, class... Ts>
struct Front<TypeList<T, Ts...>> {
  using type = T;
};
}  // namespace detail

/// The best arch of this translation unit.
using native = typename detail::Front<compiled>::type;

/// True if the processor at run time supports the instructions of Arch. Asks Linux for AMX permission if Arch needs it.
/// Only x86-64 is asked: on AArch64 the result is true, for neon_dot on a processor without it, too.
template <class Arch>
inline bool runs_here() noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool ok = true;
  if constexpr (std::is_base_of_v<avx2, Arch>) {
    ok = ok && detail::has_avx2();
  }
  if constexpr (std::is_same_v<avx2_vnni, Arch>) ok = ok && detail::cpuid_bit(7, 1, 0, 4);
  if constexpr (std::is_base_of_v<avx512, Arch>) {
    ok = ok && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  }
  if constexpr (std::is_base_of_v<avx512_vnni, Arch>) ok = ok && __builtin_cpu_supports("avx512vnni");
  if constexpr (std::is_base_of_v<avx512_amx_int8, Arch> || std::is_base_of_v<avx512_amx_bf16, Arch>) {
    ok = ok && tile_permission();
  }
  return ok;
#else
  return true;
#endif
}

}  // namespace arch

VLMT_END_NAMESPACE
