// The patch convolution of a vision encoder.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/op/patch_kernel.hpp"

VLMT_BEGIN_NAMESPACE

namespace op {

/// y (n, kernel.outputs) = convolution of patches (n, kernel.values()), summed in the order of patch_embed.
struct Patches {
  PatchKernel kernel;
  const float* patches = nullptr;
  std::size_t n = 0;
  float* y = nullptr;
};

}  // namespace op

VLMT_END_NAMESPACE
