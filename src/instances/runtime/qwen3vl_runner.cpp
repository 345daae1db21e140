// Compiled once; see vlmt/runtime/qwen3vl_instances.hpp.
#include "vlmt/runtime/qwen3vl_instances.hpp"

VLMT_BEGIN_NAMESPACE

template class Runner<Qwen3VL, OmpTeam>;
template class BatchDecoder<Qwen3VL, OmpTeam>;
template void Sampler<>::issue(StepNow<>&, float*);
template class VisionRunner<Qwen3VL, OmpTeam>;

VLMT_END_NAMESPACE
