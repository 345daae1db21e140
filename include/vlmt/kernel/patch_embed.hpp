// Patch convolution of a vision encoder: one row of features per image patch.
#pragma once

#include <algorithm>
#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/patch_embed.hpp"
#include "vlmt/op/patch_kernel.hpp"
#include "vlmt/kernel/ref/patch_embed.hpp"
#include "vlmt/kernel/reference.hpp"

VLMT_BEGIN_NAMESPACE

/// y (n, w.outputs) = convolution of patches (n, channels, times, side, side). Each output is one chain of
/// multiply-adds over time, row, column and, innermost, channel, with the bias added last: the order of convolutions
/// over channels-last images. It is the longest chain of a vision encoder and the first one; implementations that sum
/// in this order have the same rounding errors. arch::reference sums in double. Panels of outputs and groups of patches
/// are split across the team.
template <class Arch>
void patch_embed(const PatchKernel& w, const float* patches, std::size_t n, float* y, Member& m = Solo().member()) {
  if (n != 0) {
    VLMT_ASSERT_SET("patch_embed", w.weight);
    VLMT_ASSERT_SET("patch_embed", w.bias);
    VLMT_ASSERT_SET("patch_embed", patches);
    VLMT_ASSERT_SET("patch_embed", y);
  }
  constexpr std::size_t group = 64;  // patches per panel while the panel is in the cache
  const std::size_t groups = ceil_div(n, group);
  const Range items = m.share(w.panels() * groups);
  for (std::size_t item = items.begin; item < items.end && !m.stopped(); ++item) {
    const std::size_t panel = item / groups;
    const std::size_t first = item % groups * group;
    const std::size_t count = std::min(group, n - first);
    if constexpr (is_reference_v<Arch>) {
      ref::patch_panel(w, panel, patches + first * w.values(), count, y + first * w.outputs);
    } else {
      cpu::patch_panel<Arch>(w, panel, patches + first * w.values(), count, y + first * w.outputs);
    }
  }
}

VLMT_END_NAMESPACE
