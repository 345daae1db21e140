// Arithmetic of scalars under the names that SIMD vectors use, so that the body of a policy is written once:
//
//   template <class V>
//   static VLMT_HD V apply(V x) noexcept {
//     using vlmt::arithmetic::exp, vlmt::arithmetic::number;
//     return x / (number<V>(1.0) + exp(-x));
//   }
//
// V is double (references), float (device code) or a SIMD vector, whose functions are found by argument-dependent
// lookup. Name what is used: outside of namespace vlmt a `using namespace` meets the functions of <cmath>.
#pragma once

#include <cmath>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/multiply_add.hpp"

VLMT_BEGIN_NAMESPACE

namespace arithmetic {

/// The constant c as a V, rounded to float unless V is double.
template <class V>
VLMT_HD VLMT_INLINE V number(double c) noexcept {
  if constexpr (std::is_same_v<V, double>) {
    return c;
  } else {
    return V(static_cast<float>(c));
  }
}

VLMT_HD VLMT_INLINE double exp(double x) noexcept {
  return std::exp(x);
}
VLMT_HD VLMT_INLINE float exp(float x) noexcept {
  return std::exp(x);
}
VLMT_HD VLMT_INLINE double abs(double x) noexcept {
  return std::fabs(x);
}
VLMT_HD VLMT_INLINE float abs(float x) noexcept {
  return std::fabs(x);
}
/// a if neither is less, as where b is NaN.
VLMT_HD VLMT_INLINE double min(double a, double b) noexcept {
  return b < a ? b : a;
}
VLMT_HD VLMT_INLINE float min(float a, float b) noexcept {
  return b < a ? b : a;
}
VLMT_HD VLMT_INLINE double select(bool condition, double yes, double no) noexcept {
  return condition ? yes : no;
}
VLMT_HD VLMT_INLINE float select(bool condition, float yes, float no) noexcept {
  return condition ? yes : no;
}
/// a * b + c.
VLMT_HD VLMT_INLINE double fma(double a, double b, double c) noexcept {
  return multiply_add(a, b, c);
}
VLMT_HD VLMT_INLINE float fma(float a, float b, float c) noexcept {
  return multiply_add(a, b, c);
}
/// erfc(z) / 2 for z >= 0.
VLMT_HD VLMT_INLINE double half_erfc(double z) noexcept {
  return 0.5 * std::erfc(z);
}
VLMT_HD VLMT_INLINE float half_erfc(float z) noexcept {
  return 0.5f * std::erfc(z);
}

}  // namespace arithmetic

VLMT_END_NAMESPACE
