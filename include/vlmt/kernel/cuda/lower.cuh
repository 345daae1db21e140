// All that the CUDA backend supplies: its nouns and the lowering of ops, one simple kernel for each. They are the parts
// to which composed types without a kernel of their own fall back: right for every format, policy and shape, not fast.
#pragma once

#include "vlmt/kernel/cuda/backend_types.cuh"
#include "vlmt/kernel/cuda/lower_attention.cuh"
#include "vlmt/kernel/cuda/lower_experts.cuh"
#include "vlmt/kernel/cuda/lower_products.cuh"
#include "vlmt/kernel/cuda/lower_rows.cuh"
#include "vlmt/kernel/cuda/lower_sampling.cuh"
