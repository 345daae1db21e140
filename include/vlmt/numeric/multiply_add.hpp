// Products that feed a sum, rounded the same way by every compiler.
#pragma once

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// a * b + c, rounded once where the target has a fused operation and twice elsewhere. An expression a * b + c leaves
/// this to the compiler: g++ fuses it even with -std=c++20, clang only within one expression, and -ffp-contract=off
/// forbids it.
VLMT_HD VLMT_INLINE float multiply_add(float a, float b, float c) noexcept {
#if defined(__CUDA_ARCH__)
  return fmaf(a, b, c);
#elif defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
VLMT_HD VLMT_INLINE double multiply_add(double a, double b, double c) noexcept {
#if defined(__CUDA_ARCH__)
  return fma(a, b, c);
#elif defined(__FMA__) || defined(__aarch64__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

VLMT_END_NAMESPACE
