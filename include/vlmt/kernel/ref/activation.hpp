// Scalar activation functions, in double.
#pragma once

#include <cmath>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// x / (1 + e^-x).
inline double silu(double x) noexcept {
  return x / (1.0 + std::exp(-x));
}

/// x * Phi(x), with the standard normal distribution function Phi: x erfc(-x / sqrt 2) / 2.
inline double gelu_erf(double x) noexcept {
  return 0.5 * x * std::erfc(-x * 0.70710678118654752440);
}

/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
inline double gelu_tanh(double x) noexcept {
  return 0.5 * x * (1.0 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

/// x / (1 + e^(-1.702 x)).
inline double quick_gelu(double x) noexcept {
  return x / (1.0 + std::exp(-1.702 * x));
}

}  // namespace ref

VLMT_END_NAMESPACE
