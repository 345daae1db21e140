// Lowering of products to CUDA kernels: one warp for each value of the result.
//
// A pair of matrices is two products, the second of which gates what the first has stored. Queries, keys and values are
// three, then a kernel by head. So each kernel reads one format. Rows in int8 and weights in tiles take the kernels of
// product_int8.cuh instead, rows in bfloat16 those of product_wide.cuh.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/backend_types.cuh"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/kernel/cuda/epilogues.cuh"
#include "vlmt/kernel/cuda/launch.cuh"
#include "vlmt/kernel/cuda/launch_wide.cuh"
#include "vlmt/kernel/cuda/product_int8.cuh"
#include "vlmt/kernel/cuda/weights.cuh"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/low_rank.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/product.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// One matrix for all rows of an operand.
struct OneForAll {
  Matrix w;
  Rows rows;

  __device__ std::size_t count() const noexcept { return rows.n; }
  __device__ std::size_t matrix_of(std::size_t) const noexcept { return 0; }
  __device__ float scale(std::size_t) const noexcept { return w.scale; }
  __device__ const float* row(std::size_t r) const noexcept { return rows.x + r * rows.cols; }
};

/// The matrix of the expert to which a grouped row belongs.
struct OneForEachGroup {
  Experts w;
  Rows rows;
  ExpertGroups groups;
  bool rows_of_tokens;

  __device__ std::size_t count() const noexcept { return static_cast<std::size_t>(groups.offsets[groups.experts]); }
  __device__ std::size_t matrix_of(std::size_t r) const noexcept {
    std::size_t e = 0;
    while (r >= static_cast<std::size_t>(groups.offsets[e + 1])) ++e;
    return e;
  }
  __device__ float scale(std::size_t matrix) const noexcept { return w.scales == nullptr ? 1.0f : w.scales[matrix]; }
  __device__ const float* row(std::size_t r) const noexcept {
    return rows.x + (rows_of_tokens ? static_cast<std::size_t>(groups.tokens[r]) : r) * rows.cols;
  }
};

template <class Stored, class Operands, class Epilogue>
__global__ void __launch_bounds__(block_threads) product_kernel(Operands o, Epilogue epilogue) {
  const std::size_t col = blockIdx.x * block_warps + threadIdx.x / warp_threads;
  if (col >= o.w.rows) return;
  for (std::size_t r = blockIdx.y; r < o.count(); r += gridDim.y) {
    const std::size_t matrix = o.matrix_of(r);
    const float value = dot<Stored>(stored(o.w), matrix * o.w.rows + col, o.row(r)) * o.scale(matrix);
    if (threadIdx.x % warp_threads == 0) finish(epilogue, r, col, value);
  }
}

/// `rows`: rows of the result, or an estimate of it.
template <class Operands, class Epilogue>
void launch_product(const Operands& o, std::size_t rows, const Epilogue& epilogue, cudaStream_t stream) {
  if (rows == 0) return;
  visit_weights(o.w, [&](auto tag) {
    using Stored = typename decltype(tag)::type;
    const dim3 grid(static_cast<unsigned>((o.w.rows + block_warps - 1) / block_warps), capped(rows));
    product_kernel<Stored><<<grid, block_threads, 0, stream>>>(o, epilogue);
  });
}

/// Two products of the same rows: gate and up. with(i, e) is the epilogue of product i that ends with e.
template <class Operands, class Activation, class With>
void launch_gate(const Operands& first, const Operands& second, const op::Gate<Activation, Rows>& e,
                 cudaStream_t stream, const With& with) {
  launch_product(first, e.out.n, with(0, op::Store{e.out.x, e.out.cols}), stream);
  launch_product(second, e.out.n, with(1, GateStored<Activation>{e.out.x, e.out.cols}), stream);
  convert_output(e, stream);
}

/// Leaves an epilogue as it is.
struct WithoutDelta {
  template <class E>
  E operator()(std::size_t, const E& e) const {
    return e;
  }
};
/// Puts the delta of a product before its epilogue.
template <class T>
struct WithDelta {
  const op::Delta<T>* deltas;
  template <class E>
  op::Adapted<E, T, 1> operator()(std::size_t i, const E& e) const {
    return {e, {deltas[i]}};
  }
};

/// x = norm(x), h values in shared memory, by a warp.
template <class Norm, int Pass = 0>
__device__ void warp_norm(const Norm& norm, float* x, std::size_t h, RowMoments<> moments = {}) noexcept {
  const unsigned lane = threadIdx.x % warp_threads;
  if constexpr (Pass == Norm::passes) {
    for (std::size_t i = lane; i < h; i += warp_threads) x[i] = norm.apply(x[i], moments, ParameterAt{i});
    __syncwarp();
  } else {
    float sum = 0.0f;
    for (std::size_t i = lane; i < h; i += warp_threads) sum = norm.template term<Pass>(x[i], sum, moments);
    const auto total = static_cast<double>(warp_sum(sum));
    warp_norm<Norm, Pass + 1>(norm, x, h, norm.template finish<Pass>(total, h, moments));
  }
}

/// Norm, rotation and cache write of one head of one row in a warp; see op::RotateAndCache. Heads are numbered queries,
/// keys, values.
template <QuantFormat Keys, QuantFormat Values, class Norm, class Pairing>
__global__ void __launch_bounds__(block_threads)
    rotate_and_cache_kernel(op::RotateAndCache<Norm, Pairing, Sequences> e) {
  extern __shared__ float shared_heads[];  // (warps, head_dim)
  let_next_start();
  const unsigned lane = threadIdx.x % warp_threads;
  const std::size_t row = blockIdx.x;
  const std::size_t head = blockIdx.y * block_warps + threadIdx.x / warp_threads;
  const std::size_t dim = e.head_dim;
  const std::size_t half = dim / 2;
  if (head >= e.heads + 2 * e.kv_heads) return;
  float* shared = shared_heads + threadIdx.x / warp_threads * dim;
  float* at = e.qkv + (row * (e.heads + 2 * e.kv_heads) + head) * dim;
  const bool query = head < e.heads;
  const bool key = !query && head < e.heads + e.kv_heads;
  const float* bias = query ? e.q_bias : key ? e.k_bias : e.v_bias;
  const std::size_t own_head = query ? head : key ? head - e.heads : head - e.heads - e.kv_heads;
  wait_for_previous();
  const std::size_t sequence = e.sequences.at(row);
  const std::size_t slot = static_cast<std::size_t>(e.sequences.start[sequence]) + row -
                           static_cast<std::size_t>(e.sequences.first[sequence]);
  for (std::size_t i = lane; i < dim; i += warp_threads) {
    shared[i] = bias == nullptr ? at[i] : at[i] + bias[own_head * dim + i];
  }
  __syncwarp();
  if (query || key) {
    if constexpr (!std::is_same_v<Norm, NoQkNorm>) warp_norm(query ? e.norm.of_query : e.norm.of_key, shared, dim);
    const float* table = e.angles + row * 2 * half;
    for (std::size_t i = lane; i < half; i += warp_threads) {
      const float a = shared[Pairing::first(i, half)];
      const float b = shared[Pairing::second(i, half)];
      const float c = table[i];
      const float s = table[half + i];
      shared[Pairing::first(i, half)] = a * c - b * s;
      shared[Pairing::second(i, half)] = b * c + a * s;
    }
    __syncwarp();
  }
  if (query) {
    for (std::size_t i = lane; i < dim; i += warp_threads) at[i] = shared[i];
    return;
  }
  const PagedKv<Keys, Values> kv(e.sequences, sequence, e.layer);
  if (key) {
    auto* to = kv.key_row(head - e.heads, slot);
    for (std::size_t i = lane; i < dim; i += warp_threads) Keys::encode(shared + i, to[i]);
  } else {
    auto* to = kv.value_row(head - e.heads - e.kv_heads, slot);
    for (std::size_t i = lane; i < dim; i += warp_threads) Values::encode(shared + i, to[i]);
  }
}

/// The product of rows and one matrix, by the kernel for their forms.
template <class Epilogue>
void launch_one(const Rows& rows, const Matrix& w, const Epilogue& epilogue, cudaStream_t stream) {
  if (takes_int8(rows, w)) {
    launch_int8_product<1>(rows, {&w}, OneOutput<Epilogue>{epilogue}, stream);
  } else if (takes_wide(rows, w)) {
    return launch_wide_product<false>(rows, {&w}, wide_output(epilogue), stream);
  } else {
    launch_product(OneForAll{w, rows}, rows.n, epilogue, stream);
  }
  convert_output(epilogue, stream);
}

/// Queries, keys and values, each by itself. with(i, e) is the epilogue of product i that ends with e.
template <class Norm, class Pairing, class With>
void launch_qkv(const Rows& rows, const op::Qkv<Matrix>& w, const op::RotateAndCache<Norm, Pairing, Sequences>& e,
                cudaStream_t stream, const With& with) {
  const std::size_t q_width = e.heads * e.head_dim;
  const std::size_t kv_width = e.kv_heads * e.head_dim;
  const std::size_t width = q_width + 2 * kv_width;
  launch_one(rows, w.q, with(0, op::Store{e.qkv, width}), stream);
  launch_one(rows, w.k, with(1, op::Store{e.qkv + q_width, width}), stream);
  launch_one(rows, w.v, with(2, op::Store{e.qkv + q_width + kv_width, width}), stream);
}

template <class Norm, class Pairing>
void launch_rotate_and_cache(std::size_t rows, const op::RotateAndCache<Norm, Pairing, Sequences>& e,
                             cudaStream_t stream) {
  visit_cache(e.sequences.layout, [&](auto keys, auto values) {
    const std::size_t heads = e.heads + 2 * e.kv_heads;
    const dim3 grid(static_cast<unsigned>(rows), static_cast<unsigned>((heads + block_warps - 1) / block_warps));
    launch<rotate_and_cache_kernel<typename decltype(keys)::type, typename decltype(values)::type, Norm, Pairing>>(
        grid, block_threads, block_warps * e.head_dim * sizeof(float), stream, e);
  });
}

/// One warp for each value of t.
template <class T>
__global__ void __launch_bounds__(block_threads) low_rank_kernel(op::LowRank<Rows, T> o) {
  const std::size_t i = blockIdx.x * block_warps + threadIdx.x / warp_threads;
  if (i >= o.rank) return;
  for (std::size_t row = blockIdx.y; row < o.rows.n; row += gridDim.y) {
    if (o.adapter[row] < 0) continue;
    const T* a = o.down + (static_cast<std::size_t>(o.adapter[row]) * o.rank + i) * o.rows.cols;
    float sum = 0.0f;
    for (std::size_t k = threadIdx.x % warp_threads; k < o.rows.cols; k += warp_threads) {
      sum = fmaf(static_cast<float>(a[k]), o.rows.x[row * o.rows.cols + k], sum);
    }
    sum = warp_sum(sum);
    if (threadIdx.x % warp_threads == 0) o.t[row * o.rank + i] = sum;
  }
}

}  // namespace cuda

template <class T>
void lower(Cuda, const op::LowRank<cuda::Rows, T>& o, cudaStream_t stream) {
  if (o.rows.n * o.rank == 0) return;
  const dim3 grid(static_cast<unsigned>((o.rank + cuda::block_warps - 1) / cuda::block_warps), cuda::capped(o.rows.n));
  cuda::low_rank_kernel<<<grid, cuda::block_threads, 0, stream>>>(o);
}

template <class Epilogue>
void lower(Cuda, const op::Product<cuda::Rows, op::One<cuda::Matrix>, Epilogue>& o, cudaStream_t stream) {
  cuda::launch_one(o.rows, o.weights.w, o.epilogue, stream);
}

template <class Activation>
void lower(Cuda, const op::Product<cuda::Rows, op::Pair<cuda::Matrix>, op::Gate<Activation, cuda::Rows>>& o,
           cudaStream_t stream) {
  const auto& w = o.weights;
  if (cuda::takes_int8(o.rows, w.first) && cuda::takes_int8(o.rows, w.second)) {
    cuda::launch_int8_product<2>(o.rows, {&w.first, &w.second}, cuda::GatedOutput<Activation>{o.epilogue.out}, stream);
  } else if (cuda::takes_wide(o.rows, w.first) && cuda::takes_wide(o.rows, w.second)) {
    cuda::launch_wide_product<true>(o.rows, {&w.first, &w.second}, cuda::wide_output(o.epilogue), stream);
  } else {
    cuda::launch_gate(cuda::OneForAll{w.first, o.rows}, cuda::OneForAll{w.second, o.rows}, o.epilogue, stream,
                      cuda::WithoutDelta{});
  }
}

template <class Activation, class T>
void lower(
    Cuda, const op::Product<cuda::Rows, op::Pair<cuda::Matrix>, op::Adapted<op::Gate<Activation, cuda::Rows>, T, 2>>& o,
    cudaStream_t stream) {
  cuda::launch_gate(cuda::OneForAll{o.weights.first, o.rows}, cuda::OneForAll{o.weights.second, o.rows},
                    o.epilogue.inner, stream, cuda::WithDelta<T>{o.epilogue.deltas});
}

template <class Epilogue>
void lower(Cuda, const op::Product<cuda::Rows, op::Grouped<cuda::Experts>, Epilogue>& o, cudaStream_t stream) {
  const auto& w = o.weights;
  cuda::launch_product(cuda::OneForEachGroup{w.w, o.rows, w.groups, w.rows_of_tokens}, o.rows.n, o.epilogue, stream);
  cuda::convert_output(o.epilogue, stream);
}

template <class Activation>
void lower(Cuda, const op::Product<cuda::Rows, op::GroupedPair<cuda::Experts>, op::Gate<Activation, cuda::Rows>>& o,
           cudaStream_t stream) {
  const auto& w = o.weights;
  cuda::launch_gate(cuda::OneForEachGroup{w.first, o.rows, w.groups, w.rows_of_tokens},
                    cuda::OneForEachGroup{w.second, o.rows, w.groups, w.rows_of_tokens}, o.epilogue, stream,
                    cuda::WithoutDelta{});
}

template <class Norm, class Pairing>
void lower(Cuda,
           const op::Product<cuda::Rows, op::Qkv<cuda::Matrix>, op::RotateAndCache<Norm, Pairing, cuda::Sequences>>& o,
           cudaStream_t stream) {
  const auto& e = o.epilogue;
  const auto& w = o.weights;
  if (o.rows.n == 0) return;
  if (cuda::takes_int8(o.rows, w.q) && cuda::takes_int8(o.rows, w.k) && cuda::takes_int8(o.rows, w.v)) {
    const std::size_t q_width = e.heads * e.head_dim;
    const std::size_t kv_width = e.kv_heads * e.head_dim;
    cuda::launch_int8_product<3>(o.rows, {&w.q, &w.k, &w.v},
                                 cuda::JoinedOutput{e.qkv, q_width + 2 * kv_width, {0, q_width, q_width + kv_width}},
                                 stream);
  } else {
    cuda::launch_qkv(o.rows, w, e, stream, cuda::WithoutDelta{});
  }
  cuda::launch_rotate_and_cache(o.rows.n, e, stream);
}

template <class Norm, class Pairing, class T>
void lower(Cuda,
           const op::Product<cuda::Rows, op::Qkv<cuda::Matrix>,
                             op::Adapted<op::RotateAndCache<Norm, Pairing, cuda::Sequences>, T, 3>>& o,
           cudaStream_t stream) {
  if (o.rows.n == 0) return;
  cuda::launch_qkv(o.rows, o.weights, o.epilogue.inner, stream, cuda::WithDelta<T>{o.epilogue.deltas});
  cuda::launch_rotate_and_cache(o.rows.n, o.epilogue.inner, stream);
}

VLMT_END_NAMESPACE
