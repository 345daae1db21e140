// Scalar norms of rows, with sums and moments in double.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/op/norm.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// Moments of h values by a norm policy.
template <class Norm, int Pass = 0>
RowMoments<double> row_moments(const Norm& norm, const float* x, std::size_t h,
                               RowMoments<double> moments = {}) noexcept {
  if constexpr (Pass == Norm::passes) {
    return moments;
  } else {
    double sum = 0.0;
    for (std::size_t i = 0; i < h; ++i) sum = norm.template term<Pass>(static_cast<double>(x[i]), sum, moments);
    return row_moments<Norm, Pass + 1>(norm, x, h, norm.template finish<Pass>(sum, h, moments));
  }
}

/// Columns [column, column + count) of the row; x and y point at `column` and may be equal.
template <class Norm>
void norm_columns(const Norm& norm, RowMoments<double> moments, const float* x, std::size_t column, std::size_t count,
                  float* y) noexcept {
  const RowMoments<> rounded{static_cast<float>(moments.mean), static_cast<float>(moments.inverse)};
  for (std::size_t i = 0; i < count; ++i) {
    y[i] = norm.apply(x[i], rounded, ParameterAt{column + i});
  }
}

}  // namespace ref

VLMT_END_NAMESPACE
