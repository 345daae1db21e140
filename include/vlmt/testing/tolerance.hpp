// Tolerances that follow from what is computed: lengths of sums, norms of operands, precision of types. No literals.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE
namespace testing {

/// Half the distance of neighbouring values near 1: the largest relative error of one rounding.
inline constexpr double unit_float = 0x1p-24;
inline constexpr double unit_float16 = 0x1p-11;
inline constexpr double unit_bfloat16 = 0x1p-8;

/// Largest error of a sum of n products in any order of additions, each rounded to a type of unit `u`: the bound
/// gamma_n sum |a_i b_i| of Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1.
inline double dot_tolerance(std::span<const float> a, std::span<const float> b, double u = unit_float) {
  double magnitude = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    magnitude += std::fabs(static_cast<double>(a[i]) * static_cast<double>(b[i]));
  const double n = static_cast<double>(a.size()) * u;
  return n / (1.0 - n) * magnitude;
}

/// Largest error that rounding b to int8 in groups of 32, with one scale for each, adds to its product with a: half a
/// step of at most 1 / 123 of the group's largest value, times |a|.
inline double int8_tolerance(std::span<const float> a, std::span<const float> b) {
  double bound = 0.0;
  for (std::size_t begin = 0; begin < b.size(); begin += 32) {
    const std::size_t end = begin + 32 < b.size() ? begin + 32 : b.size();
    double largest = 0.0, weights = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      largest = std::fmax(largest, std::fabs(static_cast<double>(b[i])));
      weights += std::fabs(static_cast<double>(a[i]));
    }
    bound += weights * largest / 123.0 * 0.5;
  }
  return bound;
}

/// Largest error of `operations` roundings one after the other on a value of magnitude at most `magnitude`.
inline double chain_tolerance(std::size_t operations, double magnitude, double u = unit_float) {
  const double n = static_cast<double>(operations) * u;
  return n / (1.0 - n) * magnitude;
}

}  // namespace testing
VLMT_END_NAMESPACE
