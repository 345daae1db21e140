// Argmax of a row on SIMD registers.
#pragma once

#include <cstddef>
#include <limits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Index of the largest of n > 0 values, the lowest on ties. No value may be NaN.
template <class Arch>
std::size_t argmax_lane(const float* x, std::size_t n) noexcept {
  using F = simd::Floats<Arch>;
  F most(-std::numeric_limits<float>::infinity());
  std::size_t i = 0;
  for (; i + F::lanes <= n; i += F::lanes) most = max(most, F::load(x + i));
  float largest = reduce_max(most);
  for (; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  std::size_t at = 0;
  while (at + 1 < n && x[at] != largest) ++at;
  return at;
}

}  // namespace cpu

VLMT_END_NAMESPACE
