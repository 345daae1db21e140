// Declares the instances of Qwen3VL on arch::native with OpenMP that src/instances compiles once. They only save
// compile time; without VLMT_EXTERN_INSTANCES nothing is declared.
#pragma once

#include "vlmt/base/config.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/kernel/attention_instances.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/model/qwen3vl.hpp"
#include "vlmt/runtime/batch_decoder.hpp"
#include "vlmt/runtime/load.hpp"
#include "vlmt/runtime/request_plan.hpp"
#include "vlmt/runtime/session.hpp"
#include "vlmt/runtime/vision_speed.hpp"

#if VLMT_EXTERN_INSTANCES

VLMT_BEGIN_NAMESPACE

extern template void attention_block<Qwen3VL>(StepNow<>&, const DynamicShapes&, const AttentionWeights<Cpu<>>&,
                                              const AttentionBuffers<Cpu<>>&, const InputRows&, float*, std::size_t,
                                              const StepSequences&, std::size_t, const float*, float, Numerics, float,
                                              const CausalAttention&);
extern template void mlp_block<Qwen3VL>(StepNow<>&, const DynamicShapes&, const MlpWeights<Cpu<>>&, const InputRows&,
                                        const InputRows&, float*, std::size_t, float, Numerics);
extern template void moe_block<Qwen3VL>(StepNow<>&, const DynamicShapes&, const MoeWeights<Cpu<>>&, const InputRows&,
                                        const MoeBuffers<Cpu<>>&, float*, std::size_t, std::size_t, float, Numerics,
                                        const Qwen3VL::Router&);
extern template void vision_block<VisionEncoder<Cpu<>>::Parts>(StepNow<>&, const VisionShape&,
                                                               const VisionBlockWeights<Cpu<>>&,
                                                               const VisionBuffers<Cpu<>>&, std::size_t,
                                                               const SegmentedAttention&, const float*, float,
                                                               Numerics);
extern template void merger(StepNow<>&, const VisionShape&, const MergerWeights<Cpu<>>&, const VisionBuffers<Cpu<>>&,
                            std::size_t, std::size_t, float*, std::size_t, float, Numerics);
extern template void Decoder<Qwen3VL>::forward(StepNow<>&, const DecoderBuffers<Cpu<>>&, StepSize, Numerics,
                                               NoProbe&) const;
extern template void VisionEncoder<Cpu<>>::forward(StepNow<>&, const VisionEncoderBuffers<Cpu<>>&, const PatchGrid&,
                                                   float*, Numerics, BlockProgress<NoProbe>&) const;
extern template VisionEncoder<Cpu<>>::VisionEncoder(const VisionConfig&, const WeightSource&,
                                                    WeightLoader<Cpu<>, formats::all>&, std::optional<std::uint32_t>);
extern template VisionEncoderBuffers<Cpu<>> VisionEncoder<Cpu<>>::take_buffers(Carver&, std::size_t, std::size_t,
                                                                               std::size_t) const;
extern template VisionPatches preprocess_image<arch::native>(const Image&, const VisionPreprocess&, const StopFlag*);
extern template VisionPatches preprocess_video<arch::native>(std::span<const Image>, const VisionPreprocess&,
                                                             const StopFlag*);
extern template class WeightLoader<Cpu<>, formats::all>;
extern template Buffer WeightLoader<Cpu<>, formats::all>::load(OmpTeam&, const LoadProgress&, const StopFlag*);
extern template class Vlm<Qwen3VL>;
extern template class ChatModel<Qwen3VL>;
extern template class Runner<Qwen3VL, OmpTeam>;
extern template class VisionRunner<Qwen3VL, OmpTeam>;
extern template void Sampler<>::issue(StepNow<>&, float*);
extern template class Session<Qwen3VL, OmpTeam>;
extern template class BatchDecoder<Qwen3VL, OmpTeam>;
extern template void ChatModel<Qwen3VL>::load(OmpTeam&, const LoadProgress&, const StopFlag*);
extern template ChatModel<Qwen3VL> load<Qwen3VL>(const std::string&, const std::string&, const LoadOptions&);
extern template MemoryPlan plan_memory(const Vlm<Qwen3VL>&, const SessionOptions&, std::size_t, std::size_t);
extern template MemoryPlan plan_memory(const ChatModel<Qwen3VL>&, const SessionOptions&, std::size_t, std::size_t);
extern template RequestPlan plan_request(const ChatModel<Qwen3VL>&, SessionOptions, const VisionPreprocess&,
                                         const RequestSize&, const RequestLimits&);
extern template RequestPlan fit_request(const ChatModel<Qwen3VL>&, const SessionOptions&, std::span<ChatMessage>,
                                        std::size_t, const ChatOptions&, std::size_t, const RequestLimits&);
extern template VisionSpeed measure_vision_speed<Qwen3VL>(const GgufFile&, const std::optional<std::uint32_t>&,
                                                          Numerics, OmpTeam&, const StopFlag*);
extern template VisionSpeed vision_speed<Qwen3VL>(const std::string&, const VisionSpeedOptions&);

VLMT_END_NAMESPACE

#endif
