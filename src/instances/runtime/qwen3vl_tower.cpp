// Compiled once; see vlmt/runtime/qwen3vl_instances.hpp.
#include "vlmt/runtime/qwen3vl_instances.hpp"

VLMT_BEGIN_NAMESPACE

template void VisionTower<arch::native>::forward(StepNow&, const TowerBuffers&, const PatchGrid&, float*, Numerics,
                                                 NoProbe&) const;

VLMT_END_NAMESPACE
