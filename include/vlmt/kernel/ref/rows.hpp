// Scalar sums of rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// y += x over h values.
inline void add_row(const float* x, std::size_t h, float* y) noexcept {
  for (std::size_t i = 0; i < h; ++i) y[i] += x[i];
}

/// y += sum over j < k of weights[j] * x[rows[j] * stride ...], over `count` values; the sum is in double.
inline void add_weighted_row(const float* x, std::size_t stride, const std::int32_t* rows, const float* weights,
                             std::size_t k, std::size_t count, float* y) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < k; ++j) {
      sum += static_cast<double>(weights[j]) * static_cast<double>(x[static_cast<std::size_t>(rows[j]) * stride + i]);
    }
    y[i] = static_cast<float>(static_cast<double>(y[i]) + sum);
  }
}

}  // namespace ref

VLMT_END_NAMESPACE
