// The model on the scalar kernels, compiled in a source of its own.
#pragma once

#include <vlmt/vlmt.hpp>

namespace parity {

using ReferenceModel = vlmt::OnBackend<vlmt::Qwen3VL, vlmt::Cpu<vlmt::arch::reference>>;

}  // namespace parity

VLMT_BEGIN_NAMESPACE

extern template class Vlm<parity::ReferenceModel>;

VLMT_END_NAMESPACE
