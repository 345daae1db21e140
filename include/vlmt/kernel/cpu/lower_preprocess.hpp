// Lowering of preprocessing to kernels of the CPU.
#pragma once

#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/patchify.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/resample.hpp"
#include "vlmt/op/preprocess.hpp"

VLMT_BEGIN_NAMESPACE

/// In integers, on the reference backend, too: the result is what the model was trained on, bit by bit.
template <class A, class Pass>
void lower(Cpu<A>, const op::Resample& o, const Pass& pass) {
  using Fast = std::conditional_t<is_reference_v<A>, arch::native, A>;
  pass([&](Member& m) { resample<Fast>(o.in, o.x, o.y, o.out, o.scratch, m); });
}

template <class A, class Pass>
void lower(Cpu<A>, const op::Patchify& o, const Pass& pass) {
  pass([&](Member& m) { patchify(o, m); });
}

VLMT_END_NAMESPACE
