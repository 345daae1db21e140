// Cuts 8-bit RGB frames into the patch vectors that a vision encoder reads: normalised, in merge-block order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/nn/vision/patch_grid.hpp"

VLMT_BEGIN_NAMESPACE

/// v = (byte / 255 - mean) / std per channel.
struct Normalisation {
  std::array<float, 3> mean = {0.5f, 0.5f, 0.5f};
  std::array<float, 3> std = {0.5f, 0.5f, 0.5f};
};

/// The normalised values of all 256 bytes, per channel. Computes (byte - 255 mean) / (255 std) as the processors of
/// Hugging Face do, so results are bit-equal to theirs.
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

/// Writes one temporal slice to out (slice_patches, layout.values()). `frames` points to layout.temporal frames of
/// (grid.h * patch, grid.w * patch, 3) bytes; equal consecutive pointers are read once. Merge-block order: blocks row
/// by row, and patches row by row within a block. SPMD: members share the rows of blocks.
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
  for (std::size_t block_row = rows.begin; block_row < rows.end && !m.stopped(); ++block_row) {
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
