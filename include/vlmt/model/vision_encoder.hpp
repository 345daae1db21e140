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
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/model/vision_config.hpp"
#include "vlmt/model/vision_weights.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/nn/probe.hpp"
#include "vlmt/nn/vision/block.hpp"
#include "vlmt/nn/vision/frame_patches.hpp"
#include "vlmt/nn/vision/merger.hpp"
#include "vlmt/nn/vision/patch_grid.hpp"
#include "vlmt/nn/vision/position_grid.hpp"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/patch_kernel.hpp"
#include "vlmt/op/patches.hpp"
#include "vlmt/op/rope_policy.hpp"
#include "vlmt/op/rotary.hpp"
#include "vlmt/op/rows.hpp"

VLMT_BEGIN_NAMESPACE

/// Inputs of a vision encoder beside the patches. The host writes them before the step runs
/// (VisionEncoder::fill_inputs).
struct VisionInputs {
  std::int32_t* corners = nullptr;    ///< (patches, 4): rows of the position table to interpolate
  float* corner_weights = nullptr;    ///< (patches, 4)
  std::int32_t* positions = nullptr;  ///< (patches, 2): row, column
  std::int32_t* segments = nullptr;   ///< (slices + 1): first patch of each slice, and the end

  static VisionInputs take(Carver& carver, std::size_t patches, std::size_t slices) {
    VisionInputs in;
    in.corners = carver.take<std::int32_t>(patches * 4);
    in.corner_weights = carver.take<float>(patches * 4);
    in.positions = carver.take<std::int32_t>(patches * 2);
    in.segments = carver.take<std::int32_t>(slices + 1);
    return in;
  }
};

/// Workspace of a vision encoder for one image or video; weights are stored elsewhere.
template <class B>
struct VisionEncoderBuffers {
  VisionInputs inputs;
  float* patches = nullptr;  ///< (patches, patch values), as op::Patchify writes them
  VisionBuffers<B> blocks;
  float* rope = nullptr;  ///< (patches, head_dim): rotary cosines and sines
};

/// The vision encoder of Qwen3-VL on backend B: patches, blocks, merger, DeepStack. Immutable once its weights are
/// loaded. An encoder of another family has the same members (docs/add-a-model-family.md).
template <class B>
class VisionEncoder {
 public:
  using Config = VisionConfig;
  using Inputs = VisionInputs;
  using Buffers = VisionEncoderBuffers<B>;
  using Parts = VisionBlockParts<GeluTanh>;

  static Config read_config(const GgufFile& mmproj) { return read_vision_config(mmproj); }
  /// The grid of an image or of sampled video frames; see image_grid() and video_grid() of nn/vision/frame_patches.hpp.
  PatchGrid grid(int height, int width, const VisionPreprocess& p) const { return image_grid(height, width, p); }
  PatchGrid grid(int frames, int height, int width, const VisionPreprocess& p) const {
    return video_grid(frames, height, width, p);
  }
  /// Writes the patches of an Image or of frames; see write_patches() of nn/vision/frame_patches.hpp.
  template <class Source, class Run>
  void patches(const Source& source, const PatchGrid& grid, const VisionPreprocess& p, std::size_t members, float* out,
               const Run& run) const {
    write_patches<B>(source, grid, p, members, out, run);
  }

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

  /// Carves the workspace for a grid of `patches` patches in `slices` temporal slices, the inputs first; an empty
  /// carver only counts bytes. `members`: maximum threads.
  Buffers take_buffers(Carver& carver, std::size_t patches, std::size_t slices, std::size_t members) const;

  /// Issues the vision encoder for b.patches, with the inputs of fill_inputs() in b.inputs. Writes `features` (1 +
  /// levels, patches / merge^2, out_hidden): level 0 are the main features, the others DeepStack.
  template <Step S, class Probe>
  void forward(S& step, const Buffers& b, const PatchGrid& grid, float* features, Numerics numerics,
               Probe& probe) const;

  /// Writes the inputs for a grid.
  void fill_inputs(const PatchGrid& grid, const VisionInputs& inputs) const;

 private:
  template <class Loader>
  void register_weights(VisionWeights<B, Loader> weights);

  VisionConfig config_;
  VisionShape shape_;
  const float* frequencies_ = nullptr;
  PatchKernel patch_;
  const float* positions_ = nullptr;  ///< (side * side, hidden)
  std::vector<VisionBlockWeights<B>> blocks_;
  MergerWeights<B> merger_;
  std::vector<MergerWeights<B>> deepstack_;
};

template <class B>
template <class Loader>
VisionEncoder<B>::VisionEncoder(const VisionConfig& config, const WeightSource& source, Loader& loader,
                                std::optional<std::uint32_t> format)
    : config_(config), shape_{config.hidden, config.heads, config.ffn} {
  register_weights(VisionWeights<B, Loader>{source, loader, format});
  std::vector<float> frequencies(Rope2d::frequencies(shape_.head_dim() / 2));
  rope_frequencies(10000.0, frequencies.size(), nullptr, frequencies.data());
  loader.vector(frequencies_, SourceTensor::of(std::move(frequencies), source.path()));
}

template <class B>
typename VisionEncoder<B>::Buffers VisionEncoder<B>::take_buffers(Carver& carver, std::size_t patches,
                                                                  std::size_t slices, std::size_t members) const {
  using Types = BackendTypes<B>;
  Buffers b;
  const std::size_t h = config_.hidden;
  const std::size_t group = config_.merge * config_.merge;
  const std::size_t chunk = std::min(round_up(patches, group), Types::row_chunk);
  b.inputs = VisionInputs::take(carver, patches, slices);
  b.patches = carver.take<float>(patches * config_.patch_values());
  b.rope = carver.take<float>(rope_table_floats(patches, shape_.head_dim() / 2));
  b.blocks.x = carver.take<float>(patches * h);
  b.blocks.qkv = carver.take<float>(patches * 3 * h);
  b.blocks.merged = Types::take_rows(carver, patches, h);
  // A merger reads chunk / group rows of group * h values: no more floats than chunk rows of h, each padded.
  b.blocks.input = Types::take_normed_rows(carver, chunk, h);
  b.blocks.inner = Types::take_rows(carver, chunk, std::max(config_.ffn, h));
  b.blocks.scratch = Types::take_attend(carver, shape_.heads, shape_.head_dim(), 0, 0, members);
  return b;
}

template <class B>
template <Step S, class Probe>
void VisionEncoder<B>::forward(S& step, const Buffers& b, const PatchGrid& grid, float* features, Numerics numerics,
                               Probe& probe) const {
  const std::size_t n = grid.patches();
  const std::size_t h = config_.hidden;
  const std::size_t group = config_.merge * config_.merge;
  const std::size_t tokens = n / group;
  const std::size_t out = config_.out_hidden;
  const float eps = config_.norm_eps;
  const VisionInputs& d = b.inputs;
  float* x = b.blocks.x;
  step("patches", op::Patches{patch_, b.patches, n, x});
  step("patch positions", op::AddWeighted{positions_, d.corners, d.corner_weights, x, n, 4, h});
  step("vision angles", op::Angles{Rope2d{}, d.positions, frequencies_, n, shape_.head_dim() / 2, b.rope});

  const SegmentedAttention segments(d.segments, static_cast<std::size_t>(grid.t));
  for (std::size_t i = 0; i < config_.depth; ++i) {
    vision_block<Parts>(step, shape_, blocks_[i], b.blocks, n, segments, b.rope, eps, numerics);
    probe_vision(step, probe, i, x, n, h);
    const auto level = std::find(config_.deepstack.begin(), config_.deepstack.end(), i);
    if (level != config_.deepstack.end()) {
      const auto k = static_cast<std::size_t>(level - config_.deepstack.begin());
      merger(step, shape_, deepstack_[k], b.blocks, n, group, features + (1 + k) * tokens * out, out, eps, numerics);
    }
  }
  merger(step, shape_, merger_, b.blocks, n, group, features, out, eps, numerics);
}

template <class B>
void VisionEncoder<B>::fill_inputs(const PatchGrid& grid, const VisionInputs& inputs) const {
  const int merge = static_cast<int>(config_.merge);
  const std::vector<PatchPosition> positions = patch_positions(grid.h, grid.w, merge);
  const std::vector<PositionTaps> taps = position_taps(grid.h, grid.w, static_cast<int>(config_.position_side), merge);
  const auto slices = static_cast<std::size_t>(grid.t);
  for (std::size_t t = 0; t < slices; ++t) {
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const std::size_t at = t * positions.size() + p;
      std::copy_n(taps[p].index.data(), 4, inputs.corners + at * 4);
      std::copy_n(taps[p].weight.data(), 4, inputs.corner_weights + at * 4);
      inputs.positions[at * 2] = positions[p].row;
      inputs.positions[at * 2 + 1] = positions[p].column;
    }
  }
  for (std::size_t t = 0; t <= slices; ++t) inputs.segments[t] = static_cast<std::int32_t>(t * positions.size());
}

template <class B>
template <class Loader>
void VisionEncoder<B>::register_weights(VisionWeights<B, Loader> weights) {
  const std::size_t h = config_.hidden;
  const std::size_t wide = h * config_.merge * config_.merge;
  const std::size_t out = config_.out_hidden;
  patch_.outputs = h;
  patch_.times = config_.temporal_patch;
  patch_.side = config_.patch;
  weights.patch_kernel(patch_, "v.patch_embd.weight", "v.patch_embd.bias");
  weights.floats(positions_, "v.position_embd.weight", {config_.position_side * config_.position_side, h});
  blocks_.resize(config_.depth);
  for (std::size_t i = 0; i < config_.depth; ++i) {
    weights.block(blocks_[i], "v.blk." + std::to_string(i) + ".", h, config_.ffn);
  }
  weights.norm(merger_.norm, "v.post_ln", h);
  weights.affine(merger_.fc1, "mm.0", wide, wide);
  weights.affine(merger_.fc2, "mm.2", out, wide);
  deepstack_.resize(config_.deepstack.size());
  for (std::size_t k = 0; k < deepstack_.size(); ++k) {
    const std::string p = "v.deepstack." + std::to_string(config_.deepstack[k]) + ".";
    deepstack_[k].norm_after_merge = true;
    weights.norm(deepstack_[k].norm, p + "norm", wide);
    weights.affine(deepstack_[k].fc1, p + "fc1", wide, wide);
    weights.affine(deepstack_[k].fc2, p + "fc2", out, wide);
  }
}

VLMT_END_NAMESPACE
