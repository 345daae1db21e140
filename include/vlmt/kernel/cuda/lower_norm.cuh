// Lowering of norms to CUDA kernels, which also write the forms that products read.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/kernel/cuda/launch.cuh"
#include "vlmt/kernel/cuda/row_forms.cuh"
#include "vlmt/op/norm.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Rows of any width: a block for each.
template <class Norm>
__global__ void __launch_bounds__(block_threads) norm_kernel(Norm norm, const float* x, float* y, std::size_t width) {
  let_next_start();
  wait_for_previous();
  block_norm(norm, x + blockIdx.x * width, y + blockIdx.x * width, width);
}

template <class Norm>
void norm_rows(const Norm& norm, const float* x, float* y, std::size_t n, std::size_t width, cudaStream_t stream) {
  static_assert(
      requires { Norm::passes; },
      "vlmt: a norm with loops of its own runs on the CPU only; for CUDA write it as arithmetic, see RmsNorm in "
      "op/norm.hpp");
  if (n == 0) return;
  launch<norm_kernel<Norm>>(static_cast<unsigned>(n), block_threads, 0, stream, norm, x, y, width);
}

inline constexpr unsigned wide_threads = 512;
inline constexpr unsigned wide_warps = wide_threads / warp_threads;
inline constexpr unsigned lane_values = 8;  ///< neighbouring values of a thread
inline constexpr std::size_t most_in_registers = 2 * wide_threads * lane_values;

/// Moments of a row of which each thread of a block of wide_threads holds Parts pieces, zeros after its end.
template <class Norm, unsigned Parts, int Pass = 0>
__device__ RowMoments<> wide_moments(const Norm& norm, const float (&x)[Parts][lane_values], std::size_t width,
                                     double* shared, RowMoments<> moments = {}) noexcept {
  if constexpr (Pass == Norm::passes) {
    return moments;
  } else {
    float own = 0.0f;
#pragma unroll
    for (unsigned p = 0; p < Parts; ++p) {
      if ((p * wide_threads + threadIdx.x) * lane_values >= width) continue;
#pragma unroll
      for (unsigned i = 0; i < lane_values; ++i) own = norm.template term<Pass>(x[p][i], own, moments);
    }
    const float sum = warp_sum(own);
    if (threadIdx.x % warp_threads == 0) shared[Pass * wide_warps + threadIdx.x / warp_threads] = sum;
    __syncthreads();
    double total = 0.0;
    for (unsigned w = 0; w < wide_warps; ++w) total += shared[Pass * wide_warps + w];
    return wide_moments<Norm, Parts, Pass + 1>(norm, x, width, shared,
                                               norm.template finish<Pass>(total, width, moments));
  }
}

/// Rows of at most most_in_registers values, a multiple of 32, into the forms that their readers take.
template <class Norm, unsigned Parts>
__global__ void __launch_bounds__(wide_threads)
    norm_forms_kernel(Norm norm, const float* x, std::size_t width, Rows out) {
  __shared__ double shared[Norm::passes * wide_warps];
  let_next_start();
  wait_for_previous();
  const std::size_t row = blockIdx.x;
  float v[Parts][lane_values];
#pragma unroll
  for (unsigned p = 0; p < Parts; ++p) {
    const std::size_t at = (p * wide_threads + threadIdx.x) * lane_values;
    const auto* from = reinterpret_cast<const float4*>(x + row * width + at);
    const float4 zero{0.0f, 0.0f, 0.0f, 0.0f};
    const float4 a = at < width ? from[0] : zero, b = at < width ? from[1] : zero;
    const float values[lane_values] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
#pragma unroll
    for (unsigned i = 0; i < lane_values; ++i) v[p][i] = values[i];
  }
  const RowMoments<> moments = wide_moments<Norm, Parts>(norm, v, width, shared);
#pragma unroll
  for (unsigned p = 0; p < Parts; ++p) {
    const std::size_t at = (p * wide_threads + threadIdx.x) * lane_values;
    const bool some = at < width;
    float y[lane_values];
#pragma unroll
    for (unsigned i = 0; i < lane_values; ++i) {
      y[i] = some ? norm.apply(v[p][i], moments, ParameterAt{at + i}) : 0.0f;
      if (some && out.floats) out.x[row * width + at + i] = y[i];
    }
    if (some && out.b != nullptr) *reinterpret_cast<uint4*>(out.b + row * width + at) = pack8(y);
    if (out.q == nullptr) continue;
    const auto part = quantise(y);
    if (some) store_quantised(out, row, at, part);
  }
}

}  // namespace cuda

template <class Norm>
void lower(Cuda, const op::Normalise<Norm, cuda::Rows>& o, cudaStream_t stream) {
  if (o.n == 0) return;
  if (o.width % 32 != 0 || o.width > cuda::most_in_registers) {
    cuda::norm_rows(o.norm, o.x, o.out.x, o.n, o.width, stream);
    return cuda::convert(o.out, stream);
  }
  const auto n = static_cast<unsigned>(o.n);
  if (o.width <= cuda::most_in_registers / 2) {
    cuda::launch<cuda::norm_forms_kernel<Norm, 1>>(n, cuda::wide_threads, 0, stream, o.norm, o.x, o.width, o.out);
  } else {
    cuda::launch<cuda::norm_forms_kernel<Norm, 2>>(n, cuda::wide_threads, 0, stream, o.norm, o.x, o.width, o.out);
  }
}

template <class Norm>
void lower(Cuda, const op::NormaliseFloats<Norm>& o, cudaStream_t stream) {
  cuda::norm_rows(o.norm, o.x, o.y, o.n, o.width, stream);
}

VLMT_END_NAMESPACE
