// Sampling of video frames, and the timestamps of temporal slices.
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

/// How many frames are sampled from a video.
struct FrameSampling {
  double fps = 2.0;  ///< frames sampled per second of video
  int min_frames = 4;
  int max_frames = 768;
};

/// The indices of the frames sampled from a video of `total` frames at `video_fps`: evenly spaced from the first to the
/// last, rounded half to even. Throws InputError for an empty video, for rates that are not positive and finite, and
/// for contradictory limits. (Hugging Face: Qwen3VLVideoProcessor.)
inline std::vector<int> sample_frames(int total, double video_fps, const FrameSampling& sampling = {}) {
  if (total < 1) throw InputError("the video has no frames", {.field = "frames"});
  if (!(video_fps > 0.0) || !std::isfinite(video_fps) || !(sampling.fps > 0.0) || !std::isfinite(sampling.fps)) {
    throw InputError("the frame rate is not a positive number", {.field = "fps"});
  }
  if (sampling.min_frames < 1 || sampling.max_frames < sampling.min_frames) {
    throw InputError("the limits of the number of frames contradict each other", {.field = "min_frames"});
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

/// The time in seconds of each temporal slice of `temporal` frames: the mean of the times of its first and last frame.
/// The last frame is repeated to fill its slice. Throws InputError for a rate that is not positive and finite, and for
/// temporal < 1.
inline std::vector<double> slice_times(std::span<const int> indices, double video_fps, int temporal = 2) {
  if (!(video_fps > 0.0) || !std::isfinite(video_fps) || temporal < 1) {
    throw InputError("the frame rate is not a positive number", {.field = "fps"});
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
