// Scalar rotary embedding. rope_row makes the angle tables of every arch; rope_apply is the reference rotation.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// cos_sin (2, half) = cosines, then sines of the angles of one token; an angle is position * frequency in float.
template <class Policy>
void rope_row(const Policy& policy, const std::int32_t* position, const float* frequencies, std::size_t half,
              float* cos_sin) noexcept {
  for (std::size_t i = 0; i < half; ++i) {
    const float angle = static_cast<float>(position[policy.axis(i, half)]) * frequencies[policy.frequency(i, half)];
    cos_sin[i] = static_cast<float>(std::cos(static_cast<double>(angle)));
    cos_sin[half + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
  }
}

/// Rotates the first 2 * half elements of a head in place.
template <class Pairing>
void rope_apply(const float* cos_sin, std::size_t half, float* x) noexcept {
  for (std::size_t i = 0; i < half; ++i) {
    float& a = x[Pairing::first(i, half)];
    float& b = x[Pairing::second(i, half)];
    const double c = static_cast<double>(cos_sin[i]);
    const double s = static_cast<double>(cos_sin[half + i]);
    const double turned_a = static_cast<double>(a) * c - static_cast<double>(b) * s;
    const double turned_b = static_cast<double>(b) * c + static_cast<double>(a) * s;
    a = static_cast<float>(turned_a);
    b = static_cast<float>(turned_b);
  }
}

}  // namespace ref

VLMT_END_NAMESPACE
