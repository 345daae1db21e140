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
#include <cstdint>
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
/// a if neither is greater, as where b is NaN.
VLMT_HD VLMT_INLINE double max(double a, double b) noexcept {
  return b > a ? b : a;
}
VLMT_HD VLMT_INLINE float max(float a, float b) noexcept {
  return b > a ? b : a;
}
VLMT_HD VLMT_INLINE double floor(double x) noexcept {
  return std::floor(x);
}
VLMT_HD VLMT_INLINE float floor(float x) noexcept {
  return std::floor(x);
}
VLMT_HD VLMT_INLINE double tanh(double x) noexcept {
  return std::tanh(x);
}
VLMT_HD VLMT_INLINE float tanh(float x) noexcept {
  return std::tanh(x);
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
/// table[index] for an index that is a whole number: one load for each lane of a vector.
VLMT_HD VLMT_INLINE double lookup(const float* table, double index) noexcept {
  return static_cast<double>(table[static_cast<std::int32_t>(index)]);
}
VLMT_HD VLMT_INLINE float lookup(const float* table, float index) noexcept {
  return table[static_cast<std::int32_t>(index)];
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
