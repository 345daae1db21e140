// Patches of images: their size, and the grid that they form.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Patches have temporal x patch x patch pixels; merge x merge patches form a block.
struct PatchLayout {
  int patch = 16;
  int temporal = 2;  ///< frames per patch; a still image is repeated to fill it
  int merge = 2;

  /// Both sides of a frame must be multiples of this.
  constexpr int factor() const noexcept { return patch * merge; }
  /// Floats per patch, ordered (channel, frame, y, x).
  constexpr std::size_t values() const noexcept {
    return std::size_t{3} * static_cast<std::size_t>(temporal) * static_cast<std::size_t>(patch) *
           static_cast<std::size_t>(patch);
  }
  friend constexpr bool operator==(const PatchLayout&, const PatchLayout&) = default;
};

/// Patches of an image or video: temporal slices, rows, columns (grid_thw of Hugging Face).
struct PatchGrid {
  int t = 1;
  int h = 0;
  int w = 0;

  constexpr std::size_t slice_patches() const noexcept {
    return static_cast<std::size_t>(h) * static_cast<std::size_t>(w);
  }
  constexpr std::size_t patches() const noexcept { return static_cast<std::size_t>(t) * slice_patches(); }
  /// Visual tokens: one for each block of merge x merge patches.
  constexpr std::size_t tokens(int merge) const noexcept {
    return patches() / (static_cast<std::size_t>(merge) * static_cast<std::size_t>(merge));
  }
  friend constexpr bool operator==(const PatchGrid&, const PatchGrid&) = default;
};

VLMT_END_NAMESPACE
