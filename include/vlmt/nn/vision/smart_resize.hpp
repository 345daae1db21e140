// Target size of images and videos for Qwen-VL models: both sides multiples of a factor, the area within limits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

/// Height and width in pixels.
struct PixelSize {
  int height = 0;
  int width = 0;
  friend constexpr bool operator==(const PixelSize&, const PixelSize&) = default;
};

/// Bounds of the resized area in pixels: of one image, or of all frames of a video together.
struct PixelLimits {
  std::uint64_t min_pixels = 65'536;
  std::uint64_t max_pixels = 16'777'216;
  friend constexpr bool operator==(const PixelLimits&, const PixelLimits&) = default;
};

/// The limits of an image or video with an upper bound of its own: the smaller one applies, but never less than
/// min_pixels.
constexpr PixelLimits lowered(PixelLimits limits, std::optional<std::uint64_t> max_pixels) noexcept {
  if (max_pixels && *max_pixels < limits.max_pixels) {
    limits.max_pixels = std::max(*max_pixels, limits.min_pixels);
  }
  return limits;
}

/// Bounds in the released Qwen3-VL video configurations.
inline constexpr PixelLimits qwen3vl_video_limits = {4'096, 25'165'824};

namespace detail {

inline constexpr double max_aspect = 200.0;

/// Rounds half to even, as Python's round().
inline double round_half_even(double x) noexcept {
  const double down = std::floor(x);
  const double rest = x - down;
  if (rest != 0.5) return rest < 0.5 ? down : down + 1.0;
  return std::fmod(down, 2.0) == 0.0 ? down : down + 1.0;
}

inline void check_resize(double height, double width, int factor, const PixelLimits& limits) {
  if (factor < 1 || limits.min_pixels > limits.max_pixels) {
    throw InputError("the limits of the resized area contradict each other",
                     {.field = "min_pixels",
                      .expected = "at most " + std::to_string(limits.max_pixels),
                      .found = std::to_string(limits.min_pixels)});
  }
  if (std::max(height, width) > max_aspect * std::min(height, width)) {
    throw InputError("the image is too narrow", {.field = "aspect ratio",
                                                 .expected = "at most 200",
                                                 .found = std::to_string(static_cast<std::int64_t>(width)) + " x " +
                                                          std::to_string(static_cast<std::int64_t>(height))});
  }
}

/// The rule shared by images and videos. The scale is computed from `frames`, the test against the limits from
/// `rounded_frames`.
inline PixelSize smart_resize_frames(double frames, double rounded_frames, double height, double width, int factor,
                                     const PixelLimits& limits) {
  const double f = factor;
  const auto most = static_cast<double>(limits.max_pixels);
  const auto least = static_cast<double>(limits.min_pixels);
  double h = round_half_even(height / f) * f;
  double w = round_half_even(width / f) * f;
  if (rounded_frames * h * w > most) {
    const double beta = std::sqrt(frames * height * width / most);
    h = std::floor(height / beta / f) * f;
    w = std::floor(width / beta / f) * f;
  } else if (rounded_frames * h * w < least) {
    const double beta = std::sqrt(least / (frames * height * width));
    h = std::ceil(height * beta / f) * f;
    w = std::ceil(width * beta / f) * f;
  }
  // Tiny limits must not round a side to zero.
  h = std::max(h, f);
  w = std::max(w, f);
  if (h > 1e9 || w > 1e9) throw InputError("the limits of the resized area are too large", {.field = "min_pixels"});
  return {static_cast<int>(h), static_cast<int>(w)};
}

}  // namespace detail

/// The size to which an image of (height, width) pixels is resized. Each side is rounded to a multiple of `factor`,
/// half to even; if the area leaves the limits, both sides are scaled by the same number. Throws InputError for a side
/// below 1, an aspect ratio above 200, and limits that contradict each other or are too large. (Hugging Face:
/// Qwen2VLImageProcessor.)
inline PixelSize smart_resize(int height, int width, int factor = 32, const PixelLimits& limits = {}) {
  if (height < 1 || width < 1) throw InputError("the image has no pixels", {.field = "size"});
  detail::check_resize(height, width, factor, limits);
  return detail::smart_resize_frames(1, 1, height, width, factor, limits);
}

/// The size to which each of `frames` frames of (height, width) pixels is resized. `limits` bound all frames together.
/// If a side is below `factor`, the frame is first scaled up until neither is. Throws InputError as smart_resize(), and
/// for fewer than temporal_factor frames. (Hugging Face: Qwen3VLVideoProcessor.)
inline PixelSize smart_resize_video(int frames, int height, int width, int temporal_factor = 2, int factor = 32,
                                    const PixelLimits& limits = qwen3vl_video_limits) {
  if (height < 1 || width < 1) throw InputError("the video has no pixels", {.field = "size"});
  if (temporal_factor < 1 || frames < temporal_factor) {
    throw InputError("the video has too few frames", {.field = "frames",
                                                      .expected = "at least " + std::to_string(temporal_factor),
                                                      .found = std::to_string(frames)});
  }
  double h = height;
  double w = width;
  if (height < factor || width < factor) {
    const double scale = std::max(factor / h, factor / w);
    h = std::trunc(h * scale);
    w = std::trunc(w * scale);
  }
  detail::check_resize(h, w, factor, limits);
  const double rounded = detail::round_half_even(static_cast<double>(frames) / temporal_factor) * temporal_factor;
  return detail::smart_resize_frames(frames, rounded, h, w, factor, limits);
}

VLMT_END_NAMESPACE
