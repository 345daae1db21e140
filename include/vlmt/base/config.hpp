// Build configuration: one macro per switch, always 0 or 1.
//
// The instruction set, assertion and OpenMP switches change the bodies of inline functions. They are part of the inline
// namespace VLMT_ABI, so objects compiled with different switches never share a symbol and can be linked into one
// program. Extensions outside the list below (AVX512-FP16, AVX512-BF16, FMA or F16C without AVX2) and AVX-VNNI next to
// AVX-512 are not part of it: objects that differ only in these must not be linked together.
#pragma once

/// 1: VLMT_ASSERT checks its condition (default). 0: it compiles to nothing.
#ifndef VLMT_ASSERTS
#define VLMT_ASSERTS 1
#endif

/// 1: VLMT_DASSERT, for checks too slow for release builds, is enabled; needs VLMT_ASSERTS.
#ifndef VLMT_DASSERTS
#define VLMT_DASSERTS 0
#endif

/// 1: common template instances are linked from a library (target vlmt_instances) instead of compiled again.
#ifndef VLMT_EXTERN_INSTANCES
#define VLMT_EXTERN_INSTANCES 0
#endif

/// 1: long non-template functions are linked from that library, too.
#ifndef VLMT_EXTERN_BODIES
#define VLMT_EXTERN_BODIES 0
#endif

/// 1 in the library sources that compile those functions.
#ifndef VLMT_DEFINE_BODIES
#define VLMT_DEFINE_BODIES 0
#endif

/// VLMT_BODY precedes each long non-template function. Constructors are excluded: compilers differ in which of their
/// symbols they emit here. VLMT_HAS_BODIES guards the definitions and the includes that only they need.
#if !VLMT_EXTERN_BODIES
#define VLMT_HAS_BODIES 1
#define VLMT_BODY       inline
#elif VLMT_DEFINE_BODIES
#define VLMT_HAS_BODIES 1
#define VLMT_BODY       __attribute__((used)) inline
#else
#define VLMT_HAS_BODIES 0
#endif

#if defined(_OPENMP)
#define VLMT_HAS_OPENMP 1
#else
#define VLMT_HAS_OPENMP 0
#endif

#if defined(__CUDACC__)
#define VLMT_HAS_CUDACC 1
#else
#define VLMT_HAS_CUDACC 0
#endif

// Instruction sets that the compiler may use in this translation unit; exec/arch.hpp derives its arch tags from these.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#define VLMT_HAS_AVX512 1
#else
#define VLMT_HAS_AVX512 0
#endif
#if VLMT_HAS_AVX512 && defined(__AVX512VNNI__)
#define VLMT_HAS_AVX512_VNNI 1
#else
#define VLMT_HAS_AVX512_VNNI 0
#endif
#if VLMT_HAS_AVX512_VNNI && defined(__AMX_TILE__) && defined(__AMX_INT8__) && defined(__AMX_BF16__)
#define VLMT_HAS_AVX512_AMX 1
#else
#define VLMT_HAS_AVX512_AMX 0
#endif
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define VLMT_HAS_AVX2 1
#else
#define VLMT_HAS_AVX2 0
#endif
#if VLMT_HAS_AVX2 && defined(__AVXVNNI__)
#define VLMT_HAS_AVX_VNNI 1
#else
#define VLMT_HAS_AVX_VNNI 0
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
#define VLMT_HAS_NEON 1
#else
#define VLMT_HAS_NEON 0
#endif
#if VLMT_HAS_NEON && defined(__ARM_FEATURE_DOTPROD)
#define VLMT_HAS_NEON_DOT 1
#else
#define VLMT_HAS_NEON_DOT 0
#endif

#define VLMT_DETAIL_CAT2(a, b) a##b
#define VLMT_DETAIL_CAT(a, b)  VLMT_DETAIL_CAT2(a, b)

#if VLMT_HAS_AVX512_AMX
#define VLMT_DETAIL_ISA avx512amx
#elif VLMT_HAS_AVX512_VNNI
#define VLMT_DETAIL_ISA avx512vnni
#elif VLMT_HAS_AVX512
#define VLMT_DETAIL_ISA avx512
#elif VLMT_HAS_AVX_VNNI
#define VLMT_DETAIL_ISA avxvnni
#elif VLMT_HAS_AVX2
#define VLMT_DETAIL_ISA avx2
#elif VLMT_HAS_NEON_DOT
#define VLMT_DETAIL_ISA neondot
#elif VLMT_HAS_NEON
#define VLMT_DETAIL_ISA neon
#else
#define VLMT_DETAIL_ISA generic
#endif

// abi_<isa>_a<asserts>d<debug asserts>o<OpenMP>
#define VLMT_ABI                                                                                              \
  VLMT_DETAIL_CAT(VLMT_DETAIL_CAT(VLMT_DETAIL_CAT(VLMT_DETAIL_CAT(abi_, VLMT_DETAIL_ISA), _a), VLMT_ASSERTS), \
                  VLMT_DETAIL_CAT(VLMT_DETAIL_CAT(d, VLMT_DASSERTS), VLMT_DETAIL_CAT(o, VLMT_HAS_OPENMP)))

/// Open and close `namespace vlmt` and the inline namespace of the configuration.
#define VLMT_BEGIN_NAMESPACE \
  namespace vlmt {           \
  inline namespace VLMT_ABI {
#define VLMT_END_NAMESPACE \
  }                        \
  }

#if defined(__GNUC__) || defined(__clang__)
#define VLMT_INLINE inline __attribute__((always_inline))
/// For lambdas; goes after the parameter list.
#define VLMT_INLINE_LAMBDA __attribute__((always_inline))
#define VLMT_NOINLINE      __attribute__((noinline))
#define VLMT_RESTRICT      __restrict__
#else
#define VLMT_INLINE inline
#define VLMT_INLINE_LAMBDA
#define VLMT_NOINLINE
#define VLMT_RESTRICT
#endif

/// Precedes a loop with a small constant trip count whose arrays must be kept in registers.
#if defined(__clang__)
#define VLMT_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define VLMT_UNROLL _Pragma("GCC unroll 32")
#else
#define VLMT_UNROLL
#endif
