// The pictures of a question as the model is to see them: as they are, grey, another question's, or smaller.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
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

/// True if both ask with as many pictures and videos in the same order, videos with as many frames.
inline bool same_media(const TaskItem& a, const TaskItem& b) {
  const auto next = [](const TaskItem& item, std::size_t at) {
    while (at < item.content.size() && item.content[at].kind == TaskPart::Kind::text) ++at;
    return at;
  };
  std::size_t i = next(a, 0), j = next(b, 0);
  for (; i < a.content.size() && j < b.content.size(); i = next(a, i + 1), j = next(b, j + 1)) {
    const TaskPart &x = a.content[i], &y = b.content[j];
    if (x.kind != y.kind || x.files.size() != y.files.size()) return false;
  }
  return i == a.content.size() && j == b.content.size();
}

/// The question of `item` with the pictures of `other`, see same_media.
inline TaskItem with_media_of(TaskItem item, const TaskItem& other) {
  auto from = other.content.begin();
  for (TaskPart& part : item.content) {
    if (part.kind == TaskPart::Kind::text) continue;
    from = std::find_if(from, other.content.end(), [](const TaskPart& p) { return p.kind != TaskPart::Kind::text; });
    part = *from++;
  }
  return item;
}

/// The items as a configuration asks them. For swapped pictures each question gets those of the next one of its task
/// that has others of the same kind; questions without such a partner are left out.
inline std::vector<TaskItem> arranged(const std::vector<TaskItem>& items, const std::string& pictures) {
  if (pictures != "swapped") return items;
  std::vector<TaskItem> out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (std::size_t step = 1; step < items.size(); ++step) {
      const TaskItem& other = items[(i + step) % items.size()];
      if (other.task != items[i].task || !same_media(items[i], other)) continue;
      TaskItem swapped = with_media_of(items[i], other);
      if (swapped.files() == items[i].files()) continue;
      out.push_back(std::move(swapped));
      break;
    }
  }
  return out;
}

/// `image` resized to `size`, as the model's own preprocessing resizes.
inline vlmt::Image resized(const vlmt::Image& image, vlmt::PixelSize size) {
  const auto h = static_cast<std::size_t>(size.height), w = static_cast<std::size_t>(size.width);
  const vlmt::ResamplePlan plan = vlmt::plan_resample<vlmt::Bicubic>(static_cast<std::size_t>(image.height),
                                                                     static_cast<std::size_t>(image.width), h, w);
  vlmt::Image out{size.width, size.height, size.width, size.height, std::vector<std::uint8_t>(h * w * 3)};
  std::vector<std::uint8_t> scratch(vlmt::resample_scratch_bytes(plan));
  vlmt::resample(image.rgb.data(), plan, out.rgb.data(), scratch.data());
  return out;
}

/// Makes the media of questions for one configuration.
class MediaMaker {
 public:
  MediaMaker(const Configuration& c, const vlmt::VisionPreprocess& rules)
      : blank_(c.pictures == "blank"), scale_(c.scale), rules_(rules) {}

  /// The conversation that asks a question. Throws vlmt::FileError for pictures that cannot be read.
  std::vector<vlmt::ChatMessage> messages(const TaskItem& item) const {
    return programs::messages_of(item,
                                 [this](const std::string& file, std::size_t frames) { return picture(file, frames); });
  }

 private:
  /// `frames`: of the video that the picture belongs to, or 0.
  vlmt::Picture picture(const std::string& file, std::size_t frames) const {
    if (!blank_ && scale_ == 1.0) return vlmt::image(std::filesystem::path(file));
    vlmt::Image image = vlmt::load_image(file);
    if (blank_) std::fill(image.rgb.begin(), image.rgb.end(), std::uint8_t{128});
    if (scale_ != 1.0) image = resized(image, smaller(image, static_cast<int>(frames)));
    return vlmt::image(std::move(image));
  }

  /// The size that the model would see, scaled, and again one that it sees as it is.
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
};

}  // namespace eval
