// All that the CUDA backend supplies: its nouns and the lowering of ops. Each op has a simple kernel, right for every
// format, policy and shape, to which types and shapes without a fast kernel fall back.
#pragma once

#include "vlmt/kernel/cuda/backend_types.cuh"
#include "vlmt/kernel/cuda/lower_attention.cuh"
#include "vlmt/kernel/cuda/lower_experts.cuh"
#include "vlmt/kernel/cuda/lower_norm.cuh"
#include "vlmt/kernel/cuda/lower_products.cuh"
#include "vlmt/kernel/cuda/lower_rows.cuh"
#include "vlmt/kernel/cuda/lower_sampling.cuh"
