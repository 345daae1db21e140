// 32 floats to an int8 group, on SIMD registers and scalar.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/unroll.hpp"
#include "vlmt/kernel/int8_group.hpp"
#include "vlmt/kernel/reference.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// What the largest value of a group may become. Each is tried: the largest step is not always the one that fits the
/// other 31 values best, and to try three takes 4 to 6 percent from the error.
inline constexpr float int8_tops[] = {127.0f, 125.0f, 123.0f};

/// Squares of rounding errors are compared as whole numbers of 1 / error_unit steps, so that no order of summation
/// changes the choice: 32 squares of at most (error_unit / 2)^2 are exact in a float.
inline constexpr float error_unit = 1024.0f;

/// Keeps the top with the smallest squared error; `squares` is in steps of the top that is offered.
struct BestTop {
  float top = 0.0f;
  float error = 0.0f;
  VLMT_INLINE void offer(float candidate, float squares) noexcept {
    const float e = squares / (candidate * candidate);
    if (top == 0.0f || e < error) {
      top = candidate;
      error = e;
    }
  }
};

}  // namespace detail

/// q = x / scale rounded to nearest, ties to even, with the scale out of max |x| / detail::int8_tops that gives the
/// smallest squared error. Zeros, and groups so small that 127 / max |x| overflows, give zeros. Bit-equal on every
/// arch.
template <class Arch>
VLMT_INLINE void quantize_group(const float* x, Int8Group& out) noexcept {
  constexpr float smallest = 127.0f / 3.4e38f;
  detail::BestTop best;
  if constexpr (is_reference_v<Arch>) {
    float largest = 0.0f;
    for (std::size_t i = 0; i < Int8Group::values; ++i) largest = std::fmax(largest, std::fabs(x[i]));
    const bool some = largest > smallest;
    for (const float top : detail::int8_tops) {
      const float inverse = some ? top / largest : 0.0f;
      float squares = 0.0f;
      for (std::size_t i = 0; i < Int8Group::values; ++i) {
        const float scaled = x[i] * inverse;
        const float error = std::nearbyint((scaled - std::nearbyint(scaled)) * detail::error_unit);
        squares += error * error;
      }
      best.offer(top, squares);
    }
    const float inverse = some ? best.top / largest : 0.0f;
    out.scale = some ? largest / best.top : 0.0f;
    for (std::size_t h = 0; h < 2; ++h) {
      std::int32_t sum = 0;
      for (std::size_t i = 16 * h; i < 16 * h + 16; ++i) {
        out.q[i] = static_cast<std::int8_t>(std::nearbyint(x[i] * inverse));
        sum += out.q[i];
      }
      out.minus_half[h] = static_cast<std::int16_t>(-sum);
    }
  } else {
    using F = simd::Floats<Arch>;
    using I = simd::Ints<Arch>;
    constexpr std::size_t lanes = F::lanes;
    constexpr std::size_t vectors = Int8Group::values / lanes;
    static_assert(Int8Group::values / 2 % lanes == 0);
    F v[vectors];
    detail::unroll<vectors>([&](auto i) { v[i] = F::load(x + i * lanes); });
    F largest = abs(v[0]);
    detail::unroll<vectors - 1>([&](auto i) { largest = max(largest, abs(v[i + 1])); });
    const float most = reduce_max(largest);
    const bool some = most > smallest;
    for (const float top : detail::int8_tops) {
      const F inverse(some ? top / most : 0.0f);
      F squares = F::zero();
      detail::unroll<vectors>([&](auto i) {
        const F scaled = v[i] * inverse;
        const F error = to_float(to_int((scaled - to_float(to_int(scaled))) * F(detail::error_unit)));
        squares = fma(error, error, squares);
      });
      best.offer(top, reduce_add(squares));
    }
    const F inverse(some ? best.top / most : 0.0f);
    out.scale = some ? most / best.top : 0.0f;
    for (std::size_t h = 0; h < 2; ++h) {
      I sum(0);
      detail::unroll<vectors / 2>([&](auto i) {
        const std::size_t at = h * vectors / 2 + i;
        const I q = to_int(v[at] * inverse);
        q.store(out.q + at * lanes);
        sum += q;
      });
      out.minus_half[h] = static_cast<std::int16_t>(-reduce_add(sum));
    }
  }
  out.minus_sum = out.minus_half[0] + out.minus_half[1];
  out.sum = static_cast<float>(-out.minus_sum);
}

/// A group whose values leave less than this to the sum of |q|, of 32 * 127 at the most, holds an outlier: one value is
/// 14 times the mean. Values of a normal distribution reach 5 times, gated activations seldom 14.
inline constexpr std::int32_t least_absolute_sum = 32 * 127 / 14;

/// True if the group holds an outlier; then correction = x - scale * q, quantised. Decided by whole numbers and
/// computed without fused operations: bit-equal on every arch.
template <class Arch>
bool correct_group(const float* x, const Int8Group& group, Int8Group& correction) noexcept {
  std::int32_t sum = 0;
  for (const std::int8_t q : group.q) sum += q < 0 ? -q : q;
  if (sum == 0 || sum >= least_absolute_sum) return false;
  alignas(64) float lost[Int8Group::values];
  for (std::size_t i = 0; i < Int8Group::values; ++i) lost[i] = x[i] - group.scale * static_cast<float>(group.q[i]);
  quantize_group<Arch>(lost, correction);
  return true;
}

}  // namespace cpu

VLMT_END_NAMESPACE
