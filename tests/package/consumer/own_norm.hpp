// A custom norm: divides rows by their mean magnitude instead of their root mean square.
#pragma once

#include <cstddef>

#include <vlmt/op/norm.hpp>

struct MeanMagnitudeNorm {
  static constexpr int passes = 1;
  const float* weight = nullptr;
  float eps = 1e-6f;

  // sum plus the term of x; x is a number or a vector of them.
  template <int Pass, class V, class T>
  VLMT_HD V term(V x, V sum, vlmt::RowMoments<T>) const noexcept {
    using vlmt::arithmetic::abs;
    return sum + abs(x);
  }
  // What a pass over h values has found.
  template <int Pass, class T>
  VLMT_HD vlmt::RowMoments<T> finish(double sum, std::size_t h, vlmt::RowMoments<T>) const noexcept {
    return {T(0), static_cast<T>(1.0 / (sum / static_cast<double>(h) + static_cast<double>(eps)))};
  }
  // An element, or a vector of them; load(p) loads p at its column.
  template <class V, class Load>
  VLMT_HD V apply(V x, vlmt::RowMoments<> m, const Load& load) const noexcept {
    return x * load(weight) * V(m.inverse);
  }
};
