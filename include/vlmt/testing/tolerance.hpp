// Tolerances derived from the computation: lengths of sums, norms of operands, precision of types.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE
namespace testing {

/// The largest relative error of one rounding: half the distance between neighbouring values near 1.
inline constexpr double unit_float = 0x1p-24;

/// Largest error of a dot product of a (n) and b (n) in any order of additions, each rounded to a type of unit `u`: the
/// bound gamma_n sum |a_i b_i| of Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1.
inline double dot_tolerance(std::span<const float> a, std::span<const float> b, double u = unit_float) {
  double magnitude = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    magnitude += std::fabs(static_cast<double>(a[i]) * static_cast<double>(b[i]));
  const double n = static_cast<double>(a.size()) * u;
  return n / (1.0 - n) * magnitude;
}

/// Largest error in dot(a, b) from rounding b to int8 in groups of 32 with one scale each: half a step, at most 1 / 123
/// of the group's largest value, times |a|.
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

/// Largest error of `operations` successive roundings of a value of at most `magnitude`.
inline double chain_tolerance(std::size_t operations, double magnitude, double u = unit_float) {
  const double n = static_cast<double>(operations) * u;
  return n / (1.0 - n) * magnitude;
}

}  // namespace testing
VLMT_END_NAMESPACE
