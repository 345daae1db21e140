// What the benchmarks of CUDA kernels share: random blocks, times by replayed graphs, and one JSON line a measurement.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "vlmt/kernel/cuda/buffer.cuh"
#include "vlmt/kernel/cuda/launch.cuh"

namespace vlmt::cuda_bench {

/// Bytes that follow from their place only.
__global__ void random_kernel(std::uint32_t* x, std::size_t n, std::uint32_t seed) {
  for (std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x; i < n;
       i += static_cast<std::size_t>(gridDim.x) * blockDim.x) {
    std::uint32_t v = static_cast<std::uint32_t>(i) * 2654435761u ^ seed;
    v = (v ^ v >> 15) * 2246822519u;
    v = (v ^ v >> 13) * 3266489917u;
    x[i] = v ^ v >> 16;
  }
}
inline void fill_random(std::byte* x, std::size_t bytes, std::uint32_t seed, cudaStream_t stream) {
  random_kernel<<<1024, 256, 0, stream>>>(reinterpret_cast<std::uint32_t*>(x), bytes / 4, seed);
}

/// Values in (-1, 1).
__global__ void random_floats_kernel(float* x, std::size_t n, std::uint32_t seed) {
  for (std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x; i < n;
       i += static_cast<std::size_t>(gridDim.x) * blockDim.x) {
    std::uint32_t v = static_cast<std::uint32_t>(i) * 2654435761u ^ seed;
    v = (v ^ v >> 15) * 2246822519u;
    v = (v ^ v >> 13) * 3266489917u;
    x[i] = static_cast<float>(static_cast<std::int32_t>(v ^ v >> 16)) / 2147483648.0f;
  }
}
inline void fill_floats(float* x, std::size_t n, std::uint32_t seed, cudaStream_t stream) {
  random_floats_kernel<<<1024, 256, 0, stream>>>(x, n, seed);
}

/// Sets the scales of random blocks to a small number.
template <class Block>
__global__ void scale_kernel(Block* blocks, std::size_t n) {
  for (std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x; i < n;
       i += static_cast<std::size_t>(gridDim.x) * blockDim.x) {
    blocks[i].d[0] = 0;
    blocks[i].d[1] = 0x14;
    if constexpr (requires { blocks[i].dmin; }) {
      blocks[i].dmin[0] = 0;
      blocks[i].dmin[1] = 0x14;
    }
  }
}
template <class Format>
void fill_blocks(std::byte* blocks, std::size_t count, std::uint32_t seed, cudaStream_t stream) {
  fill_random(blocks, count * sizeof(typename Format::Block), seed, stream);
  if constexpr (requires(typename Format::Block b) { b.d; }) {
    scale_kernel<<<1024, 256, 0, stream>>>(reinterpret_cast<typename Format::Block*>(blocks), count);
  }
}

/// Microseconds of one call.
struct Time {
  double median;
  double low;   ///< a tenth of the times is below
  double high;  ///< a tenth of the times is above
};

class Measurement {
 public:
  Measurement() { cuda::check(cudaStreamCreate(&stream_), "cudaStreamCreate"); }
  ~Measurement() { static_cast<void>(cudaStreamDestroy(stream_)); }
  Measurement(const Measurement&) = delete;
  Measurement& operator=(const Measurement&) = delete;
  cudaStream_t stream() const { return stream_; }

  /// Times call(i), i < calls, which enqueue work on stream(), as one graph. Calls read different memory, so that they
  /// do not find it in the cache.
  template <class F>
  Time time(std::size_t calls, const F& call) const {
    call(0);  // so that capturing sets up nothing
    cuda::check(cudaStreamSynchronize(stream_), "benchmark");
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t replay = nullptr;
    cuda::check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capture");
    for (std::size_t i = 0; i < calls; ++i) call(i);
    cuda::check(cudaStreamEndCapture(stream_, &graph), "capture");
    cuda::check(cudaGraphInstantiate(&replay, graph, 0), "cudaGraphInstantiate");
    cudaEvent_t begin = nullptr, end = nullptr;
    cuda::check(cudaEventCreate(&begin), "cudaEventCreate");
    cuda::check(cudaEventCreate(&end), "cudaEventCreate");
    std::vector<double> times;
    for (int i = 0; i < 23; ++i) {
      cuda::check(cudaEventRecord(begin, stream_), "cudaEventRecord");
      cuda::check(cudaGraphLaunch(replay, stream_), "cudaGraphLaunch");
      cuda::check(cudaEventRecord(end, stream_), "cudaEventRecord");
      cuda::check(cudaEventSynchronize(end), "benchmark");
      float ms = 0.0f;
      cuda::check(cudaEventElapsedTime(&ms, begin, end), "cudaEventElapsedTime");
      if (i >= 2) times.push_back(1e3 * static_cast<double>(ms) / static_cast<double>(calls));
    }
    std::sort(times.begin(), times.end());
    cuda::check(cudaEventDestroy(begin), "cudaEventDestroy");
    cuda::check(cudaEventDestroy(end), "cudaEventDestroy");
    cuda::check(cudaGraphExecDestroy(replay), "cudaGraphExecDestroy");
    cuda::check(cudaGraphDestroy(graph), "cudaGraphDestroy");
    return {times[times.size() / 2], times[times.size() / 10], times[times.size() - 1 - times.size() / 10]};
  }

 private:
  cudaStream_t stream_ = nullptr;
};

__global__ void read_kernel(const uint4* x, std::size_t n, unsigned* out) {
  unsigned sum = 0;
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x;
  for (; i + 3 * step < n; i += 4 * step) {
    const uint4 a = x[i], b = x[i + step], c = x[i + 2 * step], d = x[i + 3 * step];
    sum ^= a.x ^ a.y ^ a.z ^ a.w ^ b.x ^ b.y ^ b.z ^ b.w ^ c.x ^ c.y ^ c.z ^ c.w ^ d.x ^ d.y ^ d.z ^ d.w;
  }
  if (sum == 0x12345678u) *out = sum;
}

/// Bytes per microsecond of reading 4 GiB.
inline double read_limit(const Measurement& m) {
  const std::size_t bytes = std::size_t{4} << 30;
  const CudaBuffer memory(bytes + 256);
  fill_random(memory.data(), bytes, 1, m.stream());
  const Time t = m.time(1, [&](std::size_t) {
    read_kernel<<<132 * 16, 512, 0, m.stream()>>>(reinterpret_cast<const uint4*>(memory.data()), bytes / 16,
                                                  reinterpret_cast<unsigned*>(memory.data() + bytes));
  });
  return static_cast<double>(bytes) / t.median;
}

/// Prints a measurement: microseconds, and bytes and operations a second, of which one may be 0.
inline void report(const std::string& name, const Time& t, double bytes, double flops, double limit_bytes_per_us) {
  std::printf("{\"name\": \"%s\", \"us\": %.3f, \"us_low\": %.3f, \"us_high\": %.3f", name.c_str(), t.median, t.low,
              t.high);
  if (bytes > 0.0) {
    std::printf(", \"tb_per_s\": %.3f, \"of_read_limit\": %.3f", bytes / t.median / 1e6,
                bytes / t.median / limit_bytes_per_us);
  }
  if (flops > 0.0) std::printf(", \"tflop_per_s\": %.1f", flops / t.median / 1e6);
  std::printf("}\n");
  std::fflush(stdout);
}

}  // namespace vlmt::cuda_bench
