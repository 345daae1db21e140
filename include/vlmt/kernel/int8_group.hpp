// The int8 form of activations: 32 values with a scale, and the sums that integer kernels need.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// 32 activations x[i] = scale * q[i], |q| <= 127. Weights with a bias need the sums; the negated ones let a kernel
/// initialise its integer accumulators to -zero_point * sum in one operation. All is in one struct, so that a kernel
/// needs one pointer per row.
struct alignas(16) Int8Group {
  static constexpr std::size_t values = 32;

  std::int8_t q[values];
  float scale;
  float sum;                        ///< sum of all q
  std::int32_t minus_sum;           ///< negated sum of all q
  std::int16_t minus_half_sums[2];  ///< negated sums of the first and of the last 16 q
};
static_assert(sizeof(Int8Group) == 48);

VLMT_END_NAMESPACE
