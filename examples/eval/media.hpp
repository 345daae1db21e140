// Loads the images of a question for a configuration: unchanged, grey, or smaller.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <vlmt/io/load_image.hpp>
#include <vlmt/kernel/resample.hpp>
#include <vlmt/nn/vision/preprocess.hpp>
#include <vlmt/runtime/media.hpp>

#include "../common/task_messages.hpp"
#include "../common/task_set.hpp"
#include "configuration.hpp"

namespace eval {

using programs::TaskItem;
using programs::TaskPart;

/// `image` resized to `size` with the bicubic filter of the model's preprocessing. Throws vlmt::Cancelled soon after
/// `stop` is set.
inline vlmt::Image resized(const vlmt::Image& image, vlmt::PixelSize size, const vlmt::StopFlag* stop) {
  const auto h = static_cast<std::size_t>(size.height), w = static_cast<std::size_t>(size.width);
  const vlmt::ResamplePlan plan = vlmt::plan_resample<vlmt::Bicubic>(static_cast<std::size_t>(image.height),
                                                                     static_cast<std::size_t>(image.width), h, w);
  vlmt::Image out{size.width, size.height, size.width, size.height, std::vector<std::uint8_t>(h * w * 3)};
  std::vector<std::uint8_t> scratch(vlmt::resample_scratch_bytes(plan));
  vlmt::Solo solo(stop);
  vlmt::resample(image.rgb.data(), plan, out.rgb.data(), scratch.data(), solo);
  if (solo.member().stopped()) throw vlmt::Cancelled();
  return out;
}

/// Loads the media of questions for one configuration. Throws vlmt::Cancelled soon after files.stop_flag is set.
class MediaMaker {
 public:
  MediaMaker(const Configuration& c, const vlmt::VisionPreprocess& rules, const vlmt::ImageOptions& files)
      : blank_(c.images == "blank"), scale_(c.scale), rules_(rules), files_(files) {}

  /// The chat messages of a question. Throws vlmt::FileError for images that cannot be read.
  std::vector<vlmt::ChatMessage> messages(const TaskItem& item) const {
    return programs::messages_of(item,
                                 [this](const std::string& file, std::size_t frames) { return image(file, frames); });
  }

 private:
  /// `frames`: number of frames of the video that the image belongs to; 0 for a single image.
  vlmt::ImageSource image(const std::string& file, std::size_t frames) const {
    if (!blank_ && scale_ == 1.0) return vlmt::image(std::filesystem::path(file));
    vlmt::Image image = vlmt::load_image(file, files_);
    if (blank_) std::fill(image.rgb.begin(), image.rgb.end(), std::uint8_t{128});
    if (scale_ != 1.0) image = resized(image, smaller(image, static_cast<int>(frames)), files_.stop_flag);
    return vlmt::image(std::move(image));
  }

  /// The size that preprocessing would choose, scaled, then rounded to a size that preprocessing keeps.
  vlmt::PixelSize smaller(const vlmt::Image& image, int frames) const {
    const vlmt::PatchLayout& layout = rules_.layout;
    const auto seen = [&](int height, int width) {
      const vlmt::PatchGrid g =
          frames == 0 ? vlmt::image_grid(height, width, rules_) : vlmt::video_grid(frames, height, width, rules_);
      return vlmt::PixelSize{g.h * layout.patch, g.w * layout.patch};
    };
    const vlmt::PixelSize full = seen(image.height, image.width);
    const auto side = [&](int n) { return std::max(1, static_cast<int>(std::lround(n * scale_))); };
    return seen(side(full.height), side(full.width));
  }

  bool blank_;
  double scale_;
  vlmt::VisionPreprocess rules_;
  vlmt::ImageOptions files_;
};

}  // namespace eval
