// Rotary position embedding of heads on SIMD registers.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/ref/rope.hpp"
#include "vlmt/op/rope_policy.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Rotates the first 2 * half elements of a head in place; cos_sin holds half cosines, then half sines. Only RopeHalves
/// is vectorised: adjacent pairs would need shuffles, and the rotation costs little next to the matmul that computes
/// the head.
template <class Arch, class Pairing>
void rope_apply(const float* cos_sin, std::size_t half, float* x) noexcept {
  if constexpr (std::is_same_v<Pairing, RopeHalves>) {
    using F = simd::Floats<Arch>;
    std::size_t i = 0;
    for (; i < half; i += F::lanes) {
      const std::size_t n = half - i < F::lanes ? half - i : F::lanes;
      if (n == F::lanes) {
        const F a = F::load(x + i), b = F::load(x + half + i);
        const F c = F::load(cos_sin + i), s = F::load(cos_sin + half + i);
        fnma(b, s, a * c).store(x + i);
        fma(a, s, b * c).store(x + half + i);
      } else {
        const F a = F::load(x + i, n), b = F::load(x + half + i, n);
        const F c = F::load(cos_sin + i, n), s = F::load(cos_sin + half + i, n);
        fnma(b, s, a * c).store(x + i, n);
        fma(a, s, b * c).store(x + half + i, n);
      }
    }
  } else {
    ref::rope_apply<Pairing>(cos_sin, half, x);
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
