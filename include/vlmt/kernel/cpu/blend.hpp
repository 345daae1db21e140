// Weighted sums of two rows: results of attention over parts of the keys.
#pragma once

#include <algorithm>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// y = a * of_a + b * of_b over n values; y may be a or b.
template <class Arch>
void blend_rows(const float* a, float of_a, const float* b, float of_b, std::size_t n, float* y) noexcept {
  using F = simd::Floats<Arch>;
  for (std::size_t i = 0; i < n; i += F::lanes) {
    const std::size_t part = std::min<std::size_t>(F::lanes, n - i);
    const F first = part == F::lanes ? F::load(a + i) : F::load(a + i, part);
    const F second = part == F::lanes ? F::load(b + i) : F::load(b + i, part);
    const F sum = fma(second, F(of_b), first * F(of_a));
    if (part == F::lanes) {
      sum.store(y + i);
    } else {
      sum.store(y + i, part);
    }
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
