// Build configuration: one macro per switch, always 0 or 1.
//
// The instructions that the compiler may use, reordered arithmetic (-ffast-math), and the switches below for
// assertions, OpenMP, exceptions and generic code change the bodies of inline functions. All of them are part of the
// inline namespace VLMT_ABI. So objects compiled with different -march or -m flags or different switches never share a
// symbol of vlmt, and a program and its instances (cmake/VlmtInstances.cmake) that differ do not link. Inline functions
// of the standard library may still be shared: cmake/VlmtArches.cmake builds one program per instruction set for that
// reason. Not part of it are flags without a predefined macro: -O, -mtune, -mprefer-vector-width, and -ffp-contract,
// which kernels do not depend on (docs/numerics.md).
#pragma once

#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "vlmt relies on NaN and infinities, which -ffast-math and -ffinite-math-only remove: add -fno-finite-math-only"
#endif

#if defined(__clang__) && !defined(__apple_build_version__) && __clang_major__ < 14
#error "vlmt needs clang 14 or later"
#endif

/// 1: VLMT_ASSERT checks its condition (default). 0: it compiles to nothing.
#ifndef VLMT_ASSERTS
#define VLMT_ASSERTS 1
#endif

/// 1: VLMT_DASSERT, for checks too slow for release builds, is enabled; needs VLMT_ASSERTS.
#ifndef VLMT_DASSERTS
#define VLMT_DASSERTS 0
#endif

/// 1: code for baseline x86-64 is intended, and does not warn on a processor with AVX2 (exec/generic_warning.hpp).
#ifndef VLMT_ALLOW_GENERIC
#define VLMT_ALLOW_GENERIC 0
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

/// 0: -fno-exceptions. Kernels and what they are made of (base, numeric, quant, tensor, exec, kernel) then report
/// errors through the assertion handler and abort.
#if defined(__cpp_exceptions)
#define VLMT_HAS_EXCEPTIONS 1
#else
#define VLMT_HAS_EXCEPTIONS 0
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

// VLMT_DETAIL_BIT(macro): 1 if the macro is defined as 1, else 0.
#define VLMT_DETAIL_PLACE_1               0,
#define VLMT_DETAIL_SECOND(a, b, ...)     b
#define VLMT_DETAIL_BIT_OF(junk_or_place) VLMT_DETAIL_SECOND(junk_or_place 1, 0, 0)
#define VLMT_DETAIL_BIT_CAT(value)        VLMT_DETAIL_BIT_OF(VLMT_DETAIL_PLACE_##value)
#define VLMT_DETAIL_BIT(macro)            VLMT_DETAIL_BIT_CAT(macro)

// VLMT_DETAIL_DIGIT(a, b, c, d): four such bits as a hexadecimal digit.
#define VLMT_DETAIL_DIGIT_0000           0
#define VLMT_DETAIL_DIGIT_0001           1
#define VLMT_DETAIL_DIGIT_0010           2
#define VLMT_DETAIL_DIGIT_0011           3
#define VLMT_DETAIL_DIGIT_0100           4
#define VLMT_DETAIL_DIGIT_0101           5
#define VLMT_DETAIL_DIGIT_0110           6
#define VLMT_DETAIL_DIGIT_0111           7
#define VLMT_DETAIL_DIGIT_1000           8
#define VLMT_DETAIL_DIGIT_1001           9
#define VLMT_DETAIL_DIGIT_1010           a
#define VLMT_DETAIL_DIGIT_1011           b
#define VLMT_DETAIL_DIGIT_1100           c
#define VLMT_DETAIL_DIGIT_1101           d
#define VLMT_DETAIL_DIGIT_1110           e
#define VLMT_DETAIL_DIGIT_1111           f
#define VLMT_DETAIL_CAT5_(a, b, c, d, e) a##b##c##d##e
#define VLMT_DETAIL_CAT5(a, b, c, d, e)  VLMT_DETAIL_CAT5_(a, b, c, d, e)
#define VLMT_DETAIL_DIGIT_OF(a, b, c, d) VLMT_DETAIL_CAT5(VLMT_DETAIL_DIGIT_, a, b, c, d)
#define VLMT_DETAIL_DIGIT(a, b, c, d) \
  VLMT_DETAIL_DIGIT_OF(VLMT_DETAIL_BIT(a), VLMT_DETAIL_BIT(b), VLMT_DETAIL_BIT(c), VLMT_DETAIL_BIT(d))

// Every extension that compilers use without being asked or that vlmt uses, four a digit. They contain the levels of
// the psABI (x86-64-v2, -v3, -v4).
#if defined(__x86_64__)
#define VLMT_DETAIL_EXTENSIONS_1                                                                               \
  VLMT_DETAIL_CAT5(VLMT_DETAIL_DIGIT(__SSE3__, __SSSE3__, __SSE4_1__, __SSE4_2__),                             \
                   VLMT_DETAIL_DIGIT(__POPCNT__, __LAHF_SAHF__, __GCC_HAVE_SYNC_COMPARE_AND_SWAP_16, __ADX__), \
                   VLMT_DETAIL_DIGIT(__AVX__, __AVX2__, __FMA__, __F16C__),                                    \
                   VLMT_DETAIL_DIGIT(__BMI__, __BMI2__, __LZCNT__, __MOVBE__),                                 \
                   VLMT_DETAIL_DIGIT(__SSE4A__, __XOP__, __FMA4__, __TBM__))
#define VLMT_DETAIL_EXTENSIONS_2                                                                             \
  VLMT_DETAIL_CAT5(VLMT_DETAIL_DIGIT(__AVX512F__, __AVX512BW__, __AVX512CD__, __AVX512DQ__),                 \
                   VLMT_DETAIL_DIGIT(__AVX512VL__, __AVX512IFMA__, __AVX512VBMI__, __AVX512VBMI2__),         \
                   VLMT_DETAIL_DIGIT(__AVX512VNNI__, __AVX512BITALG__, __AVX512VPOPCNTDQ__, __AVX512BF16__), \
                   VLMT_DETAIL_DIGIT(__AVX512FP16__, __AMX_TILE__, __AMX_INT8__, __AMX_BF16__),              \
                   VLMT_DETAIL_DIGIT(__AVXVNNI__, __GFNI__, __AVX10_1__, __APX_F__))
#define VLMT_DETAIL_EXTENSIONS_3                                                                       \
  VLMT_DETAIL_CAT(VLMT_DETAIL_DIGIT(__AVXVNNIINT8__, __AVXVNNIINT16__, __AVXNECONVERT__, __AVX10_2__), \
                  VLMT_DETAIL_DIGIT(__CMPCCXADD__, __PRFCHW__, __PCLMUL__, __AVXIFMA__))
#else
#define VLMT_DETAIL_EXTENSIONS_1                                                                               \
  VLMT_DETAIL_CAT5(                                                                                            \
      VLMT_DETAIL_DIGIT(__ARM_FEATURE_DOTPROD, __ARM_FEATURE_FP16_VECTOR_ARITHMETIC, __ARM_FEATURE_FP16_FML,   \
                        __ARM_FEATURE_QRDMX),                                                                  \
      VLMT_DETAIL_DIGIT(__ARM_FEATURE_MATMUL_INT8, __ARM_FEATURE_BF16, __ARM_FEATURE_SVE, __ARM_FEATURE_SVE2), \
      VLMT_DETAIL_DIGIT(__ARM_FEATURE_ATOMICS, __ARM_FEATURE_CRC32, __ARM_FEATURE_JCVT, __ARM_FEATURE_FRINT),  \
      VLMT_DETAIL_DIGIT(__ARM_FEATURE_SHA3, __ARM_FEATURE_COMPLEX, __ARM_FEATURE_SME, __ARM_FEATURE_MOPS), )
#define VLMT_DETAIL_EXTENSIONS_2
#define VLMT_DETAIL_EXTENSIONS_3
#endif

// Arithmetic that the compiler may reorder. For clang, __NO_MATH_ERRNO__ is all that -ffast-math -fno-finite-math-only
// defines.
#define VLMT_DETAIL_ARITHMETIC \
  VLMT_DETAIL_DIGIT(__ASSOCIATIVE_MATH__, __RECIPROCAL_MATH__, __NO_SIGNED_ZEROS__, __NO_MATH_ERRNO__)

// abi_<isa>_<extensions>f<arithmetic>_a<asserts>d<debug asserts>o<OpenMP>e<exceptions>g<generic allowed>
#define VLMT_DETAIL_TARGET                                                                                 \
  VLMT_DETAIL_CAT(VLMT_DETAIL_CAT5(VLMT_DETAIL_ISA, _, VLMT_DETAIL_EXTENSIONS_1, VLMT_DETAIL_EXTENSIONS_2, \
                                   VLMT_DETAIL_EXTENSIONS_3),                                              \
                  VLMT_DETAIL_CAT(f, VLMT_DETAIL_ARITHMETIC))
#define VLMT_DETAIL_SWITCHES                                              \
  VLMT_DETAIL_CAT(VLMT_DETAIL_CAT5(a, VLMT_ASSERTS, d, VLMT_DASSERTS, o), \
                  VLMT_DETAIL_CAT5(VLMT_HAS_OPENMP, e, VLMT_HAS_EXCEPTIONS, g, VLMT_ALLOW_GENERIC))
#define VLMT_ABI VLMT_DETAIL_CAT5(abi_, VLMT_DETAIL_TARGET, _, VLMT_DETAIL_SWITCHES, )

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

/// Precedes functions that device code calls, too. Without nvcc it is empty.
#if defined(__CUDACC__)
#define VLMT_HD __host__ __device__
#else
#define VLMT_HD
#endif

/// Precedes a loop with a small constant trip count whose arrays must be kept in registers.
#if defined(__clang__)
#define VLMT_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define VLMT_UNROLL _Pragma("GCC unroll 32")
#else
#define VLMT_UNROLL
#endif
