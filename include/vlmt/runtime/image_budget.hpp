// Fits the images and videos of a request to the room in the context and to the time that encoding may take.
//
// Only sizes are needed, so the result is known before anything is decoded. docs/image-size.md explains the rules.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/nn/vision/preprocess.hpp"

#if VLMT_HAS_BODIES
#include <cstdio>
#endif

VLMT_BEGIN_NAMESPACE

/// Upright size of an image, or of the frames of a video, before resizing.
struct MediaSize {
  int width = 0;
  int height = 0;
  int frames = 0;  ///< of a video; 0: an image
};

/// The patch grid of an image or video. Throws InputError as image_grid() and video_grid().
inline PatchGrid media_grid(const MediaSize& size, const VisionPreprocess& preprocess) {
  return size.frames == 0 ? image_grid(size.height, size.width, preprocess)
                          : video_grid(size.frames, size.height, size.width, preprocess);
}

/// What the images and videos of a request may take.
struct ImageBudget {
  std::optional<std::size_t> room = {};  ///< tokens of all images and videos together; absent: any number
  std::size_t reserve = 0;  ///< of the room, kept for the answer unless the smallest sizes of the images need it
  /// Estimated seconds to encode a grid. Empty: no limit by time. Called only if an image exceeds the first of
  /// image_token_steps, so it may measure.
  std::function<double(const PatchGrid&)> seconds = {};
  double image_seconds = 20.0;
  double request_seconds = 60.0;  ///< of all images together, and of one video
  bool exact = false;             ///< throw instead of lowering a size
};

/// Limits by time are rounded down to one of these numbers of tokens, so a small error of the measured speed rarely
/// changes a size.
inline constexpr std::array<std::size_t, 7> image_token_steps{256, 512, 1024, 2048, 4096, 8192, 16384};

/// What lowered a size.
enum class SizeReason : std::uint8_t { none, time, room };

constexpr const char* name(SizeReason r) noexcept {
  return r == SizeReason::none ? "none" : r == SizeReason::time ? "time" : "room";
}

/// Size of one image or video after fit_images().
struct FittedImage {
  PatchGrid full;  ///< under the model's or the user's limits
  PatchGrid grid;  ///< under the budget, too
  std::size_t full_tokens = 0;
  std::size_t timed_tokens = 0;  ///< under the limits by time alone
  std::size_t tokens = 0;
  /// Own bound that gives `grid` (ImageSource::max_pixels, Video::max_pixels); absent if the size was not lowered.
  std::optional<std::uint64_t> max_pixels = {};
  std::size_t limit = 0;  ///< that bound in tokens; 0 if absent
  SizeReason reason = SizeReason::none;
  double full_seconds = 0.0;  ///< estimated seconds to encode `full`; 0 if the speed was not needed
  double seconds = 0.0;       ///< the same of `grid`
};

/// Sizes of all images and videos of a request, in order.
struct ImageFit {
  std::vector<FittedImage> images;
  std::size_t full_tokens = 0;
  std::size_t tokens = 0;
};

/// Lowers sizes until the request fits the budget. First time: an image, and then all images together, may take the
/// given seconds; a limit by time never goes below the first of image_token_steps, so time alone refuses nothing. Then
/// room: one common bound is lowered until the sum fits, so small images keep their size. A bound on a video holds for
/// all its frames together. No image gets smaller than the model's minimum. Throws LimitError if that does not fit
/// either, or if a size would have to be lowered and budget.exact is set; InputError as media_grid().
ImageFit fit_images(std::span<const MediaSize> sizes, const VisionPreprocess& preprocess, const ImageBudget& budget);

#if VLMT_HAS_BODIES

namespace detail {

inline std::string about_seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
  return text;
}

/// The state of fit_images: a bound in tokens for each image, SIZE_MAX if there is none.
class ImageFitter {
 public:
  ImageFitter(std::span<const MediaSize> sizes, const VisionPreprocess& preprocess)
      : sizes_(sizes), preprocess_(preprocess), limits_(sizes.size(), SIZE_MAX), reasons_(sizes.size()) {
    for (const MediaSize& s : sizes) full_.push_back(media_grid(s, preprocess));
    for (std::size_t i = 0; i < sizes.size(); ++i) least_.push_back(least_limit(i));
  }

  /// The grid of image i under an upper bound in tokens, and its own limit.
  PatchGrid grid(std::size_t i, std::size_t limit = SIZE_MAX) const {
    limit = std::max(std::min(limit, limits_[i]), least_[i]);
    if (limit >= full_tokens(i)) return full_[i];
    const PatchGrid lower = media_grid(sizes_[i], preprocess_.lowered(pixels(i, limit)));
    // Rounding makes some very narrow images larger under a smaller bound.
    return lower.patches() < full_[i].patches() ? lower : full_[i];
  }
  std::size_t tokens(std::size_t i, std::size_t limit = SIZE_MAX) const {
    return grid(i, limit).tokens(preprocess_.layout.merge);
  }
  std::size_t full_tokens(std::size_t i) const { return full_[i].tokens(preprocess_.layout.merge); }
  std::size_t sum(std::size_t limit = SIZE_MAX) const {
    std::size_t all = 0;
    for (std::size_t i = 0; i < sizes_.size(); ++i) all += tokens(i, limit);
    return all;
  }
  std::size_t largest() const {
    std::size_t most = 0;
    for (std::size_t i = 0; i < sizes_.size(); ++i) most = std::max(most, tokens(i));
    return most;
  }

  /// Bounds image i, unless that does not make it smaller.
  void lower(std::size_t i, std::size_t limit, SizeReason reason) {
    if (tokens(i, limit) >= tokens(i)) return;
    limits_[i] = limit;
    reasons_[i] = reason;
  }
  void lower_all(std::size_t limit, SizeReason reason) {
    for (std::size_t i = 0; i < sizes_.size(); ++i) lower(i, limit, reason);
  }

  /// The largest step with fits(step), or the first.
  template <class Fits>
  static std::size_t largest_step(Fits&& fits) {
    for (std::size_t k = image_token_steps.size(); k-- > 1;) {
      if (fits(image_token_steps[k])) return image_token_steps[k];
    }
    return image_token_steps.front();
  }

  void fit_time(const ImageBudget& b) {
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const double most = sizes_[i].frames == 0 ? b.image_seconds : b.request_seconds;
      if (b.seconds(grid(i)) <= most) continue;
      refuse_time(b, i, b.seconds(grid(i)), most);
      lower(i, largest_step([&](std::size_t step) { return b.seconds(grid(i, step)) <= most; }), SizeReason::time);
    }
    const auto all = [&](std::size_t step) {
      double seconds = 0.0;
      for (std::size_t i = 0; i < sizes_.size(); ++i) seconds += b.seconds(grid(i, step));
      return seconds;
    };
    if (all(SIZE_MAX) <= b.request_seconds) return;
    const std::size_t step = largest_step([&](std::size_t s) { return all(s) <= b.request_seconds; });
    if (sum(step) < sum()) refuse_time(b, {}, all(SIZE_MAX), b.request_seconds);
    lower_all(step, SizeReason::time);
  }

  void fit_room(const ImageBudget& b) {
    const std::size_t least = sum(1);  // a bound of one token: the model's minimum
    std::size_t room = *b.room;
    if (!b.exact && room - std::min(room, b.reserve) >= least) room -= std::min(room, b.reserve);
    const std::size_t wanted = sum();
    if (wanted <= room) return;
    if (b.exact || least > room) {
      throw LimitError("the images do not fit the context",
                       {{},
                        {},
                        "context",
                        "at most " + std::to_string(*b.room) + " tokens of images",
                        std::to_string(wanted) +
                            (b.exact ? "" : ", and " + std::to_string(least) + " at the model's smallest sizes")});
    }
    // Invariant: the sum fits under `fits` and does not under `over`.
    std::size_t fits = 1, over = largest();
    while (over - fits > 1) {
      const std::size_t middle = fits + (over - fits) / 2;
      (sum(middle) <= room ? fits : over) = middle;
    }
    lower_all(fits, SizeReason::room);
  }

  ImageFit result(const ImageBudget& b, bool timed, std::span<const std::size_t> timed_tokens) const {
    ImageFit fit;
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      FittedImage f;
      f.timed_tokens = timed_tokens[i];
      f.full = full_[i];
      f.grid = grid(i);
      f.full_tokens = full_tokens(i);
      f.tokens = tokens(i);
      f.reason = reasons_[i];
      if (f.reason != SizeReason::none) {
        f.limit = limits_[i];
        f.max_pixels = pixels(i, std::max(f.limit, least_[i]));
      }
      if (timed) {
        f.full_seconds = b.seconds(f.full);
        f.seconds = b.seconds(f.grid);
      }
      fit.full_tokens += f.full_tokens;
      fit.tokens += f.tokens;
      fit.images.push_back(f);
    }
    return fit;
  }

 private:
  /// The bound in pixels that is `limit` in tokens. Bounds of a video count the pixels of all frames, its tokens those
  /// of slices of several frames.
  std::uint64_t pixels(std::size_t i, std::size_t limit) const {
    const auto side = static_cast<std::uint64_t>(preprocess_.layout.factor());
    const auto frames = static_cast<std::uint64_t>(std::max(1, sizes_[i].frames));
    return limit * side * side * frames / static_cast<std::uint64_t>(full_[i].t);
  }

  /// The smallest bound under which the image keeps the minimum of the limits: sizes are rounded down to whole tokens,
  /// so the minimum itself as a bound would give less.
  std::size_t least_limit(std::size_t i) const {
    const PixelLimits& limits = sizes_[i].frames == 0 ? preprocess_.image_limits : preprocess_.video_limits;
    const auto patch = static_cast<std::uint64_t>(preprocess_.layout.patch);
    const auto frames = static_cast<std::uint64_t>(std::max(1, sizes_[i].frames));
    std::size_t limit = std::max<std::size_t>(1, limits.min_pixels / pixels(i, 1));
    for (; limit < full_tokens(i); ++limit) {
      const PatchGrid g = media_grid(sizes_[i], preprocess_.lowered(pixels(i, limit)));
      if (frames * g.slice_patches() * patch * patch >= limits.min_pixels) break;
    }
    return limit;
  }

  // Not called if the size stays: an image of the smallest step is encoded however long it takes.
  void refuse_time(const ImageBudget& b, std::optional<std::size_t> i, double seconds, double most) const {
    if (!b.exact || (i && tokens(*i) <= image_token_steps.front())) return;
    throw LimitError(i ? "encoding " + std::to_string(tokens(*i)) + " tokens of an image takes too long"
                       : "encoding the images takes too long",
                     {{}, {}, "image_seconds", "at most " + about_seconds(most), "about " + about_seconds(seconds)});
  }

  std::span<const MediaSize> sizes_;
  const VisionPreprocess& preprocess_;
  std::vector<PatchGrid> full_;
  std::vector<std::size_t> least_;  ///< no bound is lower
  std::vector<std::size_t> limits_;
  std::vector<SizeReason> reasons_;
};

}  // namespace detail

VLMT_BODY ImageFit fit_images(std::span<const MediaSize> sizes, const VisionPreprocess& preprocess,
                              const ImageBudget& budget) {
  detail::ImageFitter fitter(sizes, preprocess);
  const bool timed = budget.seconds != nullptr && fitter.largest() > image_token_steps.front();
  if (timed) fitter.fit_time(budget);
  std::vector<std::size_t> timed_tokens;
  for (std::size_t i = 0; i < sizes.size(); ++i) timed_tokens.push_back(fitter.tokens(i));
  if (budget.room) fitter.fit_room(budget);
  return fitter.result(budget, timed, timed_tokens);
}

#endif

VLMT_END_NAMESPACE
