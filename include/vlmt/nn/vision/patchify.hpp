// From 8-bit RGB frames to the patch vectors that a vision tower reads: normalised, in merge-block order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"

VLMT_BEGIN_NAMESPACE

/// How frames are cut: into temporal x patch x patch pixels, in blocks of merge x merge patches.
struct PatchLayout {
  int patch = 16;
  int temporal = 2;  ///< frames of one patch; a still image fills it by repetition
  int merge = 2;

  /// Both sides of a frame must be multiples of this.
  constexpr int factor() const noexcept { return patch * merge; }
  /// Floats of one patch: (channel, frame, y, x).
  constexpr std::size_t values() const noexcept {
    return std::size_t{3} * static_cast<std::size_t>(temporal) * static_cast<std::size_t>(patch) *
           static_cast<std::size_t>(patch);
  }
  friend constexpr bool operator==(const PatchLayout&, const PatchLayout&) = default;
};

/// Patches of a picture or video: temporal slices, rows, columns (grid_thw).
struct PatchGrid {
  int t = 1;
  int h = 0;
  int w = 0;

  constexpr std::size_t slice_patches() const noexcept {
    return static_cast<std::size_t>(h) * static_cast<std::size_t>(w);
  }
  constexpr std::size_t patches() const noexcept { return static_cast<std::size_t>(t) * slice_patches(); }
  /// Rows that the language model sees: one for each block of merge x merge patches.
  constexpr std::size_t tokens(int merge) const noexcept {
    return patches() / (static_cast<std::size_t>(merge) * static_cast<std::size_t>(merge));
  }
  friend constexpr bool operator==(const PatchGrid&, const PatchGrid&) = default;
};

/// v = (byte / 255 - mean) / std, channel by channel.
struct Normalisation {
  std::array<float, 3> mean = {0.5f, 0.5f, 0.5f};
  std::array<float, 3> std = {0.5f, 0.5f, 0.5f};
};

/// The 256 values of each channel. Rescaling and normalising are fused to (byte - 255 mean) / (255 std), as in the
/// processors of Hugging Face, so that results are bit-equal.
class NormalisationTable {
 public:
  explicit NormalisationTable(const Normalisation& n) noexcept {
    for (std::size_t c = 0; c < 3; ++c) {
      const float mean = n.mean[c] * 255.0f;
      const float std = n.std[c] * 255.0f;
      for (std::size_t v = 0; v < 256; ++v) table_[c][v] = (static_cast<float>(v) - mean) / std;
    }
  }
  float operator()(std::size_t channel, std::uint8_t byte) const noexcept { return table_[channel][byte]; }

 private:
  std::array<std::array<float, 256>, 3> table_;
};

/// out (slice_patches, layout.values()): one temporal slice, cut from layout.temporal frames of (grid.h * patch,
/// grid.w * patch, 3) bytes; equal pointers are read once. Patches stand in merge-block order: blocks row by row, in a
/// block its patches row by row. The team shares block rows.
inline void patchify(const std::uint8_t* const* frames, const PatchGrid& grid, const PatchLayout& layout,
                     const NormalisationTable& normalise, float* out, Member& m = Solo().member()) noexcept {
  const auto patch = static_cast<std::size_t>(layout.patch);
  const auto merge = static_cast<std::size_t>(layout.merge);
  const auto temporal = static_cast<std::size_t>(layout.temporal);
  const auto columns = static_cast<std::size_t>(grid.w);
  const std::size_t row_bytes = columns * patch * 3;
  const std::size_t area = patch * patch;
  const Range rows = m.share(static_cast<std::size_t>(grid.h) / merge);
  float* to = out + rows.begin * merge * columns * layout.values();
  for (std::size_t block_row = rows.begin; block_row < rows.end; ++block_row) {
    for (std::size_t block = 0; block < columns / merge; ++block) {
      for (std::size_t inner = 0; inner < merge * merge; ++inner, to += layout.values()) {
        const std::size_t row = block_row * merge + inner / merge;
        const std::size_t column = block * merge + inner % merge;
        const std::size_t corner = row * patch * row_bytes + column * patch * 3;
        for (std::size_t t = 0; t < temporal; ++t) {
          for (std::size_t c = 0; c < 3; ++c) {
            float* plane = to + (c * temporal + t) * area;
            if (t > 0 && frames[t] == frames[t - 1]) {
              std::memcpy(plane, plane - area, area * sizeof(float));
              continue;
            }
            const std::uint8_t* pixel = frames[t] + corner + c;
            for (std::size_t y = 0; y < patch; ++y) {
              for (std::size_t x = 0; x < patch; ++x) {
                plane[y * patch + x] = normalise(c, pixel[y * row_bytes + 3 * x]);
              }
            }
          }
        }
      }
    }
  }
}

VLMT_END_NAMESPACE
