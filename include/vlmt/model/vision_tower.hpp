// The vision tower of Qwen3-VL: patches to features and DeepStack features, as ops on a Step.
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

/// What a tower reads: filled by the host before the step runs.
struct VisionData {
  const float* patches = nullptr;     ///< (patches, patch values), see nn/vision/patchify.hpp; the caller's
  std::int32_t* corners = nullptr;    ///< (patches, 4): rows of the position table
  float* corner_weights = nullptr;    ///< (patches, 4)
  std::int32_t* positions = nullptr;  ///< (patches, 2): row, column
  std::int32_t* segments = nullptr;   ///< (slices + 1): first patch of each slice, and the end
};

/// All memory that a tower needs besides its weights and the patches, for one picture or video.
struct TowerBuffers {
  VisionData data;
  VisionBuffers blocks;
  float* rope = nullptr;
};

/// A tower for arch A.
template <class A>
class VisionTower {
 public:
  using Arch = A;

  VisionTower() = default;
  /// Names all weights to the loader; they are there once it has loaded. The tower must stay where it is until then.
  /// `format`: what the matrices of the blocks and mergers are converted to, see WeightLoader::matrix.
  template <class Loader>
  VisionTower(const VisionConfig& config, const WeightSource& source, Loader& loader,
              std::optional<std::uint32_t> format = std::nullopt);

  const VisionConfig& config() const noexcept { return config_; }
  std::size_t levels() const noexcept { return config_.deepstack.size(); }
  /// True if the blocks read int8 activations where the numerics allow it.
  bool takes_int8() const noexcept { return blocks_.front().qkv.matrix.takes_int8(); }

  /// Carves the buffers for a grid of `patches` in `slices`; over an empty carver it counts them.
  TowerBuffers take_buffers(Carver& carver, std::size_t patches, std::size_t slices, std::size_t members) const;

  /// Issues the tower for the grid whose patches stand in b.data. Features go to `features`
  /// (1 + levels, patches / merge^2, out_hidden), level after level.
  template <Step S, class Probe>
  void forward(S& step, const TowerBuffers& b, const PatchGrid& grid, float* features, Numerics numerics,
               Probe& probe) const;

  /// Fills b.data for a grid: everything but the patches themselves.
  void place(const PatchGrid& grid, const float* patches, TowerBuffers& b) const;

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
  void name_weights(const WeightSource& source, Loader& loader);

  // The files keep the temporal halves of the patch convolution apart, each (h, 3, patch, patch).
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
VisionTower<A>::VisionTower(const VisionConfig& config, const WeightSource& source, Loader& loader,
                            std::optional<std::uint32_t> format)
    : config_(config), shape_{config.hidden, config.heads, config.ffn}, format_(format) {
  name_weights(source, loader);
  frequencies_.resize(Rope2d::frequencies(shape_.head_dim() / 2));
  rope_frequencies(10000.0, frequencies_.size(), nullptr, frequencies_.data());
}

template <class A>
TowerBuffers VisionTower<A>::take_buffers(Carver& carver, std::size_t patches, std::size_t slices,
                                          std::size_t members) const {
  TowerBuffers b;
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
  // A merger reads chunk / group rows of group * h values: as many as chunk rows of h, but for the padding of a row.
  b.blocks.input = InputRows::take_corrected<Arch>(carver, chunk, h);
  b.blocks.inner = InputRows::take<Arch>(carver, chunk, std::max(config_.ffn, h));
  b.blocks.scratch.tiles = carver.take<float>(members * attention_tile_floats(shape_.head_dim()));
  return b;
}

template <class A>
template <Step S, class Probe>
void VisionTower<A>::forward(S& step, const TowerBuffers& b, const PatchGrid& grid, float* features, Numerics numerics,
                             Probe& probe) const {
  const std::size_t n = grid.patches();
  const std::size_t h = config_.hidden;
  const std::size_t group = config_.merge * config_.merge;
  const std::size_t tokens = n / group;
  const std::size_t out = config_.out_hidden;
  const float eps = config_.norm_eps;
  const VisionData d = b.data;
  float* x = b.blocks.x;
  const VisionTower* self = this;

  step("patches", [=](Member& m) noexcept { patch_embed<Arch>(self->patch_, d.patches, n, x, m); });
  step("patch positions", [=](Member& m) noexcept {
    add_weighted_rows<Arch>(self->positions_, d.corners, d.corner_weights, n, 4, h, x, m);
  });
  const std::size_t half = shape_.head_dim() / 2;
  const float* frequencies = frequencies_.data();
  float* table = b.rope;
  step("vision angles",
       [=](Member& m) noexcept { rope_table<Arch>(Rope2d{}, d.positions, n, frequencies, half, table, m); });

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
void VisionTower<A>::place(const PatchGrid& grid, const float* patches, TowerBuffers& b) const {
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
void VisionTower<A>::name_weights(const WeightSource& source, Loader& loader) {
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
SourceTensor VisionTower<A>::patch_weights(const WeightSource& source) const {
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
