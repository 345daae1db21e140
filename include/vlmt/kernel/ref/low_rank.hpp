// Scalar low-rank deltas, accumulating in double.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/op/low_rank.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// The sum of a[i] * x[i] over n values.
template <class T>
float dot_row(const T* a, const float* x, std::size_t n) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(static_cast<float>(a[i])) * static_cast<double>(x[i]);
  return static_cast<float>(sum);
}

/// y = v + sum over i < rank of t[i] * up[i, c], for the first n columns c of a panel (rank, low_rank_panel).
template <class T>
void add_low_rank(const float* v, const float* t, const T* up, std::size_t rank, std::size_t n, float* y) noexcept {
  for (std::size_t c = 0; c < n; ++c) {
    double sum = static_cast<double>(v[c]);
    for (std::size_t i = 0; i < rank; ++i) {
      sum += static_cast<double>(t[i]) * static_cast<double>(static_cast<float>(up[i * low_rank_panel + c]));
    }
    y[c] = static_cast<float>(sum);
  }
}

}  // namespace ref

VLMT_END_NAMESPACE
