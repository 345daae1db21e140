// Rotary positions: the angles of a step, and the rotation of heads that are not cached.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Floats of a table for n tokens with `half` angles each: (n, 2, half), cosines before sines.
constexpr std::size_t rope_table_floats(std::size_t n, std::size_t half) noexcept {
  return n * 2 * half;
}

namespace op {

/// table (rows, 2, half) = cosines and sines of positions (rows, Rotary::axes) times frequencies. Made once per step,
/// read by all layers. Rotary is a RopePolicy.
template <class Rotary>
struct Angles {
  Rotary rotary;
  const std::int32_t* positions = nullptr;
  const float* frequencies = nullptr;
  std::size_t rows = 0;
  std::size_t half = 0;
  float* table = nullptr;
};

/// Rotates heads in place: head h of row t is at x[t * stride + h * head_dim], the table has head_dim / 2 angles.
template <class Pairing>
struct Rotate {
  float* x = nullptr;
  std::size_t rows = 0;
  std::size_t heads = 0;
  std::size_t head_dim = 0;
  std::size_t stride = 0;
  const float* table = nullptr;
};

}  // namespace op

VLMT_END_NAMESPACE
