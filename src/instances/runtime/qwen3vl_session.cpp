// Compiled once; see vlmt/runtime/qwen3vl_instances.hpp.
#include "vlmt/runtime/qwen3vl_instances.hpp"

VLMT_BEGIN_NAMESPACE

template class Session<Qwen3VL, OmpTeam>;

VLMT_END_NAMESPACE
