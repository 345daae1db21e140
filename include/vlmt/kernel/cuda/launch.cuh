// The launcher of kernels that may start before the kernel in front of them has ended.
//
// Such a kernel calls let_next_start() and then wait_for_previous() in every thread, and reads only weights before the
// wait: the kernel before the previous one may still be writing what it reads. A kernel of an ordinary launch waits for
// all of the previous one, so that both kinds may be mixed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/buffer.cuh"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Whether kernels may start early, where the device can. The results are the same bits. For measurements and tests.
inline std::atomic<bool> early_starts{true};

/// Multiprocessors of the current device.
inline unsigned multiprocessors() {
  int device = 0, count = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
  return static_cast<unsigned>(count);
}

/// Bytes of shared memory that a block of the current device may have.
inline std::size_t shared_memory_limit() {
  int device = 0, bytes = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "cudaDeviceGetAttribute");
  return static_cast<std::size_t>(bytes);
}

/// Whether blocks of the current device may have as much shared memory as the fast kernels need: 8.0, 9.0 and others,
/// but not 8.6, 8.9 and 12.0, which take the simple kernels.
inline bool runs_fast_kernels() noexcept {
  int device = 0, bytes = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return false;
  if (cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) != cudaSuccess) return false;
  return bytes >= 160 * 1024;
}

/// Whether the code of a kernel for the current device has the instruction that waits: compute capability 9.0 and
/// later. Code translated from older PTX has not, whatever the device is.
template <auto Kernel>
bool waits_for_previous() {
  static std::array<std::atomic<signed char>, 64> known{};  // of each device: 0 if not asked yet, 1 yes, -1 no
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  std::atomic<signed char>& answer = known[static_cast<std::size_t>(device) % known.size()];
  if (answer == 0) {
    cudaFuncAttributes attributes{};
    check(cudaFuncGetAttributes(&attributes, Kernel), "cudaFuncGetAttributes");
    answer = attributes.ptxVersion >= 90 ? 1 : -1;
  }
  return answer > 0;
}

/// Launches Kernel with `shared` bytes of dynamic shared memory.
template <auto Kernel, class... Args>
void launch(dim3 grid, unsigned threads, std::size_t shared, cudaStream_t stream, Args&&... args) {
  if (shared > 40 * 1024) {  // static shared memory counts towards the 48 KiB that need no permission
    check(cudaFuncSetAttribute(Kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)),
          "shared memory of a kernel");
  }
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  config.attrs = &early;
  config.numAttrs = early_starts && waits_for_previous<Kernel>() ? 1 : 0;
  check(cudaLaunchKernelEx(&config, Kernel, std::forward<Args>(args)...), "launch of a kernel");
}

/// Lets the next kernel of the stream start once all blocks of this one have started.
__device__ inline void let_next_start() noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
/// Returns when the previous kernel of the stream has ended and its writes can be read.
__device__ inline void wait_for_previous() noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

}  // namespace cuda

VLMT_END_NAMESPACE
