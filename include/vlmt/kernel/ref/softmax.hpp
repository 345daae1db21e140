// Scalar softmax, sigmoid and argmax of rows.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// p = softmax(p) over n > 0 values.
inline void softmax_row(float* p, std::size_t n) noexcept {
  double most = static_cast<double>(p[0]);
  for (std::size_t i = 1; i < n; ++i) most = std::fmax(most, static_cast<double>(p[i]));
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(p[i]) - most);
  for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<float>(std::exp(static_cast<double>(p[i]) - most) / sum);
}

/// p = 1 / (1 + e^-p) for n values.
inline void sigmoid_row(float* p, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(p[i]))));
}

/// The lowest index of the largest of n > 0 values, none of them NaN.
inline std::size_t argmax_lane(const float* x, std::size_t n) noexcept {
  std::size_t best = 0;
  for (std::size_t i = 1; i < n; ++i) best = x[i] > x[best] ? i : best;
  return best;
}

}  // namespace ref

VLMT_END_NAMESPACE
