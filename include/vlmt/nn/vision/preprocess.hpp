// From images and videos to patches in one call: target size, resize, normalisation and cutting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/kernel/resample.hpp"
#include "vlmt/nn/vision/patchify.hpp"
#include "vlmt/nn/vision/smart_resize.hpp"

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

/// Patches ready for the vision encoder.
struct VisionPatches {
  PatchGrid grid;
  std::vector<float> values;  ///< (grid.patches(), layout.values())
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

/// Pixels of the image at the size of the grid, resized bicubically into `storage` unless the size already fits.
template <class Arch>
const std::uint8_t* resize_to_grid(const Image& image, const PatchGrid& grid, const PatchLayout& layout,
                                   std::vector<std::uint8_t>& storage, Member& m) {
  const auto height = static_cast<std::size_t>(grid.h) * static_cast<std::size_t>(layout.patch);
  const auto width = static_cast<std::size_t>(grid.w) * static_cast<std::size_t>(layout.patch);
  const auto in_height = static_cast<std::size_t>(image.height);
  const auto in_width = static_cast<std::size_t>(image.width);
  if (height == in_height && width == in_width) return image.rgb.data();
  const ResamplePlan plan = plan_resample<Bicubic>(in_height, in_width, height, width);
  storage.resize(height * width * 3);
  std::vector<std::uint8_t> scratch(resample_scratch_bytes(plan));
  resample<Arch>(image.rgb.data(), plan, storage.data(), scratch.data(), m);
  return storage.data();
}

}  // namespace detail

/// The patches of a still image, which fills all frames of each patch. The target size follows from the original size
/// of the image, even if it was decoded at a reduced size. Throws InputError as smart_resize(), and if the bytes do not
/// match the size; Cancelled if `stop` is set.
template <class Arch = arch::native>
VisionPatches preprocess_image(const Image& image, const VisionPreprocess& config = {},
                               const StopFlag* stop = nullptr) {
  detail::check_image(image);
  Solo solo(stop);
  VisionPatches out;
  out.grid = image_grid(image, config);
  std::vector<std::uint8_t> storage;
  const std::vector<const std::uint8_t*> frames(
      static_cast<std::size_t>(config.layout.temporal),
      detail::resize_to_grid<Arch>(image, out.grid, config.layout, storage, solo));
  out.values.resize(out.grid.patches() * config.layout.values());
  patchify(frames.data(), out.grid, config.layout, NormalisationTable(config.normalisation), out.values.data(), solo);
  if (solo.member().stopped()) throw Cancelled();
  return out;
}

/// The patches of sampled video frames, all of one size. The last frame is repeated to fill its patch. Throws
/// InputError as smart_resize_video(), and if sizes differ or bytes do not match them; Cancelled if `stop` is set.
template <class Arch = arch::native>
VisionPatches preprocess_video(std::span<const Image> frames, const VisionPreprocess& config = {},
                               const StopFlag* stop = nullptr) {
  for (const Image& frame : frames) {
    detail::check_image(frame);
    if (frame.width != frames[0].width || frame.height != frames[0].height) {
      throw InputError("the frames of a video must have the same size", {.field = "frames"});
    }
  }
  Solo solo(stop);
  VisionPatches out;
  const int height = frames.empty() ? 1 : frames[0].height;
  const int width = frames.empty() ? 1 : frames[0].width;
  out.grid = video_grid(static_cast<int>(frames.size()), height, width, config);
  const auto temporal = static_cast<std::size_t>(config.layout.temporal);
  const std::size_t slice = out.grid.slice_patches() * config.layout.values();
  out.values.resize(static_cast<std::size_t>(out.grid.t) * slice);
  const NormalisationTable normalise(config.normalisation);
  std::vector<std::vector<std::uint8_t>> storage(temporal);
  std::vector<const std::uint8_t*> pointers(temporal);
  for (std::size_t t = 0; t < static_cast<std::size_t>(out.grid.t); ++t) {
    for (std::size_t k = 0; k < temporal; ++k) {
      const bool repeat = t * temporal + k >= frames.size();
      pointers[k] =
          repeat ? pointers[k - 1]
                 : detail::resize_to_grid<Arch>(frames[t * temporal + k], out.grid, config.layout, storage[k], solo);
    }
    patchify(pointers.data(), out.grid, config.layout, normalise, out.values.data() + t * slice, solo);
    if (solo.member().stopped()) throw Cancelled();
  }
  return out;
}

VLMT_END_NAMESPACE
