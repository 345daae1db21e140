// Parts of tests of vision blocks and mergers: weights with biases, layer norms, workspaces.
#pragma once

#include <cstddef>
#include <vector>

#include "vlmt/nn/vision/block.hpp"

#include "nn/block_cases.hpp"

namespace vlmt_test {

/// A layer norm with random weights and its twin in double.
struct TestLayerNorm {
  std::vector<float> weight;
  std::vector<float> bias;

  TestLayerNorm(std::size_t width, unsigned seed)
      : weight(norm_weights(width, seed)), bias(gaussian(width, seed + 1)) {}
  vlmt::LayerNormWeights weights() const { return {weight.data(), bias.data()}; }
  DoubleLayerNorm twin() const { return {to_row(weight), to_row(bias)}; }
};

/// A matrix with a bias and its twin in double.
template <class Arch>
struct TestAffine {
  TestWeights<Arch> matrix;
  std::vector<float> bias;

  TestAffine(std::uint32_t type_id, std::size_t rows, std::size_t cols, unsigned seed)
      : matrix(type_id, rows, cols, seed), bias(gaussian(rows, seed + 1)) {}
  vlmt::AffineWeights<vlmt::Cpu<Arch>> weights() const { return {matrix.matrix(), bias.data()}; }
  DoubleAffine twin() const { return {matrix.values[0], to_row(bias)}; }
};

/// Workspace for n patches as model/vision_encoder.hpp takes it: norms and activations in chunks.
template <class Arch>
vlmt::VisionBuffers<vlmt::Cpu<Arch>> take_vision_buffers(vlmt::Carver& c, const vlmt::VisionShape& s, std::size_t n) {
  using Types = vlmt::BackendTypes<vlmt::Cpu<Arch>>;
  const std::size_t chunk = std::min(n, Types::row_chunk);
  vlmt::VisionBuffers<vlmt::Cpu<Arch>> b;
  b.x = c.take<float>(n * s.hidden);
  b.qkv = c.take<float>(n * 3 * s.hidden);
  b.merged = Types::take_rows(c, n, s.hidden);
  b.input = Types::take_normed_rows(c, chunk, s.hidden);
  b.inner = Types::take_rows(c, chunk, std::max(s.ffn, s.hidden));
  b.scratch = Types::take_attend(c, s.heads, s.head_dim(), 0, 0, step_members);
  return b;
}

}  // namespace vlmt_test
