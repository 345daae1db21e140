// The vision encoder of Qwen3-VL: patches to features and DeepStack features, issued as ops on a Step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/patch_embed.hpp"
#include "vlmt/kernel/patch_kernel.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/kernel/rows.hpp"
#include "vlmt/model/vision_config.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/nn/probe.hpp"
#include "vlmt/nn/vision/block.hpp"
#include "vlmt/nn/vision/merger.hpp"
#include "vlmt/nn/vision/patchify.hpp"
#include "vlmt/nn/vision/position_grid.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/quant/row.hpp"

VLMT_BEGIN_NAMESPACE

/// Inputs of a vision encoder. The host fills them before the step runs (VisionEncoder::fill_inputs).
struct VisionInputs {
  const float* patches = nullptr;     ///< (patches, patch values) as patchify() writes them; not owned
  std::int32_t* corners = nullptr;    ///< (patches, 4): rows of the position table to interpolate
  float* corner_weights = nullptr;    ///< (patches, 4)
  std::int32_t* positions = nullptr;  ///< (patches, 2): row, column
  std::int32_t* segments = nullptr;   ///< (slices + 1): first patch of each slice, and the end
};

/// Workspace of a vision encoder for one image or video; weights and patches are stored elsewhere.
struct VisionEncoderBuffers {
  VisionInputs data;
  VisionBuffers blocks;
  float* rope = nullptr;  ///< (patches, head_dim): rotary cosines and sines
};

/// A vision encoder for arch A. Immutable once its weights are loaded.
template <class A>
class VisionEncoder {
 public:
  using Arch = A;

  VisionEncoder() = default;
  /// Registers all weights with the loader, which sets them when it loads or binds. Do not move the encoder before
  /// that. `format` is passed to WeightLoader::matrix for the matrices of blocks and mergers. Throws FileError for
  /// missing or misshapen tensors.
  template <class Loader>
  VisionEncoder(const VisionConfig& config, const WeightSource& source, Loader& loader,
                std::optional<std::uint32_t> format = std::nullopt);

  const VisionConfig& config() const noexcept { return config_; }
  std::size_t levels() const noexcept { return config_.deepstack.size(); }
  /// True if the matmuls of the blocks can take int8 activations.
  bool takes_int8() const noexcept { return blocks_.front().qkv.matrix.takes_int8(); }

  /// Carves the workspace for a grid of `patches` patches in `slices` temporal slices; an empty carver only counts
  /// bytes. `members`: maximum threads.
  VisionEncoderBuffers take_buffers(Carver& carver, std::size_t patches, std::size_t slices, std::size_t members) const;

  /// Issues the vision encoder for the grid that fill_inputs() wrote to b.data. Writes `features` (1 + levels, patches
  /// / merge^2, out_hidden): level 0 are the main features, the others DeepStack.
  template <Step S, class Probe>
  void forward(S& step, const VisionEncoderBuffers& b, const PatchGrid& grid, float* features, Numerics numerics,
               Probe& probe) const;

  /// Fills b.data for a grid. `patches` is kept by pointer and must live until the step has run.
  void fill_inputs(const PatchGrid& grid, const float* patches, VisionEncoderBuffers& b) const;

 private:
  template <class Loader>
  void affine(const WeightSource& source, Loader& loader, AffineWeights<Arch>& target, const std::string& name,
              std::size_t rows, std::size_t cols) {
    loader.matrix(target.matrix, source.get(name + ".weight", {rows, cols}), format_);
    loader.vector(target.bias, source.get(name + ".bias", {rows}));
  }

  template <class Loader>
  void norm(const WeightSource& source, Loader& loader, LayerNormWeights& target, const std::string& name,
            std::size_t n) {
    loader.vector(target.weight, source.get(name + ".weight", {n}));
    loader.vector(target.bias, source.get(name + ".bias", {n}));
  }

  template <class Loader>
  void register_weights(const WeightSource& source, Loader& loader);

  // Files hold one tensor (h, 3, patch, patch) per frame of the patch convolution. Joins them into the layout of
  // PatchKernel.
  SourceTensor patch_weights(const WeightSource& source) const;

  VisionConfig config_;
  VisionShape shape_;
  std::optional<std::uint32_t> format_;
  std::vector<float> frequencies_;
  PatchKernel patch_;
  const float* positions_ = nullptr;  ///< (side * side, hidden)
  std::vector<VisionBlockWeights<Arch>> blocks_;
  MergerWeights<Arch> merger_;
  std::vector<MergerWeights<Arch>> deepstack_;
};

template <class A>
template <class Loader>
VisionEncoder<A>::VisionEncoder(const VisionConfig& config, const WeightSource& source, Loader& loader,
                                std::optional<std::uint32_t> format)
    : config_(config), shape_{config.hidden, config.heads, config.ffn}, format_(format) {
  register_weights(source, loader);
  frequencies_.resize(Rope2d::frequencies(shape_.head_dim() / 2));
  rope_frequencies(10000.0, frequencies_.size(), nullptr, frequencies_.data());
}

template <class A>
VisionEncoderBuffers VisionEncoder<A>::take_buffers(Carver& carver, std::size_t patches, std::size_t slices,
                                                    std::size_t members) const {
  VisionEncoderBuffers b;
  const std::size_t h = config_.hidden;
  const std::size_t group = config_.merge * config_.merge;
  const std::size_t chunk = std::min(round_up(patches, group), vision_row_chunk);
  b.data.corners = carver.take<std::int32_t>(patches * 4);
  b.data.corner_weights = carver.take<float>(patches * 4);
  b.data.positions = carver.take<std::int32_t>(patches * 2);
  b.data.segments = carver.take<std::int32_t>(slices + 1);
  b.rope = carver.take<float>(rope_table_floats(patches, shape_.head_dim() / 2));
  b.blocks.x = carver.take<float>(patches * h);
  b.blocks.qkv = carver.take<float>(patches * 3 * h);
  b.blocks.merged = InputRows::take<Arch>(carver, patches, h);
  // A merger reads chunk / group rows of group * h values: no more floats than chunk rows of h, each padded.
  b.blocks.input = InputRows::take_corrected<Arch>(carver, chunk, h);
  b.blocks.inner = InputRows::take<Arch>(carver, chunk, std::max(config_.ffn, h));
  b.blocks.scratch.tiles = carver.take<float>(members * attention_tile_floats(shape_.head_dim()));
  return b;
}

template <class A>
template <Step S, class Probe>
void VisionEncoder<A>::forward(S& step, const VisionEncoderBuffers& b, const PatchGrid& grid, float* features,
                               Numerics numerics, Probe& probe) const {
  const std::size_t n = grid.patches();
  const std::size_t h = config_.hidden;
  const std::size_t group = config_.merge * config_.merge;
  const std::size_t tokens = n / group;
  const std::size_t out = config_.out_hidden;
  const float eps = config_.norm_eps;
  const VisionInputs d = b.data;
  float* x = b.blocks.x;
  const VisionEncoder* self = this;

  step("patches", [=](Member& m) noexcept { patch_embed<Arch>(self->patch_, d.patches, n, x, m); });
  step("patch positions", [=](Member& m) noexcept {
    add_weighted_rows<Arch>(self->positions_, d.corners, d.corner_weights, n, 4, h, x, m);
  });
  const std::size_t half = shape_.head_dim() / 2;
  const float* frequencies = frequencies_.data();
  float* table = b.rope;
  step("vision angles", [=](Member& m) noexcept { rope_table(Rope2d{}, d.positions, n, frequencies, half, table, m); });

  const SegmentedAttention segments(d.segments, static_cast<std::size_t>(grid.t));
  for (std::size_t i = 0; i < config_.depth; ++i) {
    vision_block(step, shape_, blocks_[i], b.blocks, n, segments, table, eps, numerics);
    probe_vision(step, probe, i, x, n, h);
    const auto level = std::find(config_.deepstack.begin(), config_.deepstack.end(), i);
    if (level != config_.deepstack.end()) {
      const auto k = static_cast<std::size_t>(level - config_.deepstack.begin());
      merger(step, shape_, deepstack_[k], b.blocks, n, group, features + (1 + k) * tokens * out, out, eps, numerics);
    }
  }
  merger(step, shape_, merger_, b.blocks, n, group, features, out, eps, numerics);
}

template <class A>
void VisionEncoder<A>::fill_inputs(const PatchGrid& grid, const float* patches, VisionEncoderBuffers& b) const {
  b.data.patches = patches;
  const int merge = static_cast<int>(config_.merge);
  const std::vector<PatchPosition> positions = patch_positions(grid.h, grid.w, merge);
  const std::vector<PositionTaps> taps = position_taps(grid.h, grid.w, static_cast<int>(config_.position_side), merge);
  const auto slices = static_cast<std::size_t>(grid.t);
  for (std::size_t t = 0; t < slices; ++t) {
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const std::size_t at = t * positions.size() + p;
      std::copy_n(taps[p].index.data(), 4, b.data.corners + at * 4);
      std::copy_n(taps[p].weight.data(), 4, b.data.corner_weights + at * 4);
      b.data.positions[at * 2] = positions[p].row;
      b.data.positions[at * 2 + 1] = positions[p].column;
    }
  }
  for (std::size_t t = 0; t <= slices; ++t) b.data.segments[t] = static_cast<std::int32_t>(t * positions.size());
}

template <class A>
template <class Loader>
void VisionEncoder<A>::register_weights(const WeightSource& source, Loader& loader) {
  const std::size_t h = config_.hidden;
  const std::size_t wide = h * config_.merge * config_.merge;
  const std::size_t out = config_.out_hidden;
  patch_.outputs = h;
  patch_.times = config_.temporal_patch;
  patch_.side = config_.patch;
  loader.vector(patch_.weight, patch_weights(source));
  loader.vector(patch_.bias, source.get("v.patch_embd.bias", {h}));
  loader.vector(positions_, source.get("v.position_embd.weight", {config_.position_side * config_.position_side, h}));
  blocks_.resize(config_.depth);
  for (std::size_t i = 0; i < config_.depth; ++i) {
    const std::string p = "v.blk." + std::to_string(i) + ".";
    VisionBlockWeights<Arch>& w = blocks_[i];
    norm(source, loader, w.norm1, p + "ln1", h);
    norm(source, loader, w.norm2, p + "ln2", h);
    affine(source, loader, w.qkv, p + "attn_qkv", 3 * h, h);
    affine(source, loader, w.out, p + "attn_out", h, h);
    affine(source, loader, w.up, p + "ffn_up", config_.ffn, h);
    affine(source, loader, w.down, p + "ffn_down", h, config_.ffn);
  }
  norm(source, loader, merger_.norm, "v.post_ln", h);
  affine(source, loader, merger_.fc1, "mm.0", wide, wide);
  affine(source, loader, merger_.fc2, "mm.2", out, wide);
  deepstack_.resize(config_.deepstack.size());
  for (std::size_t k = 0; k < deepstack_.size(); ++k) {
    const std::string p = "v.deepstack." + std::to_string(config_.deepstack[k]) + ".";
    deepstack_[k].norm_after_merge = true;
    norm(source, loader, deepstack_[k].norm, p + "norm", wide);
    affine(source, loader, deepstack_[k].fc1, p + "fc1", wide, wide);
    affine(source, loader, deepstack_[k].fc2, p + "fc2", out, wide);
  }
}

template <class A>
SourceTensor VisionEncoder<A>::patch_weights(const WeightSource& source) const {
  const std::size_t side = config_.patch;
  const std::size_t area = side * side;
  const auto weights = std::make_shared<std::vector<float>>(patch_.panels() * PatchKernel::panel * patch_.values());
  SourceTensor joined;
  std::vector<float> row(patch_.channels * area);
  for (std::size_t t = 0; t < patch_.times; ++t) {
    const std::string name = "v.patch_embd.weight" + (t == 0 ? "" : "." + std::to_string(t));
    const SourceTensor part = source.get(name, {patch_.outputs, patch_.channels, side, side});
    const std::size_t row_bytes = part.tensor.bytes.size() / patch_.outputs;
    for (std::size_t o = 0; o < patch_.outputs; ++o) {
      decode_row(part.tensor.type_id, part.tensor.bytes.data() + o * row_bytes, row.size(), row.data());
      for (std::size_t i = 0; i < row.size(); ++i) {
        (*weights)[patch_.at(o, i / area, t * area + i % area)] = row[i] * part.scale();
      }
    }
    if (t == 0) joined = part;
  }
  joined.mapping = nullptr;
  joined.scales.clear();
  joined.tensor.type_id = F32::type_id;
  joined.tensor.rank = 1;
  joined.tensor.shape = {weights->size(), 1, 1, 1};
  joined.tensor.bytes = std::as_bytes(std::span(*weights));
  joined.tensor.owner = weights;
  return joined;
}

VLMT_END_NAMESPACE
