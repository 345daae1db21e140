// The normalisation of pixels, as a table of the values of all bytes.
#pragma once

#include <array>
#include <cstddef>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// v = (byte / 255 - mean) / std per channel.
struct Normalisation {
  std::array<float, 3> mean = {0.5f, 0.5f, 0.5f};
  std::array<float, 3> std = {0.5f, 0.5f, 0.5f};
};

/// The values of all bytes of the three channels, (3, 256).
using NormalisationTable = std::array<std::array<float, 256>, 3>;

/// Computes (byte - 255 mean) / (255 std) as the processors of Hugging Face do, so results are bit-equal to theirs.
inline NormalisationTable normalisation_table(const Normalisation& n) noexcept {
  NormalisationTable table;
  for (std::size_t c = 0; c < 3; ++c) {
    const float mean = n.mean[c] * 255.0f;
    const float std = n.std[c] * 255.0f;
    for (std::size_t v = 0; v < 256; ++v) table[c][v] = (static_cast<float>(v) - mean) / std;
  }
  return table;
}

VLMT_END_NAMESPACE
