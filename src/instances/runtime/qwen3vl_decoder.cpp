// Compiled once; see vlmt/runtime/qwen3vl_instances.hpp.
#include "vlmt/runtime/qwen3vl_instances.hpp"

VLMT_BEGIN_NAMESPACE

template void attention_block<Qwen3VL>(StepNow<>&, const DynamicShapes&, const AttentionWeights<Cpu<>>&,
                                       const AttentionBuffers<Cpu<>>&, const InputRows&, float*, std::size_t,
                                       const StepSequences&, std::size_t, const float*, float, Numerics, float,
                                       const CausalAttention&);
template void mlp_block<Qwen3VL>(StepNow<>&, const DynamicShapes&, const MlpWeights<Cpu<>>&, const InputRows&,
                                 const InputRows&, float*, std::size_t, float, Numerics);
template void moe_block<Qwen3VL>(StepNow<>&, const DynamicShapes&, const MoeWeights<Cpu<>>&, const InputRows&,
                                 const MoeBuffers<Cpu<>>&, float*, std::size_t, std::size_t, float, Numerics,
                                 const Qwen3VL::Router&);
template void Decoder<Qwen3VL>::forward(StepNow<>&, const DecoderBuffers<Cpu<>>&, StepSize, Numerics, NoProbe&) const;

VLMT_END_NAMESPACE
