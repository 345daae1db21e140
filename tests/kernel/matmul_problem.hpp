// Random packed weights for matmul tests, and their products within computed bounds.
#pragma once

#include <algorithm>
#include <cmath>
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

namespace matmul_test {

using namespace vlmt;

/// Blocks of encoded Gaussian values, some of them with random quants: every code appears, also those that an encoder
/// never writes.
template <class Format>
std::vector<typename Format::Block> random_blocks(std::size_t n, std::uint32_t seed) {
  using Block = typename Format::Block;
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(0.0f, 0.05f);
  std::vector<Block> pool(12);
  float x[Format::values];
  for (Block& b : pool) {
    for (float& v : x) v = normal(rng) + 0.01f;
    Format::encode(x, b);
  }
  std::vector<Block> blocks(n);
  for (Block& b : blocks) {
    b = pool[rng() % pool.size()];
    if (Format::values == 1) {
      for (float& v : x) v = normal(rng);
      Format::encode(x, b);
    } else if (rng() % 2 == 0) {
      for (const BlockField& f : Format::fields) {
        // Two-byte fields are binary16 scales, the first byte of MXFP4 is an exponent.
        if (f.unit == 2 || Format::name == "MXFP4") continue;
        auto* bytes = reinterpret_cast<unsigned char*>(&b) + f.offset;
        for (std::size_t i = 0; i < f.bytes; ++i) bytes[i] = static_cast<unsigned char>(rng());
      }
    }
  }
  return blocks;
}

template <class Format, class Arch>
struct Problem {
  std::size_t rows;  // outputs
  std::size_t cols;
  std::vector<typename Format::Block> blocks;
  std::vector<double> w;      // decoded
  std::vector<double> w_top;  // largest magnitude of the block that the value is in
  std::vector<std::byte> storage;
  Packed<Format, Arch> packed;

  Problem(std::size_t out, std::size_t row_blocks, std::uint32_t seed)
      : rows(out), cols(row_blocks * Format::values), blocks(random_blocks<Format>(out * row_blocks, seed)) {
    w.resize(rows * cols);
    w_top.resize(rows * cols);
    float y[Format::values];
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      Format::decode(blocks[b], y);
      double top = 0;
      for (std::size_t i = 0; i < Format::values; ++i) top = std::max(top, std::fabs(static_cast<double>(y[i])));
      for (std::size_t i = 0; i < Format::values; ++i) {
        w[b * Format::values + i] = static_cast<double>(y[i]);
        w_top[b * Format::values + i] = top;
      }
    }
    const std::size_t bytes = packed_bytes<Format, Arch>(rows, cols);
    storage.resize(bytes + 64);
    auto* at = storage.data() + (64 - reinterpret_cast<std::uintptr_t>(storage.data()) % 64) % 64;
    Solo solo;
    pack<Format, Arch>(blocks.data(), rows, cols, at, solo.member());
    packed = {at, rows, cols};
  }
};

inline std::vector<float> random_rows(std::size_t n, std::size_t k, std::uint32_t seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(n * k);
  for (float& v : x) v = normal(rng);
  return x;
}

/// Compares y (n, rows) with the product of w and the activations value(i, k), given the length of the longest float
/// chain of an output.
template <class P, class Value>
void expect_product(const P& p, std::size_t n, const float* y, double chain, const Value& value) {
  constexpr double eps = std::numeric_limits<float>::epsilon() / 2;
  double worst = 0;
  std::string where;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t r = 0; r < p.rows; ++r) {
      double sum = 0, terms = 0, parts = 0;
      for (std::size_t k = 0; k < p.cols; ++k) {
        const double v = value(i, k);
        sum += p.w[r * p.cols + k] * v;
        terms += std::fabs(p.w[r * p.cols + k] * v);
        parts += p.w_top[r * p.cols + k] * std::fabs(v);
      }
      // Every sum rounds; a decoded weight scale * q + bias is as uncertain as its two parts, of which each is at most
      // four times the largest weight of its block.
      const double bound = eps * ((chain + 4) * terms + 8 * parts) + 1e-30;
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
