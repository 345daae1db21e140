// The weights that vision encoders have in common, from an mmproj file: affine layers, norms, blocks, patch kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/nn/vision/block.hpp"
#include "vlmt/op/patch_kernel.hpp"
#include "vlmt/quant/row.hpp"

VLMT_BEGIN_NAMESPACE

/// Registers weights with a loader. `format`: a GGUF type number that float matrices are converted to; see
/// WeightLoader::matrix.
template <class B, class Loader>
struct VisionWeights {
  const WeightSource& source;
  Loader& loader;
  std::optional<std::uint32_t> format;

  /// A vector or table of floats.
  void floats(const float*& target, const std::string& name, std::initializer_list<std::size_t> shape) {
    loader.vector(target, source.get(name, shape));
  }
  /// `name`.weight (rows, cols) and `name`.bias (rows).
  void affine(AffineWeights<B>& target, const std::string& name, std::size_t rows, std::size_t cols) {
    loader.matrix(target.matrix, source.get(name + ".weight", {rows, cols}), format);
    floats(target.bias, name + ".bias", {rows});
  }
  /// `name`.weight and `name`.bias (n).
  void norm(LayerNormWeights& target, const std::string& name, std::size_t n) {
    floats(target.weight, name + ".weight", {n});
    floats(target.bias, name + ".bias", {n});
  }
  /// A block of width h whose names begin with `prefix`. Queries, keys and values are one matrix or three.
  void block(VisionBlockWeights<B>& w, const std::string& prefix, std::size_t h, std::size_t ffn) {
    norm(w.norm1, prefix + "ln1", h);
    norm(w.norm2, prefix + "ln2", h);
    if (source.has(prefix + "attn_qkv.weight")) {
      affine(w.qkv, prefix + "attn_qkv", 3 * h, h);
    } else {
      std::vector<SourceTensor> matrices, biases;
      for (const char* part : {"attn_q", "attn_k", "attn_v"}) {
        matrices.push_back(source.get(prefix + part + ".weight", {h, h}));
        biases.push_back(source.get(prefix + part + ".bias", {h}));
      }
      loader.matrix(w.qkv.matrix, SourceTensor::joined(matrices), format);
      loader.vector(w.qkv.bias, SourceTensor::joined(biases));
    }
    affine(w.out, prefix + "attn_out", h, h);
    affine(w.up, prefix + "ffn_up", ffn, h);
    affine(w.down, prefix + "ffn_down", h, ffn);
  }
  /// The patch convolution; its sizes are set. Files hold one tensor (outputs, channels, side, side) per frame: `name`,
  /// `name`.1, ... Without `bias` there is none.
  void patch_kernel(PatchKernel& kernel, const std::string& name, const std::string& bias) {
    const std::size_t area = kernel.side * kernel.side;
    std::vector<float> weights(kernel.panels() * PatchKernel::panel * kernel.values());
    std::vector<float> row(kernel.channels * area);
    for (std::size_t t = 0; t < kernel.times; ++t) {
      const SourceTensor part = source.get(name + (t == 0 ? "" : "." + std::to_string(t)),
                                           {kernel.outputs, kernel.channels, kernel.side, kernel.side});
      const std::size_t row_bytes = part.tensor.bytes.size() / kernel.outputs;
      for (std::size_t o = 0; o < kernel.outputs; ++o) {
        decode_row(part.tensor.type_id, part.tensor.bytes.data() + o * row_bytes, row.size(), row.data());
        for (std::size_t i = 0; i < row.size(); ++i) {
          weights[kernel.at(o, i / area, t * area + i % area)] = row[i] * part.scale();
        }
      }
    }
    loader.vector(kernel.weight, SourceTensor::of(std::move(weights), source.path()));
    if (bias.empty()) {
      loader.vector(kernel.bias, SourceTensor::of(std::vector<float>(kernel.outputs), source.path()));
    } else {
      floats(kernel.bias, bias, {kernel.outputs});
    }
  }
};

VLMT_END_NAMESPACE
