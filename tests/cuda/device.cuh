// What tests of the CUDA backend share: a stream, arrays in device memory, and the check for a device.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/kernel/cuda/buffer.cuh"

namespace vlmt::cuda_test {

/// Skips its tests where there is no device.
class OnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no CUDA device";
    cuda::check(cudaStreamCreate(&stream_), "cudaStreamCreate");
  }
  void TearDown() override {
    if (stream_ != nullptr) EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
  }

  cudaStream_t stream_ = nullptr;
};

/// An array in device memory.
template <class T>
class Device {
 public:
  explicit Device(std::size_t n) : buffer_(n * sizeof(T)), n_(n) {}
  Device(const std::vector<T>& host, cudaStream_t stream) : Device(host.size()) { cuda::copy_in(data(), host, stream); }
  T* data() const noexcept { return reinterpret_cast<T*>(buffer_.data()); }
  std::vector<T> host(cudaStream_t stream) const { return cuda::copy_out(data(), n_, stream); }

 private:
  CudaBuffer buffer_;
  std::size_t n_;
};

}  // namespace vlmt::cuda_test
