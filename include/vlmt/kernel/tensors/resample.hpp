// Resizes images that are tensors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/resample.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

/// out (plan.y.out, plan.x.out, 3) = in (plan.y.in, plan.x.in, 3), dense 8-bit RGB, resized by a plan: see resample in
/// kernel/resample.hpp. in and out do not overlap. Strips of rows are split across the team.
template <class Arch = arch::native, TensorArgument In, TensorArgument Out, TensorPlace... Places>
void resample(const In& in, const ResamplePlan& plan, Out&& out, Places&... places) {
  const auto from = detail::typed_input<std::uint8_t, 3>("resample", "in", in);
  const auto to = detail::typed_output<std::uint8_t, 3>("resample", "out", out);
  detail::assert_sizes("resample", "in", from, plan.y.in, plan.x.in, 3);
  detail::assert_sizes("resample", "out", to, plan.y.out, plan.x.out, 3);
  detail::assert_dense("resample", "in", from);
  detail::assert_dense("resample", "out", to);
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) {
        return carver.take<std::uint8_t>(members * resample_scratch_bytes(plan));
      },
      [&](Member& m, std::uint8_t* scratch) { resample<Arch>(from.data(), plan, to.data(), scratch, m); }, places...);
}

/// The same from and to any size above 0, with a plan of its own for this call.
template <ResampleFilter Filter, class Arch = arch::native, TensorArgument In, TensorArgument Out,
          TensorPlace... Places>
void resample(const In& in, Out&& out, Places&... places) {
  const auto from = detail::typed_input<std::uint8_t, 3>("resample", "in", in);
  const auto to = detail::typed_output<std::uint8_t, 3>("resample", "out", out);
  detail::assert_argument("resample", "in", from, from.count() != 0, "at least one pixel");
  detail::assert_argument("resample", "out", to, to.count() != 0, "at least one pixel");
  resample<Arch>(from, plan_resample<Filter>(from.extent(0), from.extent(1), to.extent(0), to.extent(1)), to,
                 places...);
}

VLMT_END_NAMESPACE
