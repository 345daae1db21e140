// Random packed weights for matmul tests, and a check of products against computed error bounds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/matmul_instances.hpp"

#include "matmul_format.hpp"

namespace matmul_test {

using namespace vlmt;

/// Encoded Gaussian blocks, some of them with random quants so that codes which encoders never write appear too.
inline std::vector<std::byte> random_blocks(const FormatCode& format, std::size_t n, std::uint32_t seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(0.0f, 0.05f);
  std::vector<float> x(format.values);
  std::vector<std::byte> pool(12 * format.block_bytes);
  for (std::size_t i = 0; i < 12; ++i) {
    for (float& v : x) v = normal(rng) + 0.01f;
    format.encode(x.data(), pool.data() + i * format.block_bytes);
  }
  std::vector<std::byte> blocks(n * format.block_bytes);
  for (std::size_t b = 0; b < n; ++b) {
    std::byte* block = blocks.data() + b * format.block_bytes;
    std::memcpy(block, pool.data() + rng() % 12 * format.block_bytes, format.block_bytes);
    if (format.values == 1) {
      for (float& v : x) v = normal(rng);
      format.encode(x.data(), block);
    } else if (rng() % 2 == 0) {
      for (const BlockField& f : format.fields) {
        // Two-byte fields are binary16 scales, the first byte of MXFP4 is an exponent.
        if (f.unit == 2 || format.name == "MXFP4") continue;
        for (std::size_t i = 0; i < f.bytes; ++i) block[f.offset + i] = static_cast<std::byte>(rng());
      }
    }
  }
  return blocks;
}

/// Random weights (rows, cols) of a format, with their decoded values.
struct Weights {
  std::size_t rows;  // outputs
  std::size_t cols;
  std::vector<std::byte> blocks;
  std::vector<double> w;      // decoded
  std::vector<double> w_top;  // largest magnitude in the block of each value

  Weights(const FormatCode& format, std::size_t out, std::size_t row_blocks, std::uint32_t seed)
      : rows(out), cols(row_blocks * format.values), blocks(random_blocks(format, out * row_blocks, seed)) {
    w.reserve(rows * cols);
    w_top.reserve(rows * cols);
    std::vector<float> y(format.values);
    for (std::size_t b = 0; b < out * row_blocks; ++b) {
      format.decode(blocks.data() + b * format.block_bytes, y.data());
      double top = 0;
      for (const float v : y) top = std::max(top, std::fabs(static_cast<double>(v)));
      w.insert(w.end(), y.begin(), y.end());
      w_top.insert(w_top.end(), format.values, top);
    }
  }
};

/// Random weights packed for an arch.
template <class Arch>
struct PackedWeights : Weights {
  PackedMatrix<Arch> matrix;

  PackedWeights(const FormatCode& format, const MatmulLeaves& leaves, std::size_t out, std::size_t row_blocks,
                std::uint32_t seed)
      : Weights(format, out, row_blocks, seed), matrix{nullptr, rows, cols, &leaves}, storage_(matrix.bytes() + 64) {
    auto* at = storage_.data() + (64 - reinterpret_cast<std::uintptr_t>(storage_.data()) % 64) % 64;
    Solo solo;
    pack<Arch>(leaves, blocks.data(), rows, cols, at, solo.member());
    matrix.data = at;
  }

 private:
  std::vector<std::byte> storage_;
};

/// Packed random weights of a format known at compile time.
template <class Format, class Arch>
struct Problem : PackedWeights<Arch> {
  Packed<Format, Arch> packed;

  Problem(std::size_t out, std::size_t row_blocks, std::uint32_t seed)
      : PackedWeights<Arch>(format_code<Format>, matmul_leaves<Format, Arch>(), out, row_blocks, seed),
        packed{this->matrix.data, this->rows, this->cols} {}
};

inline std::vector<float> random_rows(std::size_t n, std::size_t k, std::uint32_t seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(n * k);
  for (float& v : x) v = normal(rng);
  return x;
}

/// Decoded int8 activations (n, k).
inline std::vector<double> values_of(const QuantizedRows& q, std::size_t n, std::size_t k) {
  std::vector<double> x(n * k);
  for (std::size_t i = 0; i < n * k; ++i) {
    const Int8Group& g = q.row(i / k)[i % k / 32];
    x[i] = static_cast<double>(g.scale) * g.q[i % k % 32];
  }
  return x;
}

/// Activations rounded to bfloat16, as doubles (n, k).
inline std::vector<double> values_of(const std::vector<bfloat16>& b) {
  std::vector<double> x;
  for (const bfloat16 v : b) x.push_back(static_cast<double>(static_cast<float>(v)));
  return x;
}

/// Expects y (n, rows) = x (n, cols) times w transposed, within rounding. `chain`: length of the longest chain of float
/// additions of an output. `weight_unit`: relative rounding of each weight.
inline void expect_product(const Weights& p, std::size_t n, const float* y, double chain, const std::vector<double>& x,
                           double weight_unit = 0) {
  constexpr double eps = std::numeric_limits<float>::epsilon() / 2;
  double worst = 0;
  std::string where;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t r = 0; r < p.rows; ++r) {
      double sum = 0, terms = 0, parts = 0;
      for (std::size_t k = 0; k < p.cols; ++k) {
        const double v = x[i * p.cols + k];
        sum += p.w[r * p.cols + k] * v;
        terms += std::fabs(p.w[r * p.cols + k] * v);
        parts += p.w_top[r * p.cols + k] * std::fabs(v);
      }
      // Every addition rounds. A decoded weight scale * q + bias carries the rounding of both parts, each at most four
      // times the largest weight of its block.
      const double bound = eps * ((chain + 4) * terms + 8 * parts) + weight_unit * terms + 1e-30;
      const double error = std::fabs(static_cast<double>(y[i * p.rows + r]) - sum) / bound;
      if (!(error <= worst)) {
        worst = error;
        where = "row " + std::to_string(i) + " column " + std::to_string(r) + ": " + std::to_string(y[i * p.rows + r]) +
                " for " + std::to_string(sum);
      }
    }
  }
  EXPECT_LE(worst, 1.0) << where;
}

}  // namespace matmul_test
