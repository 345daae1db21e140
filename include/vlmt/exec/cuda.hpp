// The CUDA backend as a type. Its memory, nouns and kernels are in kernel/cuda/*.cuh, which need nvcc.
#pragma once

#include <string_view>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

class CudaBuffer;

/// One CUDA device: the one that is current when a buffer is made and when a step is issued.
struct Cuda {
  using Memory = CudaBuffer;
  static constexpr std::string_view name = "cuda";
  static constexpr bool host_visible = false;
};

VLMT_END_NAMESPACE
