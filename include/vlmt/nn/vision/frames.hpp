// Which frames of a video a model sees, and the times of its slices.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/nn/vision/smart_resize.hpp"

VLMT_BEGIN_NAMESPACE

/// How frames are drawn from a video.
struct FrameSampling {
  double fps = 2.0;  ///< frames to take from a second
  int min_frames = 4;
  int max_frames = 768;
};

/// What stands for the rate of a video that does not tell its own.
inline constexpr double default_video_fps = 24.0;

/// The indices of the frames to use from a video of `total` frames at `video_fps`: evenly spread from the first to the
/// last, rounded half to even. Throws InputError for an empty video and for rates that are no positive number. (Hugging
/// Face: Qwen3VLVideoProcessor.)
inline std::vector<int> sample_frames(int total, double video_fps, const FrameSampling& sampling = {}) {
  if (total < 1) throw InputError("a video without frames", {.field = "frames"});
  if (!(video_fps > 0.0) || !std::isfinite(video_fps) || !(sampling.fps > 0.0) || !std::isfinite(sampling.fps)) {
    throw InputError("a frame rate that is no positive number", {.field = "fps"});
  }
  if (sampling.min_frames < 1 || sampling.max_frames < sampling.min_frames) {
    throw InputError("limits of the number of frames that contradict each other", {.field = "min_frames"});
  }
  const double wanted = std::min(std::trunc(total / video_fps * sampling.fps), static_cast<double>(total));
  const int n = std::min({std::max(static_cast<int>(wanted), sampling.min_frames), sampling.max_frames, total});
  std::vector<int> indices(static_cast<std::size_t>(n));
  const double step = n > 1 ? (total - 1.0) / (n - 1.0) : 0.0;
  for (int i = 0; i < n; ++i) {
    indices[static_cast<std::size_t>(i)] = static_cast<int>(detail::round_half_even(i * step));
  }
  if (n > 1) indices.back() = total - 1;
  return indices;
}

/// The time in seconds of each temporal slice of `temporal` frames (the last frame repeated to fill it): the mean of
/// the times of its first and last frame. Throws InputError for a rate that is no positive number.
inline std::vector<double> slice_times(std::span<const int> indices, double video_fps, int temporal = 2) {
  if (!(video_fps > 0.0) || !std::isfinite(video_fps) || temporal < 1) {
    throw InputError("a frame rate that is no positive number", {.field = "fps"});
  }
  const auto step = static_cast<std::size_t>(temporal);
  std::vector<double> times;
  for (std::size_t i = 0; i < indices.size(); i += step) {
    const std::size_t last = std::min(i + step, indices.size()) - 1;
    times.push_back((indices[i] / video_fps + indices[last] / video_fps) / 2.0);
  }
  return times;
}

VLMT_END_NAMESPACE
