// StepCuda: a step whose ops are enqueued on a stream.
#pragma once

#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/kernel/cuda/buffer.cuh"
#include "vlmt/kernel/cuda/lower.cuh"

VLMT_BEGIN_NAMESPACE

/// Enqueues the kernels of each op and returns. Issuing reads no data, so that a step may be captured into a graph.
class StepCuda {
 public:
  using Backend = Cuda;
  explicit StepCuda(cudaStream_t stream) noexcept : stream_(stream) {}

  /// Throws DeviceError if a kernel cannot be launched.
  template <class Op>
  void operator()(std::string_view name, const Op& op) {
    static_assert(is_op_value_v<Op>,
                  "vlmt: an op is a trivially copyable aggregate of at most 4096 bytes: pointers, sizes and policies");
    lower(Cuda{}, op, stream_);
    cuda::check(cudaGetLastError(), name);
  }
  template <class Op>
  void operator()(const Op& op) {
    (*this)("op", op);
  }

  cudaStream_t stream() const noexcept { return stream_; }
  /// Waits for all ops issued so far. Throws DeviceError if one failed.
  void wait() const { cuda::check(cudaStreamSynchronize(stream_), "step"); }

 private:
  cudaStream_t stream_;
};

static_assert(Step<StepCuda>);

VLMT_END_NAMESPACE
