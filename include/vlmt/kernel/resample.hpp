// Antialiased resize of 8-bit RGB images, bit-equal to PyTorch's resize of uint8 images.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/resample.hpp"
#include "vlmt/kernel/ref/resample.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/op/resample_plan.hpp"

VLMT_BEGIN_NAMESPACE

/// out (y.out, x.out, 3) = in (y.in, x.in, 3) resized: horizontally, rounded and clamped to 8 bits, then
/// vertically, as in PyTorch and Pillow. `scratch` holds resample_scratch_bytes(x, y) per member; arch::reference does
/// not use it. Strips of output rows are split across the team; the result does not depend on its size. arch::reference
/// computes in double and may differ by one level where fixed-point weights round.
template <class Arch = arch::native>
void resample(const std::uint8_t* in, const ResampleWeights& x, const ResampleWeights& y, std::uint8_t* out,
              std::uint8_t* scratch, Member& m = Solo().member()) {
  VLMT_ASSERT_SET("resample", in);
  VLMT_ASSERT_SET("resample", out);
  VLMT_ASSERT_LT("resample", 0, x.out);
  VLMT_ASSERT_LT("resample", 0, y.out);
  if constexpr (is_reference_v<Arch>) {
    VLMT_ASSERT_SET("resample", x.exact);
    VLMT_ASSERT_SET("resample", y.exact);
    ref::resample(in, x, y, out, m);
  } else {
    VLMT_ASSERT_SET("resample", scratch);
    cpu::resample<Arch>(in, x, y, out, scratch, m);
  }
}

/// The same by a plan.
template <class Arch = arch::native>
void resample(const std::uint8_t* in, const ResamplePlan& plan, std::uint8_t* out, std::uint8_t* scratch,
              Member& m = Solo().member()) {
  resample<Arch>(in, plan.x.view(), plan.y.view(), out, scratch, m);
}

VLMT_END_NAMESPACE
