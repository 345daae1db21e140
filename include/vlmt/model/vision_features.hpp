// Outputs of the vision encoder for an image or a video: the rows that replace its placeholder tokens.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// 128 bits that identify the pixels and the resize limits (runtime/content_key.hpp).
struct ContentKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const ContentKey&, const ContentKey&) = default;
};

/// Features of one image (slices = 1) or of all slices of a video, in row-major order of merged patches.
struct VisionFeatures {
  std::size_t slices = 0;
  std::size_t grid_h = 0;     ///< rows of merged patches per slice
  std::size_t grid_w = 0;     ///< columns of merged patches per slice
  HeapTensor<float, 3> data;  ///< (1 + deepstack levels, slices * grid_h * grid_w, hidden)
  ContentKey key;

  std::size_t tokens() const noexcept { return data.extent(1); }
  std::size_t width() const noexcept { return data.extent(2); }
  /// Number of DeepStack levels.
  std::size_t levels() const noexcept { return data.extent(0) == 0 ? 0 : data.extent(0) - 1; }
  std::size_t bytes() const noexcept { return data.count() * sizeof(float); }
  /// Row i of level 0 (main features) or of DeepStack level `level` - 1.
  const float* row(std::size_t level, std::size_t i) const noexcept {
    return data.data() + (level * data.extent(1) + i) * data.extent(2);
  }
};

VLMT_END_NAMESPACE
