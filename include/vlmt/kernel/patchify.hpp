// Cuts 8-bit RGB frames into the patch vectors that a vision encoder reads: normalised, in merge-block order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/op/preprocess.hpp"

VLMT_BEGIN_NAMESPACE

/// Computes o.out; equal consecutive frames are read once. Merge-block order: blocks row by row, and patches row by row
/// within a block. Values of a patch are ordered (channel, frame, y, x). Members share the rows of blocks.
inline void patchify(const op::Patchify& o, Member& m = Solo().member()) {
  VLMT_ASSERT_SET("patchify", o.frames);
  VLMT_ASSERT_SET("patchify", o.normalised);
  VLMT_ASSERT_SET("patchify", o.out);
  VLMT_ASSERT_MULTIPLE("patchify", o.rows, o.merge);
  VLMT_ASSERT_MULTIPLE("patchify", o.columns, o.merge);
  const std::size_t patch = o.patch;
  const std::size_t merge = o.merge;
  const std::size_t row_bytes = o.columns * patch * 3;
  const std::size_t area = patch * patch;
  const std::size_t values = 3 * o.temporal * area;
  const Range rows = m.share(o.rows / merge);
  float* to = o.out + rows.begin * merge * o.columns * values;
  for (std::size_t block_row = rows.begin; block_row < rows.end && !m.stopped(); ++block_row) {
    for (std::size_t block = 0; block < o.columns / merge; ++block) {
      for (std::size_t inner = 0; inner < merge * merge; ++inner, to += values) {
        const std::size_t row = block_row * merge + inner / merge;
        const std::size_t column = block * merge + inner % merge;
        const std::size_t corner = row * patch * row_bytes + column * patch * 3;
        for (std::size_t t = 0; t < o.temporal; ++t) {
          for (std::size_t c = 0; c < 3; ++c) {
            float* plane = to + (c * o.temporal + t) * area;
            if (t > 0 && o.frames[t] == o.frames[t - 1]) {
              std::memcpy(plane, plane - area, area * sizeof(float));
              continue;
            }
            const float* normalised = o.normalised + c * 256;
            const std::uint8_t* pixel = o.frames[t] + corner + c;
            for (std::size_t y = 0; y < patch; ++y) {
              for (std::size_t x = 0; x < patch; ++x) plane[y * patch + x] = normalised[pixel[y * row_bytes + 3 * x]];
            }
          }
        }
      }
    }
  }
}

VLMT_END_NAMESPACE
