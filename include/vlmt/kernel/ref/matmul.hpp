// Scalar matrix product with block-quantised weights: decode a block, accumulate in double.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/int8_group.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// Dot product of one row of blocks with x[0 .. blocks * Format::values).
template <QuantFormat Format>
double dot(const typename Format::Block* row, std::size_t blocks, const float* x) noexcept {
  double sum = 0.0;
  float w[Format::values];
  for (std::size_t k = 0; k < blocks; ++k) {
    Format::decode(row[k], w);
    for (std::size_t i = 0; i < Format::values; ++i) {
      sum += static_cast<double>(w[i]) * static_cast<double>(x[k * Format::values + i]);
    }
  }
  return sum;
}

/// The same with activations as int8 groups.
template <QuantFormat Format>
double dot(const typename Format::Block* row, std::size_t blocks, const Int8Group* x) noexcept {
  double sum = 0.0;
  float w[Format::values];
  for (std::size_t k = 0; k < blocks; ++k) {
    Format::decode(row[k], w);
    for (std::size_t i = 0; i < Format::values; ++i) {
      const std::size_t at = k * Format::values + i;
      const Int8Group& g = x[at / Int8Group::values];
      sum += static_cast<double>(w[i]) * static_cast<double>(g.scale) * g.q[at % Int8Group::values];
    }
  }
  return sum;
}

/// y = x * w^T: w (rows, cols) in blocks, row-major as in a file; x (n, cols) dense; y (n, rows) dense.
template <QuantFormat Format>
void matmul(const typename Format::Block* w, std::size_t rows, std::size_t cols, const float* x, std::size_t n,
            float* y) noexcept {
  const std::size_t blocks = cols / Format::values;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t r = 0; r < rows; ++r) {
      y[i * rows + r] = static_cast<float>(dot<Format>(w + r * blocks, blocks, x + i * cols));
    }
  }
}

}  // namespace ref

VLMT_END_NAMESPACE
