// Softmax and sigmoid of rows on SIMD registers.
#pragma once

#include <cstddef>
#include <limits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// x = softmax(x) in place, over n > 0 finite values.
template <class Arch>
void softmax_row(float* x, std::size_t n) noexcept {
  using F = simd::Floats<Arch>;
  constexpr float lowest = -std::numeric_limits<float>::max();
  const std::size_t whole = n / F::lanes * F::lanes;
  float most = lowest;
  if (whole != 0) {
    F v(lowest);
    for (std::size_t i = 0; i < whole; i += F::lanes) v = max(v, F::load(x + i));
    most = reduce_max(v);
  }
  for (std::size_t i = whole; i < n; ++i) most = x[i] > most ? x[i] : most;
  double sum = 0.0;
  F partial = F::zero();
  for (std::size_t i = 0; i < whole; i += F::lanes) {
    const F e = exp(F::load(x + i) - F(most));
    e.store(x + i);
    partial += e;
  }
  sum += static_cast<double>(reduce_add(partial));
  if (whole < n) {
    exp(F::load(x + whole, n - whole) - F(most)).store(x + whole, n - whole);
    for (std::size_t i = whole; i < n; ++i) sum += static_cast<double>(x[i]);
  }
  const F inverse(static_cast<float>(1.0 / sum));
  for (std::size_t i = 0; i < whole; i += F::lanes) (F::load(x + i) * inverse).store(x + i);
  if (whole < n) (F::load(x + whole, n - whole) * inverse).store(x + whole, n - whole);
}

/// x = 1 / (1 + e^-x) in place, over n values.
template <class Arch>
void sigmoid_row(float* x, std::size_t n) noexcept {
  using F = simd::Floats<Arch>;
  std::size_t i = 0;
  for (; i + F::lanes <= n; i += F::lanes) simd::sigmoid(F::load(x + i)).store(x + i);
  if (i < n) simd::sigmoid(F::load(x + i, n - i)).store(x + i, n - i);
}

}  // namespace cpu

VLMT_END_NAMESPACE
