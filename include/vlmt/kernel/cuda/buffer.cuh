// Owned device memory, and copies between host and device.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <cuda_runtime.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/cuda.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Throws DeviceError unless `status` is success. `call` names what failed.
inline void check(cudaError_t status, std::string_view call) {
  if (status != cudaSuccess) throw_error(DeviceError(std::string(call) + ": " + cudaGetErrorString(status)));
}

/// Copies to or from device memory. They are ordered with the work of the stream; the host's memory may be used again
/// when they return.
template <class T>
void copy_in(T* device, std::span<const T> host, cudaStream_t stream) {
  static_assert(std::is_trivially_copyable_v<T>);
  check(cudaMemcpyAsync(device, host.data(), host.size_bytes(), cudaMemcpyHostToDevice, stream), "copy to the device");
  check(cudaStreamSynchronize(stream), "copy to the device");
}
template <class T>
void copy_in(T* device, const std::vector<T>& host, cudaStream_t stream) {
  copy_in(device, std::span<const T>(host), stream);
}
template <class T>
std::vector<T> copy_out(const T* device, std::size_t n, cudaStream_t stream) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::vector<T> host(n);
  check(cudaMemcpyAsync(host.data(), device, n * sizeof(T), cudaMemcpyDeviceToHost, stream), "copy from the device");
  check(cudaStreamSynchronize(stream), "copy from the device");
  return host;
}

}  // namespace cuda

/// Zeroed memory of the current device, aligned to 256 bytes.
class CudaBuffer {
 public:
  CudaBuffer() = default;
  /// Throws LimitError if the device has too little memory.
  explicit CudaBuffer(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    void* p = nullptr;
    if (cudaMalloc(&p, bytes) != cudaSuccess) {
      static_cast<void>(cudaGetLastError());  // reported here: it must not fail the next call
      throw_error(LimitError("cannot allocate " + std::to_string(bytes) + " bytes on the device"));
    }
    data_ = static_cast<std::byte*>(p);
    cuda::check(cudaMemset(data_, 0, bytes), "cudaMemset");
  }
  CudaBuffer(CudaBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  CudaBuffer& operator=(CudaBuffer&& other) noexcept {
    CudaBuffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(bytes_, taken.bytes_);
    return *this;
  }
  ~CudaBuffer() {
    if (data_ != nullptr) static_cast<void>(cudaFree(data_));
  }

  /// Device addresses.
  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

VLMT_END_NAMESPACE
