// Compiled once; see vlmt/runtime/qwen3vl_instances.hpp.
#include "vlmt/runtime/qwen3vl_instances.hpp"

VLMT_BEGIN_NAMESPACE

template class WeightLoader<Cpu<>, formats::all>;
template Buffer WeightLoader<Cpu<>, formats::all>::load(OmpTeam&, const LoadProgress&, const StopFlag*);
template VisionEncoder<Cpu<>>::VisionEncoder(const VisionConfig&, const WeightSource&,
                                             WeightLoader<Cpu<>, formats::all>&, std::optional<std::uint32_t>);
template VisionEncoderBuffers<Cpu<>> VisionEncoder<Cpu<>>::take_buffers(Carver&, std::size_t, std::size_t,
                                                                        std::size_t) const;
template VisionPatches preprocess_image<arch::native>(const Image&, const VisionPreprocess&, const StopFlag*);
template VisionPatches preprocess_video<arch::native>(std::span<const Image>, const VisionPreprocess&, const StopFlag*);
template void vision_block<VisionEncoder<Cpu<>>::Parts>(StepNow<>&, const VisionShape&,
                                                        const VisionBlockWeights<Cpu<>>&, const VisionBuffers<Cpu<>>&,
                                                        std::size_t, const SegmentedAttention&, const float*, float,
                                                        Numerics);
template void merger(StepNow<>&, const VisionShape&, const MergerWeights<Cpu<>>&, const VisionBuffers<Cpu<>>&,
                     std::size_t, std::size_t, float*, std::size_t, float, Numerics);
template void VisionEncoder<Cpu<>>::forward(StepNow<>&, const VisionEncoderBuffers<Cpu<>>&, const PatchGrid&, float*,
                                            Numerics, BlockProgress<NoProbe>&) const;
template VisionSpeed measure_vision_speed<Qwen3VL>(const GgufFile&, const std::optional<std::uint32_t>&, Numerics,
                                                   OmpTeam&, const StopFlag*);

VLMT_END_NAMESPACE
