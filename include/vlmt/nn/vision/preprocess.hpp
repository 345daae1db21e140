// The patches of an image or a video in one call, on the calling thread.
#pragma once

#include <span>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/exec/step_now.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/kernel/cpu/lower_preprocess.hpp"
#include "vlmt/nn/vision/frame_patches.hpp"

VLMT_BEGIN_NAMESPACE

/// Patches ready for the vision encoder.
struct VisionPatches {
  PatchGrid grid;
  std::vector<float> values;  ///< (grid.patches(), layout.values())
};

namespace detail {

/// The patches of an image or a video, computed on the calling thread.
template <class Arch, class Source>
VisionPatches patches_alone(const Source& source, const PatchGrid& grid, const VisionPreprocess& config,
                            const StopFlag* stop) {
  Solo solo(stop);
  VisionPatches out;
  out.grid = grid;
  out.values.resize(grid.patches() * config.layout.values());
  write_patches<Cpu<Arch>>(source, grid, config, 1, out.values.data(), [&](const auto& issue) {
    StepNow<Cpu<Arch>> step(solo.member());
    issue(step);
    if (solo.member().stopped()) throw Cancelled();
  });
  return out;
}

}  // namespace detail

/// The patches of a still image, which fills all frames of each patch. The target size follows from the original size
/// of the image, even if it was decoded at a reduced size. Throws InputError as smart_resize(), and if the bytes do not
/// match the size; Cancelled if `stop` is set.
template <class Arch = arch::native>
VisionPatches preprocess_image(const Image& image, const VisionPreprocess& config = {},
                               const StopFlag* stop = nullptr) {
  return detail::patches_alone<Arch>(image, image_grid(image, config), config, stop);
}

/// The patches of sampled video frames, all of one size. The last frame is repeated to fill its patch. Throws
/// InputError as smart_resize_video(), and if sizes differ or bytes do not match them; Cancelled if `stop` is set.
template <class Arch = arch::native>
VisionPatches preprocess_video(std::span<const Image> frames, const VisionPreprocess& config = {},
                               const StopFlag* stop = nullptr) {
  detail::check_frames(frames);
  const PatchGrid grid = video_grid(static_cast<int>(frames.size()), frames[0].height, frames[0].width, config);
  return detail::patches_alone<Arch>(frames, grid, config, stop);
}

VLMT_END_NAMESPACE
