// Activation functions as types. One body serves references, SIMD and devices.
#pragma once

#include <concepts>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/arithmetic.hpp"

VLMT_BEGIN_NAMESPACE

/// An activation function on V: static apply(V), noexcept.
template <class A, class V>
concept ActivationOf = requires(V x) {
  { A::apply(x) }
  noexcept->std::same_as<V>;
};

/// No activation.
struct Identity {
  static constexpr std::string_view name = "identity";
  template <class V>
  static VLMT_HD VLMT_INLINE V apply(V x) noexcept {
    return x;
  }
};

/// x * sigmoid(x), also called swish.
struct Silu {
  static constexpr std::string_view name = "silu";
  template <class V>
  static VLMT_HD VLMT_INLINE V apply(V x) noexcept {
    using namespace arithmetic;
    return x / (number<V>(1.0) + exp(-x));
  }
};

/// x * Phi(x), with the standard normal distribution function Phi: x erfc(-x / sqrt 2) / 2.
struct GeluErf {
  static constexpr std::string_view name = "gelu";
  template <class V>
  static VLMT_HD VLMT_INLINE V apply(V x) noexcept {
    using namespace arithmetic;
    // At 16 the tail is already 0 in float; the bound keeps squares from overflowing.
    const V tail = half_erfc(min(number<V>(16.0), abs(x) * number<V>(0.70710678118654752)));
    return x * select(x < number<V>(0.0), tail, number<V>(1.0) - tail);
  }
};

/// Tanh approximation of GELU ("gelu_pytorch_tanh" in Hugging Face configurations): 0.5 x (1 + tanh(u)) with
/// u = sqrt(2 / pi) (x + 0.044715 x^3), as x / (1 + e^-2u): no cancellation for negative x.
struct GeluTanh {
  static constexpr std::string_view name = "gelu_pytorch_tanh";
  template <class V>
  static VLMT_HD VLMT_INLINE V apply(V x) noexcept {
    using namespace arithmetic;
    const V cubic = fma(x * x, number<V>(-1.5957691216057308 * 0.044715), number<V>(-1.5957691216057308));
    return x / (number<V>(1.0) + exp(x * cubic));
  }
};

/// x * sigmoid(1.702 x), as in CLIP.
struct QuickGelu {
  static constexpr std::string_view name = "quick_gelu";
  template <class V>
  static VLMT_HD VLMT_INLINE V apply(V x) noexcept {
    using namespace arithmetic;
    return x / (number<V>(1.0) + exp(number<V>(-1.702) * x));
  }
};

VLMT_END_NAMESPACE
