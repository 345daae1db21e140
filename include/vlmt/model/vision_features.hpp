// What the vision tower makes of a picture or a video: the rows that replace its placeholder tokens.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// 128 bits that identify pixels and how they were resized.
struct ContentKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const ContentKey&, const ContentKey&) = default;
};

/// Features of one picture (slices = 1) or of the slices of a video, in row-major order of merged patches.
struct VisionFeatures {
  std::size_t slices = 0;
  std::size_t grid_h = 0;  ///< merged patches per column of a slice
  std::size_t grid_w = 0;
  HeapTensor<float, 3> data;  ///< (1 + deepstack levels, slices * grid_h * grid_w, hidden)
  ContentKey key;

  std::size_t tokens() const noexcept { return data.extent(1); }
  std::size_t width() const noexcept { return data.extent(2); }
  /// DeepStack levels besides the main features.
  std::size_t levels() const noexcept { return data.extent(0) == 0 ? 0 : data.extent(0) - 1; }
  std::size_t bytes() const noexcept { return data.count() * sizeof(float); }
  /// Row `i` of level 0 (main) or of deepstack level l - 1.
  const float* row(std::size_t level, std::size_t i) const noexcept {
    return data.data() + (level * data.extent(1) + i) * data.extent(2);
  }
};

VLMT_END_NAMESPACE
