// A custom norm: divides rows by their mean magnitude instead of their root mean square.
#pragma once

#include <cmath>
#include <cstddef>

#include <vlmt/kernel/epilogue.hpp>

struct MeanMagnitudeNorm {
  const float* weight = nullptr;
  float eps = 1e-6f;

  // Statistics of the whole row x (h), needed before any column is written.
  template <class Arch>
  float stats(const float* x, std::size_t h) const noexcept {
    double sum = 0.0;
    for (std::size_t i = 0; i < h; ++i) sum += std::fabs(static_cast<double>(x[i]));
    return static_cast<float>(1.0 / (sum / static_cast<double>(h) + static_cast<double>(eps)));
  }
  // Columns [column, column + count); x and y point at the first.
  template <class Arch>
  void apply(float inverse, const float* x, std::size_t column, std::size_t count, float* y) const noexcept {
    using V = vlmt::ColumnVector<Arch>;
    const float* w = weight + column;
    vlmt::for_columns<Arch>(count, y, [&](auto load) { return load(x) * load(w) * V(inverse); });
  }
};
