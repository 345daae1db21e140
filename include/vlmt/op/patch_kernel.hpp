// Weights of a patch convolution, in the order in which kernels read them.
#pragma once

#include <cstddef>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// A convolution whose stride is its kernel size: (outputs, channels, times, side, side) with a bias. Non-owning.
struct PatchKernel {
  static constexpr std::size_t panel = 16;  ///< outputs stored side by side

  const float* weight = nullptr;  ///< (panels, times, side, side, channels, panel), zeros past the last output
  const float* bias = nullptr;    ///< (outputs)
  std::size_t outputs = 0;
  std::size_t channels = 3;
  std::size_t times = 0;
  std::size_t side = 0;

  /// Values per patch.
  VLMT_HD std::size_t values() const noexcept { return channels * times * side * side; }
  std::size_t panels() const noexcept { return ceil_div(outputs, panel); }
  /// Index in `weight` of (output, channel, pixel); pixel is the flat index of (time, row, column).
  VLMT_HD std::size_t at(std::size_t output, std::size_t channel, std::size_t pixel) const noexcept {
    return (output / panel * values() + pixel * channels + channel) * panel + output % panel;
  }
};

VLMT_END_NAMESPACE
