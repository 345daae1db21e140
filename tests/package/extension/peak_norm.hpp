// A norm of our own: divides by the largest magnitude of the row instead of by its root mean square.
#pragma once

#include <cstddef>

#include <vlmt/kernel/cpu/simd.hpp>
#include <vlmt/kernel/reference.hpp>

namespace lab {

struct PeakNorm {
  const float* weight = nullptr;
  float eps = 1e-6f;

  template <class Arch>
  float stats(const float* x, std::size_t h) const noexcept {
    float peak = 0;
    for (std::size_t i = 0; i < h; ++i) peak = x[i] > peak ? x[i] : -x[i] > peak ? -x[i] : peak;
    return 1 / (peak + eps);
  }
  template <class Arch>
  void apply(float inverse, const float* x, std::size_t column, std::size_t count, float* y) const noexcept {
    std::size_t i = 0;
    if constexpr (!vlmt::is_reference_v<Arch>) {
      using F = vlmt::simd::Floats<Arch>;
      for (; i + Arch::lanes <= count; i += Arch::lanes) {
        (F::load(x + i) * F(inverse) * F::load(weight + column + i)).store(y + i);
      }
    }
    for (; i < count; ++i) y[i] = x[i] * inverse * weight[column + i];
  }
};

}  // namespace lab
