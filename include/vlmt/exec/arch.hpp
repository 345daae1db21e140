// Arch tags: one empty struct per instruction set, inheriting from the set that it falls back to.
//
// A kernel is a template over Arch. A header that has no version for an arch is found through the base class, so a
// missing kernel is slower, never wrong. Only archs that the compiler may emit in this translation unit are in
// arch::compiled; arch::native is the best of them.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/tile_permission.hpp"

VLMT_BEGIN_NAMESPACE

namespace arch {

/// Any processor: the baseline of the compiler's target (SSE2 on x86-64, NEON on AArch64).
struct generic {
  static constexpr std::string_view name = "generic";
  static constexpr std::size_t lanes = 4;  ///< float32 values of one vector
#if defined(__aarch64__)
  static constexpr std::size_t registers = 32;  ///< for vectors
#else
  static constexpr std::size_t registers = 16;
#endif
};

/// AVX2 with FMA and F16C.
struct avx2 : generic {
  static constexpr std::string_view name = "avx2";
  static constexpr std::size_t lanes = 8;
};

/// AVX2 with the VEX-coded dot products of bytes.
struct avx2_vnni : avx2 {
  static constexpr std::string_view name = "avx2_vnni";
};

/// AVX-512 F, BW, VL and DQ.
struct avx512 : avx2 {
  static constexpr std::string_view name = "avx512";
  static constexpr std::size_t lanes = 16;
  static constexpr std::size_t registers = 32;
};

/// AVX-512 with the dot products of bytes.
struct avx512_vnni : avx512 {
  static constexpr std::string_view name = "avx512_vnni";
};

/// The same with AMX, tiles of bytes: the same results. On request, as scales for every 32 values leave so much to
/// vector instructions that it is no faster (docs/performance.md).
struct avx512_amx_int8 : avx512_vnni {
  static constexpr std::string_view name = "avx512_amx_int8";
};

/// The same with AMX, tiles of bfloat16 for many rows: weights and activations are rounded to bfloat16 there, to bytes
/// only where rows are few.
struct avx512_amx_bf16 : avx512_vnni {
  static constexpr std::string_view name = "avx512_amx_bf16";
};

/// AArch64 NEON.
struct neon : generic {
  static constexpr std::string_view name = "neon";
};

/// NEON with the dot products of bytes.
struct neon_dot : neon {
  static constexpr std::string_view name = "neon_dot";
};

/// True if products of many rows take activations rounded to bfloat16.
template <class Arch>
inline constexpr bool rounds_to_bf16_v = std::is_base_of_v<avx512_amx_bf16, Arch>;

/// The archs that this translation unit may use, best first; `generic` always ends the list.
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
template <class List>
struct Front;
template <class T, class... Ts>
struct Front<TypeList<T, Ts...>> {
  using type = T;
};
}  // namespace detail

/// The best arch of this translation unit.
using native = typename detail::Front<compiled>::type;

/// True if the processor that runs this program has the instructions of Arch.
template <class Arch>
inline bool runs_here() noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool ok = true;
  if constexpr (std::is_base_of_v<avx2, Arch>) {
    ok = ok && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  }
  if constexpr (std::is_same_v<avx2_vnni, Arch>) ok = ok && __builtin_cpu_supports("avxvnni");
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
