// Lowering of ops on rows and of the patch convolution to CUDA kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/backend_types.cuh"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/kernel/cuda/row_forms.cuh"
#include "vlmt/kernel/cuda/weights.cuh"
#include "vlmt/op/host.hpp"
#include "vlmt/op/patches.hpp"
#include "vlmt/op/rows.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

template <class Stored>
__global__ void embed_kernel(op::Embed<Matrix> o) {
  const std::size_t units = o.width / Stored::values;
  const std::size_t item = thread_item();
  if (item >= o.rows * units) return;
  const std::size_t t = item / units;
  const std::size_t b = item % units;
  if (o.ids[t] < 0) return;
  float values[Stored::values];
  Stored::decode(stored(o.table), static_cast<std::size_t>(o.ids[t]), b, values);
  float* y = o.y + t * o.width + b * Stored::values;
  for (std::size_t i = 0; i < Stored::values; ++i) y[i] = values[i] * o.table.scale;
}

template <class Op = op::Gather>
__global__ void gather_kernel(Op o) {
  const std::size_t item = thread_item();
  if (item >= o.rows * o.width) return;
  o.y[item] = o.x[static_cast<std::size_t>(o.from[item / o.width]) * o.width + item % o.width];
}

/// y[to[i]] = a level of from[i], or added to it.
template <bool Added>
__global__ void features_kernel(const FeatureRow* from, std::size_t level, const std::int32_t* to, float* y,
                                std::size_t rows, std::size_t width) {
  const std::size_t item = thread_item();
  if (item >= rows * width) return;
  const std::size_t i = item / width;
  const std::size_t col = item % width;
  const float value = from[i].row[level * from[i].level_stride + col];
  float& target = y[static_cast<std::size_t>(to[i]) * width + col];
  if constexpr (Added) {
    target += value;
  } else {
    target = value;
  }
}

template <bool Added>
void move_features(const FeatureRow* from, std::size_t level, const std::int32_t* to, float* y, std::size_t rows,
                   std::size_t width, cudaStream_t stream) {
  if (rows == 0) return;
  features_kernel<Added><<<blocks_for(rows * width), block_threads, 0, stream>>>(from, level, to, y, rows, width);
}

template <class Op = op::AddWeighted>
__global__ void add_weighted_kernel(Op o) {
  const std::size_t item = thread_item();
  if (item >= o.rows * o.width) return;
  const std::size_t t = item / o.width;
  const std::size_t col = item % o.width;
  float sum = 0.0f;
  for (std::size_t j = 0; j < o.terms; ++j) {
    const auto row = static_cast<std::size_t>(o.from[t * o.terms + j]);
    sum = fmaf(o.weights[t * o.terms + j], o.x[row * o.width + col], sum);
  }
  o.y[item] += sum;
}

template <class Op = op::Patches>
__global__ void patches_kernel(Op o) {
  const std::size_t item = thread_item();
  if (item >= o.n * o.kernel.outputs) return;
  const std::size_t p = item / o.kernel.outputs;
  const std::size_t output = item % o.kernel.outputs;
  const std::size_t pixels = o.kernel.times * o.kernel.side * o.kernel.side;
  float sum = 0.0f;
  for (std::size_t c = 0; c < o.kernel.channels; ++c) {
    for (std::size_t i = 0; i < pixels; ++i) {
      sum = fmaf(o.kernel.weight[o.kernel.at(output, c, i)], o.patches[p * o.kernel.values() + c * pixels + i], sum);
    }
  }
  o.y[item] = sum + o.kernel.bias[output];
}

}  // namespace cuda

inline void lower(Cuda, const op::Embed<cuda::Matrix>& o, cudaStream_t stream) {
  if (o.rows == 0) return;
  cuda::visit_weights(o.table, [&](auto tag) {
    using Stored = typename decltype(tag)::type;
    const unsigned blocks = cuda::blocks_for(o.rows * (o.width / Stored::values));
    cuda::embed_kernel<Stored><<<blocks, cuda::block_threads, 0, stream>>>(o);
  });
  cuda::move_features<false>(o.visual, 0, o.visual_at, o.y, o.visual_rows, o.width, stream);
}

inline void lower(Cuda, const op::ScatterAdd& o, cudaStream_t stream) {
  cuda::move_features<true>(o.from, o.level, o.to, o.y, o.rows, o.width, stream);
}

inline void lower(Cuda, const op::Gather& o, cudaStream_t stream) {
  if (o.rows == 0) return;
  cuda::gather_kernel<<<cuda::blocks_for(o.rows * o.width), cuda::block_threads, 0, stream>>>(o);
}

inline void lower(Cuda, const op::AddWeighted& o, cudaStream_t stream) {
  if (o.rows == 0) return;
  cuda::add_weighted_kernel<<<cuda::blocks_for(o.rows * o.width), cuda::block_threads, 0, stream>>>(o);
}

inline void lower(Cuda, const op::Convert<cuda::Rows>& o, cudaStream_t stream) {
  cuda::convert(o.rows, stream);
}

inline void lower(Cuda, const op::Patches& o, cudaStream_t stream) {
  if (o.n == 0) return;
  cuda::patches_kernel<<<cuda::blocks_for(o.n * o.kernel.outputs), cuda::block_threads, 0, stream>>>(o);
}

template <class F, class First, class Second>
void lower(Cuda, const op::Host<F, First, Second>&, cudaStream_t) {
  static_assert(dependent_false_v<F>, "vlmt: the CUDA backend runs no host ops: they would read device memory");
}

VLMT_END_NAMESPACE
