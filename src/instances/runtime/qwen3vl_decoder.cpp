// Compiled once; see vlmt/runtime/qwen3vl_instances.hpp.
#include "vlmt/runtime/qwen3vl_instances.hpp"

VLMT_BEGIN_NAMESPACE

template void Decoder<Qwen3VL>::forward(StepNow&, const DecoderBuffers&, StepSize, Numerics, NoProbe&) const;

VLMT_END_NAMESPACE
