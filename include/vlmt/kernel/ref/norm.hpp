// Scalar row norms, with statistics in double.
#pragma once

#include <cmath>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/row_moments.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// 1 / sqrt(mean(x^2) + eps) of h values.
inline float rms_inverse(const float* x, std::size_t h, float eps) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < h; ++i) sum += static_cast<double>(x[i]) * x[i];
  return static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(h) + static_cast<double>(eps)));
}

/// y = x * inverse * weight.
inline void rms_apply(const float* x, const float* weight, float inverse, std::size_t count, float* y) noexcept {
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] * inverse * weight[i];
}

/// Mean and 1 / sqrt(variance + eps) of h values.
inline RowMoments layer_moments(const float* x, std::size_t h, float eps) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < h; ++i) sum += x[i];
  const double mean = sum / static_cast<double>(h);
  double squares = 0.0;
  for (std::size_t i = 0; i < h; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(h) + static_cast<double>(eps));
  return {static_cast<float>(mean), static_cast<float>(inverse)};
}

/// y = (x - mean) * inverse * weight + bias.
inline void layer_apply(const float* x, const float* weight, const float* bias, RowMoments s, std::size_t count,
                        float* y) noexcept {
  for (std::size_t i = 0; i < count; ++i) y[i] = (x[i] - s.mean) * s.inverse * weight[i] + bias[i];
}

}  // namespace ref

VLMT_END_NAMESPACE
