// A norm of our own: rows divided by the mean of their magnitudes instead of by the root of the mean of their squares.
#pragma once

#include <cmath>
#include <cstddef>

#include <vlmt/kernel/epilogue.hpp>

struct MeanMagnitudeNorm {
  const float* weight = nullptr;
  float eps = 1e-6f;

  // What has to be known of the whole row x (h) before any of it can be written.
  template <class Arch>
  float stats(const float* x, std::size_t h) const noexcept {
    double sum = 0.0;
    for (std::size_t i = 0; i < h; ++i) sum += std::fabs(static_cast<double>(x[i]));
    return static_cast<float>(1.0 / (sum / static_cast<double>(h) + static_cast<double>(eps)));
  }
  // Columns [column, column + count); x and y point at the first of them.
  template <class Arch>
  void apply(float inverse, const float* x, std::size_t column, std::size_t count, float* y) const noexcept {
    using V = vlmt::ColumnVector<Arch>;
    const float* w = weight + column;
    vlmt::for_columns<Arch>(count, y, [&](auto load) { return load(x) * load(w) * V(inverse); });
  }
};
