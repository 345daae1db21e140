// A family that is not in the library: LLaVA-1.5, from its GGUF and mmproj files. Only parts and names.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/model/model_pair.hpp"
#include "vlmt/model/qwen3vl.hpp"
#include "vlmt/nn/vision/clip_preprocess.hpp"

namespace llava {

using namespace vlmt;

/// CLIP with a class token, learned positions and no rotation; the projector is an MLP of two layers.
template <class B>
class ClipVision {
 public:
  using Config = VisionConfig;
  struct Inputs {
    std::int32_t *first, *rows, *patch_rows, *segments;  ///< 0; 0 .. n; 1 .. n; {0, n + 1}
    float* ones;
    static Inputs take(Carver& c, std::size_t n, std::size_t) {
      return {c.take<std::int32_t>(1), c.take<std::int32_t>(n + 1), c.take<std::int32_t>(n), c.take<std::int32_t>(2),
              c.take<float>(n + 1)};
    }
  };
  struct Buffers {
    Inputs inputs;
    float *patches, *raw;
    VisionBuffers<B> blocks;
  };

  static Config read_config(const GgufFile& f) {
    Config c;
    c.file = f.path();
    read_vision_sizes(f, c);
    c.merge = c.temporal_patch = 1;
    c.out_hidden = c.projection = static_cast<std::size_t>(f.require_tensor("mm.2.weight").ne[1]);
    const std::size_t side = detail::require_size(f, "clip.vision.image_size", c.patch, 4096);
    c.min_pixels = c.max_pixels = side * side;
    return c;
  }

  ClipVision() = default;
  template <class Loader>
  ClipVision(const Config& c, const WeightSource& source, Loader& loader, std::optional<std::uint32_t> as = {})
      : config_(c), shape_{c.hidden, c.heads, c.ffn}, blocks_(c.depth) {
    const std::size_t h = c.hidden, out = c.out_hidden, columns = side() / c.patch;
    VisionWeights<B, Loader> weights{source, loader, as};
    patch_ = {.outputs = h, .times = 1, .side = c.patch};
    weights.patch_kernel(patch_, "v.patch_embd.weight", "");
    weights.floats(class_, "v.class_embd", {h});
    weights.floats(positions_, "v.position_embd.weight", {columns * columns + 1, h});
    weights.norm(norm_, "v.pre_ln", h);
    for (std::size_t i = 0; i < c.depth; ++i) weights.block(blocks_[i], "v.blk." + std::to_string(i) + ".", h, c.ffn);
    weights.affine(first_, "mm.0", out, h);
    weights.affine(second_, "mm.2", out, out);
  }

  const Config& config() const { return config_; }
  std::size_t levels() const { return 0; }
  bool takes_int8() const { return first_.matrix.takes_int8(); }
  PatchGrid grid(int, int, const VisionPreprocess&) const {
    const int n = static_cast<int>(side() / config_.patch);
    return {1, n, n};
  }
  PatchGrid grid(int, int, int, const VisionPreprocess&) const { throw InputError("this model reads no videos"); }
  template <class Run>
  void patches(const Image& image, const PatchGrid& grid, const VisionPreprocess& p, std::size_t members, float* out,
               const Run& run) const {
    FramePatches<B> frame(image.height, image.width, grid, p, members,
                          plan_central_square(image, static_cast<int>(side())));
    const std::uint8_t* pixels = image.rgb.data();
    frame.slice({&pixels, 1}, out, run);
  }
  template <class Run>
  void patches(std::span<const Image>, const PatchGrid&, const VisionPreprocess&, std::size_t, float*,
               const Run&) const {}

  Buffers take_buffers(Carver& c, std::size_t n, std::size_t, std::size_t members) const {
    using Types = BackendTypes<B>;
    const std::size_t h = config_.hidden, rows = n + 1, wide = std::max(config_.ffn, config_.out_hidden);
    Buffers b{Inputs::take(c, n, 1), c.take<float>(n * config_.patch_values()), c.take<float>(rows * h), {}};
    b.blocks = {c.take<float>(rows * h),         c.take<float>(rows * 3 * h),
                Types::take_rows(c, rows, h),    Types::take_normed_rows(c, rows, h),
                Types::take_rows(c, rows, wide), Types::take_attend(c, shape_.heads, shape_.head_dim(), 0, 0, members)};
    return b;
  }
  void fill_inputs(const PatchGrid& grid, const Inputs& in) const {
    const auto n = static_cast<std::int32_t>(grid.patches());
    in.first[0] = in.segments[0] = 0;
    in.segments[1] = n + 1;
    std::iota(in.rows, in.rows + n + 1, 0);
    std::iota(in.patch_rows, in.patch_rows + n, 1);
    std::fill_n(in.ones, n + 1, 1.0f);
  }
  template <Step S, class Probe>
  void forward(S& step, const Buffers& b, const PatchGrid& grid, float* features, Numerics numerics,
               Probe& probe) const {
    using Types = BackendTypes<B>;
    const std::size_t n = grid.patches(), h = config_.hidden, out = config_.out_hidden;
    const float eps = config_.norm_eps;
    step("patches", op::Patches{patch_, b.patches, n, b.raw + h});
    step("class token", op::Gather{class_, b.inputs.first, b.raw, 1, h});
    step("positions", op::AddWeighted{positions_, b.inputs.rows, b.inputs.ones, b.raw, n + 1, 1, h});
    step("norm", op::NormaliseFloats{LayerNorm{norm_.weight, norm_.bias, eps}, b.raw, b.blocks.x, n + 1, h});
    const SegmentedAttention all(b.inputs.segments, 1);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      vision_block<VisionBlockParts<QuickGelu>>(step, shape_, blocks_[i], b.blocks, n + 1, all, nullptr, eps, numerics);
      probe_vision(step, probe, i, b.blocks.x, n + 1, h);
    }
    const RowsOf<B> in = Types::rows(b.blocks.input, numerics, n, h, n, first_.matrix);
    const RowsOf<B> inner = Types::rows(b.blocks.inner, numerics, n, out, n, second_.matrix);
    step("patches", op::Gather{b.blocks.x, b.inputs.patch_rows, Types::floats(b.blocks.input), n, h});
    step("rounding", op::Convert{in});
    step("project", op::Product{in, op::One{first_.matrix}, op::Activate<GeluErf, RowsOf<B>>{inner, first_.bias}});
    step("project", op::Product{inner, op::One{second_.matrix}, op::StoreBiased{features, out, second_.bias}});
  }

 private:
  std::size_t side() const {
    return static_cast<std::size_t>(std::sqrt(static_cast<double>(config_.max_pixels)) + 0.5);
  }

  Config config_;
  VisionShape shape_;
  PatchKernel patch_;
  const float *class_ = nullptr, *positions_ = nullptr;
  LayerNormWeights norm_;
  std::vector<VisionBlockWeights<B>> blocks_;
  AffineWeights<B> first_, second_;
};

/// Llama with one rotary position and no norms of queries and keys.
struct Llava {
  static constexpr std::array<std::string_view, 1> architectures{"llama"};
  using Backend = Cpu<>;
  using Formats = formats::all;
  using Shapes = DynamicShapes;
  using Norm = RmsNorm;
  using Attention = CausalAttention;
  using Rotary = Rope1d<RopePairs>;
  using Activation = Silu;
  using Router = TopKRouter<>;
  using KvFormat = F16;
  static constexpr DecoderNames names{};
  static constexpr bool has_qk_norm = false;
  static Rotary rotary(const TextConfig&) { return {}; }
  template <class B>
  using Vision = ClipVision<B>;
  static void check_pair(const TextConfig& text, const VisionConfig& vision) { vlmt::check_pair(text, vision); }
};

}  // namespace llava
