// Scalar patch convolution, accumulating in double.
#pragma once

#include <algorithm>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/op/patch_kernel.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// Outputs of one panel for n patches; y (n, w.outputs).
inline void patch_panel(const PatchKernel& w, std::size_t panel, const float* patches, std::size_t n,
                        float* y) noexcept {
  const std::size_t pixels = w.times * w.side * w.side;
  const std::size_t end = std::min(w.outputs, (panel + 1) * PatchKernel::panel);
  for (std::size_t p = 0; p < n; ++p) {
    for (std::size_t o = panel * PatchKernel::panel; o < end; ++o) {
      double sum = 0.0;
      for (std::size_t c = 0; c < w.channels; ++c) {
        for (std::size_t i = 0; i < pixels; ++i) {
          sum += static_cast<double>(w.weight[w.at(o, c, i)]) *
                 static_cast<double>(patches[p * w.values() + c * pixels + i]);
        }
      }
      y[p * w.outputs + o] = static_cast<float>(sum + static_cast<double>(w.bias[o]));
    }
  }
}

}  // namespace ref

VLMT_END_NAMESPACE
