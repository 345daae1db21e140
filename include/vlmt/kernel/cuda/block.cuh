// What threads of a block compute together: sums, maxima, moments of a row. And the shape of launches.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/op/norm.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Threads of each block of every kernel here.
inline constexpr unsigned block_threads = 128;
inline constexpr unsigned warp_threads = 32;
inline constexpr unsigned block_warps = block_threads / warp_threads;

/// Blocks for n items, one a thread.
inline unsigned blocks_for(std::size_t n) noexcept {
  return static_cast<unsigned>((n + block_threads - 1) / block_threads);
}
/// Blocks in y and z are limited to 65,535: kernels loop.
inline unsigned capped(std::size_t n) noexcept {
  return static_cast<unsigned>(n < 65535 ? n : 65535);
}
/// The item of this thread, of a launch of blocks_for(n).
__device__ inline std::size_t thread_item() noexcept {
  return static_cast<std::size_t>(blockIdx.x) * block_threads + threadIdx.x;
}

/// The warp of this thread in its block, as a value that the compiler knows to be that of the whole warp.
__device__ inline unsigned warp_index() noexcept {
  return __shfl_sync(0xffffffffu, threadIdx.x / warp_threads, 0);
}

/// The sum over the lanes of a warp, in every lane.
__device__ inline float warp_sum(float x) noexcept {
  for (unsigned step = warp_threads / 2; step != 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}

/// Combines x of all threads of the block by pairs, f(a, b), in a fixed order. Every thread must call it.
template <class T, class F>
__device__ T block_reduce(T x, const F& f) noexcept {
  __shared__ T values[block_threads];
  values[threadIdx.x] = x;
  __syncthreads();
  for (unsigned step = block_threads / 2; step != 0; step /= 2) {
    if (threadIdx.x < step) values[threadIdx.x] = f(values[threadIdx.x], values[threadIdx.x + step]);
    __syncthreads();
  }
  const T result = values[0];
  __syncthreads();
  return result;
}

struct Plus {
  template <class T>
  __device__ T operator()(T a, T b) const noexcept {
    return a + b;
  }
};
/// The larger; the other one where one is NaN.
struct Larger {
  template <class T>
  __device__ T operator()(T a, T b) const noexcept {
    return b > a || a != a ? b : a;
  }
};

/// Moments of h values by a norm policy. Every thread of the block must call it.
template <class Norm, int Pass = 0>
__device__ RowMoments<> block_moments(const Norm& norm, const float* x, std::size_t h,
                                      RowMoments<> moments = {}) noexcept {
  if constexpr (Pass == Norm::passes) {
    return moments;
  } else {
    float sum = 0.0f;
    for (std::size_t i = threadIdx.x; i < h; i += block_threads) sum = norm.template term<Pass>(x[i], sum, moments);
    const double total = block_reduce(static_cast<double>(sum), Plus{});
    return block_moments<Norm, Pass + 1>(norm, x, h, norm.template finish<Pass>(total, h, moments));
  }
}

/// y = norm(x), h values; x and y may be equal. Every thread of the block must call it.
template <class Norm>
__device__ void block_norm(const Norm& norm, const float* x, float* y, std::size_t h) noexcept {
  const RowMoments<> moments = block_moments(norm, x, h);
  for (std::size_t i = threadIdx.x; i < h; i += block_threads) y[i] = norm.apply(x[i], moments, ParameterAt{i});
}

}  // namespace cuda

VLMT_END_NAMESPACE
