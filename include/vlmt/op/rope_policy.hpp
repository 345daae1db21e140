// Rotary position embeddings as types: the position axis and the frequency of each rotated pair, and which two elements
// of a head form a pair.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Pairs (i, i + half): rotate-half, also called NEOX. Angle i of `half` rotates elements `first` and `second` of a
/// head.
struct RopeHalves {
  static VLMT_HD constexpr std::size_t first(std::size_t i, std::size_t) noexcept { return i; }
  static VLMT_HD constexpr std::size_t second(std::size_t i, std::size_t half) noexcept { return i + half; }
};
/// Pairs (2i, 2i + 1): llama models in GGUF files.
struct RopePairs {
  static VLMT_HD constexpr std::size_t first(std::size_t i, std::size_t) noexcept { return 2 * i; }
  static VLMT_HD constexpr std::size_t second(std::size_t i, std::size_t) noexcept { return 2 * i + 1; }
};

/// A rotary embedding: `axes` positions per token. axis(i, half) and frequency(i, half) are the position axis and the
/// index of the frequency of angle i of `half`; frequencies(half) is the number of frequencies.
template <class P>
concept RopePolicy = requires(const P& p, std::size_t i) {
  typename P::Pairing;
  { P::axes } -> std::convertible_to<std::size_t>;
  { p.axis(i, i) }
  noexcept->std::convertible_to<std::size_t>;
  { p.frequency(i, i) }
  noexcept->std::convertible_to<std::size_t>;
  { p.frequencies(i) }
  noexcept->std::convertible_to<std::size_t>;
};

/// One position per token; angle i has frequency theta^(-i / half).
template <class PairingType = RopeHalves>
struct Rope1d {
  using Pairing = PairingType;
  static constexpr std::size_t axes = 1;
  static VLMT_HD constexpr std::size_t axis(std::size_t, std::size_t) noexcept { return 0; }
  static VLMT_HD constexpr std::size_t frequency(std::size_t i, std::size_t) noexcept { return i; }
  static VLMT_HD constexpr std::size_t frequencies(std::size_t half) noexcept { return half; }
};

/// Interleaved M-RoPE of Qwen3-VL: positions (t, h, w). Angle i uses h if i mod 3 = 1 and i < 3 h_section, w if
/// i mod 3 = 2 and i < 3 w_section, and t otherwise.
struct RopeInterleaved3d {
  using Pairing = RopeHalves;
  static constexpr std::size_t axes = 3;
  std::size_t h_section = 20;
  std::size_t w_section = 20;

  VLMT_HD constexpr std::size_t axis(std::size_t i, std::size_t) const noexcept {
    if (i % 3 == 1 && i < 3 * h_section) return 1;
    if (i % 3 == 2 && i < 3 * w_section) return 2;
    return 0;
  }
  static VLMT_HD constexpr std::size_t frequency(std::size_t i, std::size_t) noexcept { return i; }
  static VLMT_HD constexpr std::size_t frequencies(std::size_t half) noexcept { return half; }
};

/// Positions (row, column) of vision encoders: the first half of the angles is row * f[j], the second column * f[j].
/// The number of angles is even.
struct Rope2d {
  using Pairing = RopeHalves;
  static constexpr std::size_t axes = 2;
  static VLMT_HD constexpr std::size_t axis(std::size_t i, std::size_t half) noexcept { return i < half / 2 ? 0 : 1; }
  static VLMT_HD constexpr std::size_t frequency(std::size_t i, std::size_t half) noexcept { return i % (half / 2); }
  static VLMT_HD constexpr std::size_t frequencies(std::size_t half) noexcept { return half / 2; }
};

static_assert(RopePolicy<Rope1d<>> && RopePolicy<Rope1d<RopePairs>> && RopePolicy<RopeInterleaved3d> &&
              RopePolicy<Rope2d>);

/// f[j] = 1 / theta^(j / count) for j < count; exponent, power and quotient are each rounded to float, as in the
/// reference implementation. `factors` (count values, or nullptr) divides them: the rope_freqs tensor of Llama 3 GGUF
/// files.
inline void rope_frequencies(double theta, std::size_t count, const float* factors, float* f) {
  if (count != 0) VLMT_ASSERT_SET("rope_frequencies", f);
  for (std::size_t j = 0; j < count; ++j) {
    const float exponent = static_cast<float>(2 * j) / static_cast<float>(2 * count);
    const auto power = static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
    f[j] = 1.0f / power;
    if (factors != nullptr) f[j] /= factors[j];
  }
}

VLMT_END_NAMESPACE
