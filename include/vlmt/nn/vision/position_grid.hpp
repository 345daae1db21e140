// Positions of patches: rows and columns, bilinear taps into a learned position table, and 2-D rotary angles.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Row and column of a patch in its frame.
struct PatchPosition {
  std::int32_t row = 0;
  std::int32_t column = 0;
  friend constexpr bool operator==(const PatchPosition&, const PatchPosition&) = default;
};

/// Positions of the rows x columns patches of one temporal slice, in merge-block order. Both counts must be multiples
/// of `merge`.
inline std::vector<PatchPosition> patch_positions(int rows, int columns, int merge = 2) {
  VLMT_ASSERT_LT("patch_positions", 0, rows);
  VLMT_ASSERT_LT("patch_positions", 0, columns);
  VLMT_ASSERT_LT("patch_positions", 0, merge);
  VLMT_ASSERT_EQ("patch_positions", rows % merge, 0);
  VLMT_ASSERT_EQ("patch_positions", columns % merge, 0);
  std::vector<PatchPosition> out;
  out.reserve(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
  for (int r = 0; r < rows; r += merge) {
    for (int c = 0; c < columns; c += merge) {
      for (int y = 0; y < merge; ++y) {
        for (int x = 0; x < merge; ++x) out.push_back({r + y, c + x});
      }
    }
  }
  return out;
}

/// Bilinear taps of one patch into a square, row-major table of learned positions.
struct PositionTaps {
  std::array<std::int32_t, 4> index = {};  ///< top left, top right, bottom left, bottom right
  std::array<float, 4> weight = {};
};

namespace detail {

/// Coordinate of point i of n evenly spaced points from 0 to side - 1 inclusive: i (side - 1) / (n - 1), rounded to the
/// nearest float.
inline float table_coordinate(int i, int n, int side) noexcept {
  return n == 1 ? 0.0f : static_cast<float>(static_cast<double>(i) * (side - 1) / (n - 1));
}

}  // namespace detail

/// Taps of all patches of one slice, in merge-block order, into a table of side x side positions. Corners of the grid
/// map to corners of the table.
inline std::vector<PositionTaps> position_taps(int rows, int columns, int side, int merge = 2) {
  VLMT_ASSERT_LT("position_taps", 0, side);
  const std::vector<PatchPosition> positions = patch_positions(rows, columns, merge);
  std::vector<PositionTaps> out;
  out.reserve(positions.size());
  for (const PatchPosition& p : positions) {
    const float u = detail::table_coordinate(p.row, rows, side);
    const float v = detail::table_coordinate(p.column, columns, side);
    const auto r0 = static_cast<std::int32_t>(u);
    const auto c0 = static_cast<std::int32_t>(v);
    const std::int32_t r1 = std::min(r0 + 1, side - 1);
    const std::int32_t c1 = std::min(c0 + 1, side - 1);
    const float dr = u - static_cast<float>(r0);
    const float dc = v - static_cast<float>(c0);
    out.push_back({{r0 * side + c0, r0 * side + c1, r1 * side + c0, r1 * side + c1},
                   {(1.0f - dr) * (1.0f - dc), (1.0f - dr) * dc, dr * (1.0f - dc), dr * dc}});
  }
  return out;
}

/// out (taps, hidden) = the table (side * side, hidden) interpolated at the taps. The vision encoder does this as an
/// op; this function serves tests and vlmt-parity.
inline void interpolate_positions(std::span<const float> table, std::span<const PositionTaps> taps, std::size_t hidden,
                                  std::span<float> out) {
  VLMT_ASSERT_EQ("interpolate_positions", out.size(), taps.size() * hidden);
  for (std::size_t p = 0; p < taps.size(); ++p) {
    const float* row[4];
    for (std::size_t k = 0; k < 4; ++k) row[k] = table.data() + static_cast<std::size_t>(taps[p].index[k]) * hidden;
    const auto& w = taps[p].weight;
    for (std::size_t i = 0; i < hidden; ++i) {
      out[p * hidden + i] = row[0][i] * w[0] + row[1][i] * w[1] + row[2][i] * w[2] + row[3][i] * w[3];
    }
  }
}

/// The head_dim / 4 frequencies of the 2-D rotary embedding: theta^(-4 j / head_dim). head_dim must be a multiple of 4.
inline std::vector<float> vision_rope_frequencies(int head_dim, double theta = 10000.0) {
  VLMT_ASSERT_LT("vision_rope_frequencies", 0, head_dim);
  VLMT_ASSERT_EQ("vision_rope_frequencies", head_dim % 4, 0);
  std::vector<float> out(static_cast<std::size_t>(head_dim) / 4);
  for (std::size_t j = 0; j < out.size(); ++j) {
    out[j] = static_cast<float>(std::pow(theta, -4.0 * static_cast<double>(j) / head_dim));
  }
  return out;
}

/// Angles (patches, head_dim / 2) of one slice: row * each frequency, then column * each frequency. Angle i rotates the
/// pair (i, i + head_dim / 2) of a head.
inline std::vector<float> vision_rope_angles(std::span<const PatchPosition> positions,
                                             std::span<const float> frequencies) {
  std::vector<float> out;
  out.reserve(positions.size() * 2 * frequencies.size());
  for (const PatchPosition& p : positions) {
    for (const float f : frequencies) out.push_back(static_cast<float>(p.row) * f);
    for (const float f : frequencies) out.push_back(static_cast<float>(p.column) * f);
  }
  return out;
}

VLMT_END_NAMESPACE
