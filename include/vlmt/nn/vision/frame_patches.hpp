// From images and videos to patches in memory of a backend: target size, resize, normalisation and cutting, as ops.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/input_block.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/nn/vision/normalisation.hpp"
#include "vlmt/nn/vision/patch_grid.hpp"
#include "vlmt/nn/vision/smart_resize.hpp"
#include "vlmt/op/preprocess.hpp"
#include "vlmt/op/resample_plan.hpp"

VLMT_BEGIN_NAMESPACE

/// Preprocessing parameters of a model. The defaults are those of Qwen3-VL.
struct VisionPreprocess {
  PatchLayout layout = {};
  Normalisation normalisation = {};
  PixelLimits image_limits = {};
  PixelLimits video_limits = qwen3vl_video_limits;  ///< of all frames together

  /// The same for an image or video with an upper bound of its own.
  VisionPreprocess lowered(std::optional<std::uint64_t> max_pixels) const {
    VisionPreprocess own = *this;
    own.image_limits = vlmt::lowered(image_limits, max_pixels);
    own.video_limits = vlmt::lowered(video_limits, max_pixels);
    return own;
  }
};

/// The patch grid of an image of (height, width) pixels. Its token count grid.tokens(merge) is known before the image
/// is decoded. Throws InputError as smart_resize().
inline PatchGrid image_grid(int height, int width, const VisionPreprocess& config = {}) {
  const PixelSize size = smart_resize(height, width, config.layout.factor(), config.image_limits);
  return {1, size.height / config.layout.patch, size.width / config.layout.patch};
}

/// The grid of a decoded image, from its original size; from width and height if that is not set.
inline PatchGrid image_grid(const Image& image, const VisionPreprocess& config = {}) {
  return image_grid(image.original_height > 0 ? image.original_height : image.height,
                    image.original_width > 0 ? image.original_width : image.width, config);
}

/// The grid of a video of `frames` sampled frames. Throws InputError as smart_resize_video().
inline PatchGrid video_grid(int frames, int height, int width, const VisionPreprocess& config = {}) {
  const PatchLayout& layout = config.layout;
  const PixelSize size =
      smart_resize_video(frames, height, width, layout.temporal, layout.factor(), config.video_limits);
  return {(frames + layout.temporal - 1) / layout.temporal, size.height / layout.patch, size.width / layout.patch};
}

/// Decode hint that lets the image decoder skip resolution that the resize would drop (large JPEGs): `options.hint =
/// decode_hint(probe_image(file), config)`. Throws InputError as smart_resize().
inline DecodeHint decode_hint(const ImageInfo& info, const VisionPreprocess& config = {}) {
  const PixelSize size = smart_resize(info.height, info.width, config.layout.factor(), config.image_limits);
  return {.target_width = size.width, .target_height = size.height};
}

namespace detail {

inline void check_image(const Image& image) {
  if (image.width < 1 || image.height < 1 ||
      image.rgb.size() !=
          std::size_t{3} * static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height)) {
    throw InputError("the bytes of the image do not match its size", {.field = "image"});
  }
}

inline void check_frames(std::span<const Image> frames) {
  if (frames.empty()) throw InputError("a video without frames", {.field = "frames"});
  for (const Image& frame : frames) {
    check_image(frame);
    if (frame.width != frames[0].width || frame.height != frames[0].height) {
      throw InputError("the frames of a video must have the same size", {.field = "frames"});
    }
  }
}

}  // namespace detail

/// Resizes frames and cuts them into patches, as ops of backend B. Owns the memory for that.
template <Backend B>
class FramePatches {
 public:
  /// For frames of (height, width) pixels, resized to the pixels of `grid`, on `members` threads.
  FramePatches(int height, int width, const PatchGrid& grid, const VisionPreprocess& config, std::size_t members)
      : FramePatches(height, width, grid, config, members, resize_to(height, width, grid, config.layout)) {}

  /// The same by a plan of one's own, whose output has the pixels of `grid`: a resize with a crop. Without a plan
  /// frames have these pixels already.
  FramePatches(int height, int width, const PatchGrid& grid, const VisionPreprocess& config, std::size_t members,
               const std::optional<ResamplePlan>& resize)
      : grid_(grid),
        layout_(config.layout),
        in_bytes_(std::size_t{3} * static_cast<std::size_t>(height) * static_cast<std::size_t>(width)),
        resizes_(resize.has_value()) {
    const auto patch = static_cast<std::size_t>(layout_.patch);
    out_bytes_ = 3 * patch * patch * grid.slice_patches();
    const ResamplePlan plan = resize.value_or(ResamplePlan{});
    Carver count;
    take(count, plan, members);
    memory_ = typename B::Memory(count.bytes());
    Carver carver(memory_.data(), memory_.bytes());
    const std::size_t inputs = take(carver, plan, members);
    block_ = InputBlock<B>(memory_.data(), inputs);
    Carver host = block_.carver();
    host_ = Inputs::take(host, plan, frames());
    const NormalisationTable table = normalisation_table(config.normalisation);
    for (std::size_t c = 0; c < 3; ++c) std::copy_n(table[c].data(), 256, host_.normalised + c * 256);
    if (resizes_) {
      host_.x.fill(plan.x);
      host_.y.fill(plan.y);
    }
  }

  /// Writes one temporal slice of patches to `out` (grid.slice_patches(), layout.values()) in memory of the backend.
  /// `frames`: layout.temporal frames of (height, width, 3) bytes in memory of the host; equal neighbours are read
  /// once. run(issue) runs a step that issue(step) issues.
  template <class Run>
  void slice(std::span<const std::uint8_t* const> frames, float* out, const Run& run) {
    VLMT_ASSERT_EQ("FramePatches::slice", frames.size(), this->frames());
    std::vector<const std::uint8_t*> sources;
    for (std::size_t k = 0; k < frames.size(); ++k) {
      if (k > 0 && frames[k] == frames[k - 1]) {
        host_.frames[k] = host_.frames[k - 1];
        continue;
      }
      const std::size_t i = sources.size();
      sources.push_back(frames[k]);
      if constexpr (!B::host_visible) {
        B::put(pixels_ + i * in_bytes_, frames[k], in_bytes_);
        sources.back() = pixels_ + i * in_bytes_;
      }
      host_.frames[k] = resizes_ ? resized_ + i * out_bytes_ : sources.back();
    }
    block_.send();
    run([&](auto& step) {
      if (resizes_) {
        for (std::size_t i = 0; i < sources.size(); ++i) {
          step("resize",
               op::Resample{sources[i], ops_.x.weights(), ops_.y.weights(), resized_ + i * out_bytes_, scratch_});
        }
      }
      const auto size = [](int n) { return static_cast<std::size_t>(n); };
      step("patchify", op::Patchify{ops_.frames, ops_.normalised, size(grid_.h), size(grid_.w), size(layout_.patch),
                                    size(layout_.temporal), size(layout_.merge), out});
    });
  }

 private:
  /// Weights of one axis, in memory that the host writes.
  struct Axis {
    ResampleWeights sizes;
    std::uint32_t* begin = nullptr;
    std::uint32_t* count = nullptr;
    std::int16_t* taps = nullptr;

    static Axis take(Carver& carver, const ResampleAxis& axis) {
      Axis a;
      a.sizes = axis.view();
      a.begin = carver.take<std::uint32_t>(axis.begin.size());
      a.count = carver.take<std::uint32_t>(axis.count.size());
      a.taps = carver.take<std::int16_t>(axis.weights.size());
      return a;
    }
    void fill(const ResampleAxis& axis) const {
      std::copy(axis.begin.begin(), axis.begin.end(), begin);
      std::copy(axis.count.begin(), axis.count.end(), count);
      std::copy(axis.weights.begin(), axis.weights.end(), taps);
    }
    ResampleWeights weights() const noexcept {
      return {sizes.in, sizes.out, sizes.taps, sizes.precision, sizes.identity, begin, count, taps, nullptr};
    }
  };

  struct Inputs {
    const std::uint8_t** frames = nullptr;  ///< (temporal)
    float* normalised = nullptr;            ///< (3, 256)
    Axis x;
    Axis y;

    static Inputs take(Carver& carver, const ResamplePlan& plan, std::size_t frames) {
      Inputs in;
      in.frames = carver.take<const std::uint8_t*>(frames);
      in.normalised = carver.take<float>(std::size_t{3} * 256);
      in.x = Axis::take(carver, plan.x);
      in.y = Axis::take(carver, plan.y);
      return in;
    }
  };

  static std::optional<ResamplePlan> resize_to(int height, int width, const PatchGrid& grid,
                                               const PatchLayout& layout) {
    if (height == grid.h * layout.patch && width == grid.w * layout.patch) return {};
    const auto size = [](int n) { return static_cast<std::size_t>(n); };
    return plan_resample<Bicubic>(size(height), size(width), size(grid.h * layout.patch), size(grid.w * layout.patch));
  }

  std::size_t frames() const noexcept { return static_cast<std::size_t>(layout_.temporal); }

  // Returns the bytes of the inputs, which come first.
  std::size_t take(Carver& carver, const ResamplePlan& plan, std::size_t members) {
    ops_ = Inputs::take(carver, plan, frames());
    const std::size_t inputs = carver.bytes();
    if constexpr (!B::host_visible) pixels_ = carver.take<std::uint8_t>(frames() * in_bytes_);
    if (resizes_) {
      resized_ = carver.take<std::uint8_t>(frames() * out_bytes_);
      scratch_ = carver.take<std::uint8_t>(members * resample_scratch_bytes(plan));
    }
    return inputs;
  }

  PatchGrid grid_;
  PatchLayout layout_;
  std::size_t in_bytes_;  ///< of a frame
  std::size_t out_bytes_ = 0;
  bool resizes_ = false;
  typename B::Memory memory_;
  InputBlock<B> block_;
  Inputs host_;
  Inputs ops_;
  std::uint8_t* pixels_ = nullptr;   ///< (temporal, in_bytes)
  std::uint8_t* resized_ = nullptr;  ///< (temporal, out_bytes)
  std::uint8_t* scratch_ = nullptr;
};

/// Writes the patches of an image, (grid.patches(), layout.values()), to `out` in memory of backend B. It fills all
/// frames of each patch. Throws InputError if the bytes of the image do not match its size.
template <Backend B, class Run>
void write_patches(const Image& image, const PatchGrid& grid, const VisionPreprocess& config, std::size_t members,
                   float* out, const Run& run) {
  detail::check_image(image);
  FramePatches<B> patches(image.height, image.width, grid, config, members);
  const std::vector<const std::uint8_t*> frames(static_cast<std::size_t>(config.layout.temporal), image.rgb.data());
  patches.slice(frames, out, run);
}

/// The same for sampled video frames, slice after slice. The last frame is repeated to fill its patch. Throws
/// InputError also if sizes differ.
template <Backend B, class Run>
void write_patches(std::span<const Image> video, const PatchGrid& grid, const VisionPreprocess& config,
                   std::size_t members, float* out, const Run& run) {
  detail::check_frames(video);
  FramePatches<B> patches(video[0].height, video[0].width, grid, config, members);
  const auto temporal = static_cast<std::size_t>(config.layout.temporal);
  std::vector<const std::uint8_t*> frames(temporal);
  for (std::size_t t = 0; t < static_cast<std::size_t>(grid.t); ++t) {
    for (std::size_t k = 0; k < temporal; ++k) {
      frames[k] = video[std::min(t * temporal + k, video.size() - 1)].rgb.data();
    }
    patches.slice(frames, out + t * grid.slice_patches() * config.layout.values(), run);
  }
}

VLMT_END_NAMESPACE
