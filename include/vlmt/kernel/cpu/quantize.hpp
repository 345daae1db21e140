// 32 floats to an int8 group, on SIMD registers and scalar.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/int8_group.hpp"
#include "vlmt/kernel/reference.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// scale = max |x| / 127, q = x / scale rounded to nearest, ties to even. Zeros, and groups so small that 127 / max |x|
/// overflows, give zeros. Bit-equal on every arch.
template <class Arch>
VLMT_INLINE void quantize_group(const float* x, Int8Group& out) noexcept {
  constexpr float smallest = 127.0f / 3.4e38f;
  if constexpr (is_reference_v<Arch>) {
    float largest = 0.0f;
    for (std::size_t i = 0; i < Int8Group::values; ++i) largest = std::fmax(largest, std::fabs(x[i]));
    const bool some = largest > smallest;
    const float inverse = some ? 127.0f / largest : 0.0f;
    out.scale = some ? largest / 127.0f : 0.0f;
    for (std::size_t h = 0; h < 2; ++h) {
      std::int32_t sum = 0;
      for (std::size_t i = 16 * h; i < 16 * h + 16; ++i) {
        out.q[i] = static_cast<std::int8_t>(std::nearbyint(x[i] * inverse));
        sum += out.q[i];
      }
      out.minus_half[h] = -sum;
    }
  } else {
    using F = simd::Floats<Arch>;
    using I = simd::Ints<Arch>;
    constexpr std::size_t lanes = F::lanes;
    static_assert(Int8Group::values / 2 % lanes == 0);
    F largest = abs(F::load(x));
    for (std::size_t i = lanes; i < Int8Group::values; i += lanes) largest = max(largest, abs(F::load(x + i)));
    const float top = reduce_max(largest);
    const bool some = top > smallest;
    const F inverse(some ? 127.0f / top : 0.0f);
    out.scale = some ? top / 127.0f : 0.0f;
    for (std::size_t h = 0; h < 2; ++h) {
      I sum(0);
      for (std::size_t i = 16 * h; i < 16 * h + 16; i += lanes) {
        const I q = to_int(F::load(x + i) * inverse);
        q.store(out.q + i);
        sum += q;
      }
      out.minus_half[h] = -reduce_add(sum);
    }
  }
  out.minus_sum = out.minus_half[0] + out.minus_half[1];
}

}  // namespace cpu

VLMT_END_NAMESPACE
