// From images and videos to features: size rule, resize, patches, vision encoder, and an LRU cache of features.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/in_use.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/executor.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/model/vision_features.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/nn/probe.hpp"
#include "vlmt/nn/vision/preprocess.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/runtime/content_key.hpp"
#include "vlmt/runtime/vision_options.hpp"
#include "vlmt/runtime/vision_workspace.hpp"

VLMT_BEGIN_NAMESPACE

/// Preprocessing parameters of a vision encoder under these options. Throws InputError for contradictory pixel limits.
inline VisionPreprocess vision_preprocess(const VisionConfig& c, const VisionOptions& options) {
  VisionPreprocess p;
  p.layout = {static_cast<int>(c.patch), static_cast<int>(c.temporal_patch), static_cast<int>(c.merge)};
  p.normalisation = {c.mean, c.std};
  p.image_limits = {options.min_pixels.value_or(c.min_pixels), options.max_pixels.value_or(c.max_pixels)};
  p.video_limits = qwen3vl_video_limits;
  if (options.max_pixels) {
    p.video_limits = {std::min(p.video_limits.min_pixels, *options.max_pixels), *options.max_pixels};
  }
  if (p.image_limits.min_pixels > p.image_limits.max_pixels || p.image_limits.max_pixels < c.factor() * c.factor()) {
    throw InputError("the pixel limits contradict each other", {{},
                                                                {},
                                                                "max_pixels",
                                                                "at least " + std::to_string(p.image_limits.min_pixels),
                                                                std::to_string(p.image_limits.max_pixels)});
  }
  return p;
}

/// Called on the calling thread after every block of the vision encoder, with the blocks done and in total. May throw
/// to cancel.
using VisionProgress = std::function<void(std::size_t done, std::size_t total)>;

/// A probe that reports progress and passes the output of blocks on to `probe`.
template <class Probe>
struct BlockProgress {
  Probe& probe;
  const VisionProgress& progress;
  std::size_t blocks;

  void vision(std::size_t block, TensorView<const float, 2> x) const {
    if constexpr (ProbesVision<Probe>) probe.vision(block, x);
    if (progress) progress(block + 1, blocks);
  }
};

/// Runs the vision encoder of a model. Calls with a StopFlag throw Cancelled soon after it is set, and keep nothing.
///
/// Not thread-safe: encoding during another call that encodes, from its `progress` or from a second thread, throws
/// InputError.
template <class M, Team T, class Probe = NoProbe>
class VisionRunner {
 public:
  using Backend = typename M::Backend;
  using Encoder = VisionOf<M>;
  using Features = std::shared_ptr<const VisionFeatures>;

  /// Model and team must outlive the runner and must not be moved while it lives. Before the model is loaded only sizes
  /// can be asked. Throws InputError for contradictory pixel limits.
  VisionRunner(const Vlm<M>& model, T& team, const VisionOptions& options = {}, Probe probe = {});
  VisionRunner(const Vlm<M>&&, T&, const VisionOptions& = {}, Probe = {}) = delete;  // vlmt: as Runner

  const VisionPreprocess& preprocess() const noexcept { return config_; }
  Probe& probe() noexcept { return probe_; }

  /// Tokens that an image of this size in pixels takes. Throws InputError for sizes that are refused and for a
  /// text-only model.
  std::size_t tokens(int height, int width) const {
    require_vision_encoder();
    return model_->vision_encoder()->grid(height, width, config_).tokens(config_.layout.merge);
  }

  /// Bytes of scratch for an image of `pixels` after resizing: the vision encoder's buffers, patches included.
  static std::size_t scratch_bytes(const Encoder& encoder, std::size_t pixels, std::size_t members);

  /// The cache key of an image's features and its grid in patches, without running the vision encoder. `max_pixels` is
  /// the image's own bound (ImageSource::max_pixels), here and below. Throws InputError for sizes that are refused and
  /// for a text-only model.
  std::pair<ContentKey, PatchGrid> describe(const Image& image, std::optional<std::uint64_t> max_pixels = {}) const;
  std::pair<ContentKey, PatchGrid> describe_video(std::span<const Image> frames,
                                                  std::optional<std::uint64_t> max_pixels = {}) const;

  /// Features of an image, from the cache if it holds them. Throws as describe(), what `progress` throws, and
  /// InputError if the bytes of the image do not match its size or the model is not loaded.
  Features encode(const Image& image, std::optional<std::uint64_t> max_pixels = {}, const StopFlag* stop = nullptr,
                  const VisionProgress& progress = {});

  /// Features of sampled video frames, slice after slice, from the cache if it holds them. Throws as encode(), and
  /// InputError if the frames differ in size.
  Features encode_video(std::span<const Image> frames, std::optional<std::uint64_t> max_pixels = {},
                        const StopFlag* stop = nullptr, const VisionProgress& progress = {});

  /// Cached features, or null. Marks them as the most recently used.
  Features find(const ContentKey& key);

  /// Features of given patches; the cache is not used. Throws InputError if they do not fill their grid, or the grid is
  /// no whole number of merged patches, for a text-only model and for one that is not loaded.
  Features encode_patches(const VisionPatches& patches, ContentKey key = ContentKey::unique()) {
    const InUse::Call call = begin_call();
    require_vision_encoder();
    check_patches(patches);
    prepare(patches.grid);
    executor_.put(workspace_.buffers().patches, patches.values.data(), patches.values.size());
    return run(patches.grid, key, nullptr, {});
  }

  std::size_t cached_bytes() const noexcept { return cached_bytes_; }
  /// Lookups served from the cache so far.
  std::size_t cache_hits() const noexcept { return hits_; }

 private:
  void require_vision_encoder() const {
    if (model_->vision_encoder() == nullptr) {
      throw InputError("the model was loaded without its mmproj file, which images need");
    }
  }

  InUse::Call begin_call() {
    return {in_use_, "the vision runner is encoding: its callbacks and other threads must not call it"};
  }

  void check_patches(const VisionPatches& patches) const;

  Features keep(Features features);

  // Makes room for a grid.
  void prepare(const PatchGrid& grid) {
    model_->require_loaded();
    workspace_.prepare(*model_->vision_encoder(), grid, executor_.members());
  }

  // Encodes an image or a video, resized to a grid.
  template <class Source>
  Features run(const Source& source, const PatchGrid& grid, const VisionPreprocess& config, const ContentKey& key,
               const StopFlag* stop, const VisionProgress& progress);

  // Encodes the patches in the workspace.
  Features run(const PatchGrid& grid, const ContentKey& key, const StopFlag* stop, const VisionProgress& progress);

  const Vlm<M>* model_;
  TeamExecutor<Backend, T> executor_;
  VisionOptions options_;
  Probe probe_;
  VisionPreprocess config_;
  VisionWorkspace<Encoder, Backend> workspace_;
  std::list<Features> cache_;  ///< most recently used first
  std::size_t cached_bytes_ = 0;
  std::size_t hits_ = 0;
  InUse in_use_;
};

template <class M, Team T, class Probe>
VisionRunner<M, T, Probe>::VisionRunner(const Vlm<M>& model, T& team, const VisionOptions& options, Probe probe)
    : model_(&model), executor_(team), options_(options), probe_(std::move(probe)) {
  if (model.vision_encoder() == nullptr) return;
  config_ = vision_preprocess(model.vision_encoder()->config(), options);
}

template <class M, Team T, class Probe>
std::size_t VisionRunner<M, T, Probe>::scratch_bytes(const Encoder& encoder, std::size_t pixels, std::size_t members) {
  const VisionConfig& c = encoder.config();
  const std::size_t patches = round_up(ceil_div(pixels, c.patch * c.patch), c.merge * c.merge);
  return VisionWorkspace<Encoder, Backend>::bytes(encoder, patches, 1, members);
}

template <class M, Team T, class Probe>
std::pair<ContentKey, PatchGrid> VisionRunner<M, T, Probe>::describe(const Image& image,
                                                                     std::optional<std::uint64_t> max_pixels) const {
  require_vision_encoder();
  const Image* one = &image;
  const VisionPreprocess own = config_.lowered(max_pixels);
  const bool reduced = image.original_height > 0 && image.original_width > 0;
  return {content_key({one, 1}, own.image_limits.min_pixels, own.image_limits.max_pixels, 0),
          model_->vision_encoder()->grid(reduced ? image.original_height : image.height,
                                         reduced ? image.original_width : image.width, own)};
}

template <class M, Team T, class Probe>
std::pair<ContentKey, PatchGrid> VisionRunner<M, T, Probe>::describe_video(
    std::span<const Image> frames, std::optional<std::uint64_t> max_pixels) const {
  require_vision_encoder();
  if (frames.empty()) throw InputError("a video without frames");
  const VisionPreprocess own = config_.lowered(max_pixels);
  return {content_key(frames, own.video_limits.min_pixels, own.video_limits.max_pixels, 1),
          model_->vision_encoder()->grid(static_cast<int>(frames.size()), frames[0].height, frames[0].width, own)};
}

template <class M, Team T, class Probe>
typename VisionRunner<M, T, Probe>::Features VisionRunner<M, T, Probe>::encode(const Image& image,
                                                                               std::optional<std::uint64_t> max_pixels,
                                                                               const StopFlag* stop,
                                                                               const VisionProgress& progress) {
  const InUse::Call call = begin_call();
  const auto [key, grid] = describe(image, max_pixels);
  if (Features known = find(key)) return known;
  return keep(run(image, grid, config_.lowered(max_pixels), key, stop, progress));
}

template <class M, Team T, class Probe>
typename VisionRunner<M, T, Probe>::Features VisionRunner<M, T, Probe>::encode_video(
    std::span<const Image> frames, std::optional<std::uint64_t> max_pixels, const StopFlag* stop,
    const VisionProgress& progress) {
  const InUse::Call call = begin_call();
  const auto [key, grid] = describe_video(frames, max_pixels);
  if (Features known = find(key)) return known;
  return keep(run(frames, grid, config_.lowered(max_pixels), key, stop, progress));
}

template <class M, Team T, class Probe>
typename VisionRunner<M, T, Probe>::Features VisionRunner<M, T, Probe>::find(const ContentKey& key) {
  const auto it = std::find_if(cache_.begin(), cache_.end(), [&](const Features& f) { return f->key == key; });
  if (it == cache_.end()) return nullptr;
  ++hits_;
  cache_.splice(cache_.begin(), cache_, it);
  return cache_.front();
}

template <class M, Team T, class Probe>
void VisionRunner<M, T, Probe>::check_patches(const VisionPatches& patches) const {
  const PatchGrid& g = patches.grid;
  const PatchLayout& layout = config_.layout;
  constexpr int most = 1 << 16;  // a side, so that products do not overflow
  const bool whole = std::min({g.t, g.h, g.w}) > 0 && std::max({g.t, g.h, g.w}) <= most && g.h % layout.merge == 0 &&
                     g.w % layout.merge == 0;
  if (whole && patches.values.size() == g.patches() * layout.values()) return;
  throw InputError("the patches do not fill their grid",
                   {{},
                    {},
                    "patches",
                    std::to_string(layout.values()) + " values for each patch, and sides that are multiples of " +
                        std::to_string(layout.merge),
                    std::to_string(patches.values.size()) + " values for " + std::to_string(g.t) + " x " +
                        std::to_string(g.h) + " x " + std::to_string(g.w) + " patches"});
}

template <class M, Team T, class Probe>
typename VisionRunner<M, T, Probe>::Features VisionRunner<M, T, Probe>::keep(Features features) {
  if (features->bytes() > options_.cache_bytes) return features;
  cache_.push_front(features);
  cached_bytes_ += features->bytes();
  while (cached_bytes_ > options_.cache_bytes) {
    cached_bytes_ -= cache_.back()->bytes();
    cache_.pop_back();
  }
  return features;
}

template <class M, Team T, class Probe>
template <class Source>
typename VisionRunner<M, T, Probe>::Features VisionRunner<M, T, Probe>::run(const Source& source, const PatchGrid& grid,
                                                                            const VisionPreprocess& config,
                                                                            const ContentKey& key, const StopFlag* stop,
                                                                            const VisionProgress& progress) {
  prepare(grid);
  model_->vision_encoder()->patches(source, grid, config, executor_.members(), workspace_.buffers().patches,
                                    [&](const auto& issue) { executor_.run(issue, stop); });
  return run(grid, key, stop, progress);
}

template <class M, Team T, class Probe>
typename VisionRunner<M, T, Probe>::Features VisionRunner<M, T, Probe>::run(const PatchGrid& grid,
                                                                            const ContentKey& key, const StopFlag* stop,
                                                                            const VisionProgress& progress) {
  const Encoder& encoder = *model_->vision_encoder();
  const auto merge = static_cast<std::size_t>(config_.layout.merge);
  auto features = std::make_shared<VisionFeatures>();
  features->slices = static_cast<std::size_t>(grid.t);
  features->grid_h = static_cast<std::size_t>(grid.h) / merge;
  features->grid_w = static_cast<std::size_t>(grid.w) / merge;
  features->data =
      make_features<Backend>(encoder.levels(), grid.patches() / (merge * merge), encoder.config().out_hidden);
  features->space = memory_space<Backend>;
  features->key = key;
  float* out = features->data.data();
  BlockProgress<Probe> blocks{probe_, progress, encoder.config().depth};
  executor_.run([&](auto& step) { encoder.forward(step, workspace_.buffers(), grid, out, options_.numerics, blocks); },
                stop);
  return features;
}

VLMT_END_NAMESPACE
