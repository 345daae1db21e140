// Qwen3VL on the scalar kernels. reference_model.cpp compiles it once.
#pragma once

#include <vlmt/vlmt.hpp>

namespace parity {

using ReferenceModel = vlmt::OnBackend<vlmt::Qwen3VL, vlmt::Cpu<vlmt::arch::reference>>;

}  // namespace parity

VLMT_BEGIN_NAMESPACE

extern template class Vlm<parity::ReferenceModel>;

VLMT_END_NAMESPACE
