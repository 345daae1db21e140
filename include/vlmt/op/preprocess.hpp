// From pixels to the patches that a vision encoder reads: resize, normalise, cut.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one axis of a resize. Output i reads inputs begin[i] .. begin[i] + count[i] - 1.
struct ResampleWeights {
  std::size_t in = 0;     ///< inputs
  std::size_t out = 0;    ///< outputs
  std::size_t taps = 0;   ///< weights kept for each output
  int precision = 0;      ///< integer weights are fractions of 2^precision
  bool identity = false;  ///< output i is input i
  const std::uint32_t* begin = nullptr;
  const std::uint32_t* count = nullptr;
  const std::int16_t* weights = nullptr;  ///< (out, taps)
  const double* exact = nullptr;          ///< (out, taps), for references; may be null elsewhere
};

namespace op {

/// out (y.out, x.out, 3) = in (y.in, x.in, 3), resized: horizontally, rounded and clamped to 8 bits, then vertically.
struct Resample {
  const std::uint8_t* in = nullptr;
  ResampleWeights x;
  ResampleWeights y;
  std::uint8_t* out = nullptr;
  std::uint8_t* scratch = nullptr;  ///< (members, resample_scratch_bytes(x, y)) on the CPU
};

/// One temporal slice of patches, out (rows * columns, 3 * temporal * patch^2): normalised, in merge-block order.
struct Patchify {
  const std::uint8_t* const* frames = nullptr;  ///< (temporal): (rows * patch, columns * patch, 3) bytes each
  const float* normalised = nullptr;            ///< (3, 256): the value of each byte of a channel
  std::size_t rows = 0;                         ///< of patches
  std::size_t columns = 0;
  std::size_t patch = 0;
  std::size_t temporal = 0;
  std::size_t merge = 0;
  float* out = nullptr;
};

}  // namespace op

VLMT_END_NAMESPACE
