// The eight-bit form of activations: 32 values with a scale, and the sums that integer kernels need.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// 32 activations x[i] = scale * q[i], |q| <= 127. The sums are for weights with biases, the negated ones let kernels
/// start their integer accumulators at -zero_point * sum with one operation. One struct holds all, so that a kernel
/// needs one pointer a row.
struct alignas(16) Int8Group {
  static constexpr std::size_t values = 32;

  std::int8_t q[values];
  float scale;
  float sum;                   ///< of all q
  std::int32_t minus_sum;      ///< of all q
  std::int16_t minus_half[2];  ///< of the first and of the last 16
};
static_assert(sizeof(Int8Group) == 48);

VLMT_END_NAMESPACE
