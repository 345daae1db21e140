// Sums of rows on SIMD registers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// y += x over h values.
template <class Arch>
void add_row(const float* x, std::size_t h, float* y) noexcept {
  using F = simd::Floats<Arch>;
  std::size_t i = 0;
  for (; i + F::lanes <= h; i += F::lanes) (F::load(y + i) + F::load(x + i)).store(y + i);
  for (; i < h; ++i) y[i] += x[i];
}

/// y[i] += sum over j < k of weights[j] * x[rows[j] * stride + i], for i < count.
template <class Arch>
void add_weighted_row(const float* x, std::size_t stride, const std::int32_t* rows, const float* weights, std::size_t k,
                      std::size_t count, float* y) noexcept {
  using F = simd::Floats<Arch>;
  for (std::size_t i = 0; i < count; i += F::lanes) {
    const std::size_t n = count - i < F::lanes ? count - i : F::lanes;
    F sum = F::zero();
    for (std::size_t j = 0; j < k; ++j) {
      const float* row = x + static_cast<std::size_t>(rows[j]) * stride + i;
      sum = fma(F(weights[j]), n == F::lanes ? F::load(row) : F::load(row, n), sum);
    }
    if (n == F::lanes) {
      (F::load(y + i) + sum).store(y + i);
    } else {
      (F::load(y + i, n) + sum).store(y + i, n);
    }
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
