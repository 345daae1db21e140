// Lowering of attention and rotary positions to CUDA kernels.
//
// Caches of 16-bit floats and heads of usual sizes take the kernels of attend_decode.cuh and attend_tiles.cuh. Others,
// variants that change queries or keys or have sinks, and ops that ask for log-sums take the kernel here: one block for
// each head of each row.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/attend_decode.cuh"
#include "vlmt/kernel/cuda/attend_tiles.cuh"
#include "vlmt/kernel/cuda/backend_types.cuh"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/kernel/softmax_state.hpp"
#include "vlmt/numeric/float_limits.hpp"
#include "vlmt/op/attend.hpp"
#include "vlmt/op/attention_variant.hpp"
#include "vlmt/op/rotary.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Keys and values beside the queries; see op::AttendRows.
struct RowKv {
  const float* qkv;
  std::size_t width;  ///< heads * head_dim
  std::size_t head_dim;

  __device__ float key(std::size_t head, std::size_t row, std::size_t i) const noexcept {
    return qkv[row * 3 * width + width + head * head_dim + i];
  }
  __device__ float value(std::size_t head, std::size_t row, std::size_t i) const noexcept {
    return qkv[row * 3 * width + 2 * width + head * head_dim + i];
  }
};

/// Logit of a query (dim) and the key in slot `key`; -inf if masked.
template <class Variant, class Kv>
__device__ float attention_logit(const Variant& variant, const float* query, const Kv& kv, std::size_t head,
                                 std::size_t kv_head, std::size_t dim, float scale, int slot, int key) {
  const auto at = static_cast<std::size_t>(key);
  float sum = 0.0f;
  if constexpr (key_hook_v<Variant> == RowHook::pairs) {
    using Pairing = typename Variant::Pairing;
    const std::size_t half = dim / 2;
    for (std::size_t i = 0; i < half; ++i) {
      const std::size_t first = Pairing::first(i, half), second = Pairing::second(i, half);
      const ElementPair<float> x{kv.key(kv_head, at, first), kv.key(kv_head, at, second)};
      const ElementPair<float> y = variant.key(x, key, HookParameter<float>{i});
      sum = fmaf(query[first], y.first, fmaf(query[second], y.second, sum));
    }
    if (dim % 2 != 0) sum = fmaf(query[dim - 1], kv.key(kv_head, at, dim - 1), sum);
  } else {
    for (std::size_t i = 0; i < dim; ++i) {
      float x = kv.key(kv_head, at, i);
      if constexpr (key_hook_v<Variant> == RowHook::elements) x = variant.key(x, key, HookParameter<float>{i});
      sum = fmaf(query[i], x, sum);
    }
  }
  const LogitPosition<float> position{static_cast<float>(slot), static_cast<float>(key), static_cast<float>(head)};
  return apply_logit_hooks(variant, sum * scale, position);
}

/// Changes a query (dim) in shared memory by the hook of a variant, by a block.
template <class Variant>
__device__ void hook_query(const Variant& variant, float* q, std::size_t dim, int slot) {
  if constexpr (query_hook_v<Variant> == RowHook::elements) {
    for (std::size_t i = threadIdx.x; i < dim; i += block_threads) {
      q[i] = variant.query(q[i], slot, HookParameter<float>{i});
    }
    __syncthreads();
  } else if constexpr (query_hook_v<Variant> == RowHook::pairs) {
    using Pairing = typename Variant::Pairing;
    const std::size_t half = dim / 2;
    for (std::size_t i = threadIdx.x; i < half; i += block_threads) {
      float& first = q[Pairing::first(i, half)];
      float& second = q[Pairing::second(i, half)];
      const ElementPair<float> y = variant.query(ElementPair<float>{first, second}, slot, HookParameter<float>{i});
      first = y.first;
      second = y.second;
    }
    __syncthreads();
  }
}

/// out (dim) = attention of one query by a block, and its log-sum unless that is null. Keys are taken block_threads at
/// a time, one a thread; `shared` holds 2 dim + block_threads floats: the query, the weighted sum of the values, and
/// the weights of the keys at hand.
template <class Variant, class Kv>
__device__ void attend(const Variant& variant, const float* query, const Kv& kv, std::size_t head, std::size_t kv_head,
                       std::size_t dim, int slot, int length, float scale, float* out, float* log_sum_out,
                       float* shared) {
  static_assert(query_hook_v<Variant> != RowHook::rows && key_hook_v<Variant> != RowHook::rows,
                "vlmt: an attention variant with loops over queries or keys runs on the CPU only; for CUDA write its "
                "hooks as arithmetic on elements or pairs, see op/attention_variant.hpp");
  float* q = shared;
  float* sums = shared + dim;
  float* weights = shared + 2 * dim;
  for (std::size_t i = threadIdx.x; i < dim; i += block_threads) {
    q[i] = query[i];
    sums[i] = 0.0f;
  }
  __syncthreads();
  hook_query(variant, q, dim, slot);
  const KeyRange keys = keys_in_cache(variant, slot, length);
  auto [max, sum] = first_state<float>(variant, head);
  for (int first = keys.begin; first < keys.end; first += static_cast<int>(block_threads)) {
    const int count =
        keys.end - first < static_cast<int>(block_threads) ? keys.end - first : static_cast<int>(block_threads);
    const int key = first + static_cast<int>(threadIdx.x);
    float logit = -float_infinity;
    if (key < keys.end) {
      logit = attention_logit(variant, q, kv, head, kv_head, dim, scale, slot, key);
    }
    const float largest = Larger{}(max, block_reduce(logit, Larger{}));
    // Exactly 0 for masked keys, also before the first visible one.
    const float weight = logit != -float_infinity ? expf(logit - largest) : 0.0f;
    const float earlier = sum != 0.0f ? expf(max - largest) : 0.0f;
    weights[threadIdx.x] = weight;
    sum = sum * earlier + block_reduce(weight, Plus{});  // its barriers publish the weights
    max = largest;
    for (std::size_t i = threadIdx.x; i < dim; i += block_threads) {
      float total = sums[i] * earlier;
      for (int k = 0; k < count; ++k) {
        total = fmaf(weights[k], kv.value(kv_head, static_cast<std::size_t>(first + k), i), total);
      }
      sums[i] = total;
    }
    __syncthreads();
  }
  for (std::size_t i = threadIdx.x; i < dim; i += block_threads) out[i] = sum != 0.0f ? sums[i] / sum : 0.0f;
  if (log_sum_out != nullptr && threadIdx.x == 0) *log_sum_out = log_sum(SoftmaxState<float>{max, sum});
}

/// Where an op stores the log-sum of a head of a row; null if it does not.
template <class Op>
__device__ float* log_sum_at(const Op& o, std::size_t row, std::size_t head) noexcept {
  return o.log_sums != nullptr ? o.log_sums + row * o.heads + head : nullptr;
}

template <QuantFormat Keys, QuantFormat Values, class Variant>
__global__ void __launch_bounds__(block_threads) attend_kernel(op::Attend<Variant, Sequences, Rows, AttendScratch> o) {
  extern __shared__ float shared[];
  const std::size_t row = blockIdx.x;
  const std::size_t head = blockIdx.y;
  const std::size_t group = o.heads / o.sequences.layout.kv_heads;
  const std::size_t sequence = o.sequences.at(row);
  const int start = o.sequences.start[sequence];
  const int slot = start + static_cast<int>(row) - o.sequences.first[sequence];
  const int length = start + o.sequences.first[sequence + 1] - o.sequences.first[sequence];
  const PagedKv<Keys, Values> kv(o.sequences, sequence, o.layer);
  attend(o.variant, o.qkv + row * o.stride + head * o.head_dim, kv, head, head / group, o.head_dim, slot, length,
         o.scale, o.out.x + row * o.out.cols + head * o.head_dim, log_sum_at(o, row, head), shared);
}

template <class Variant>
__global__ void __launch_bounds__(block_threads) attend_rows_kernel(op::AttendRows<Variant, AttendScratch> o) {
  extern __shared__ float shared[];
  const std::size_t row = blockIdx.x;
  const std::size_t head = blockIdx.y;
  const std::size_t width = o.heads * o.head_dim;
  const RowKv kv{o.qkv, width, o.head_dim};
  attend(o.variant, o.qkv + row * 3 * width + head * o.head_dim, kv, head, head, o.head_dim, static_cast<int>(row),
         static_cast<int>(o.rows), o.scale, o.out + row * width + head * o.head_dim, log_sum_at(o, row, head), shared);
}

/// Calls f(dim), an integral_constant, with the size of heads for which there are kernels that take `head_dim` values;
/// false if there is none.
template <class F>
bool visit_dim(std::size_t head_dim, const F& f) {
  if (head_dim == 64) return f(std::integral_constant<unsigned, 64>{}), true;
  if (head_dim == 72 || head_dim == 80) return f(std::integral_constant<unsigned, 80>{}), true;
  if (head_dim == 128) return f(std::integral_constant<unsigned, 128>{}), true;
  return false;
}

/// Bytes of shared memory of `attend`.
inline std::size_t attend_bytes(std::size_t head_dim) noexcept {
  return (2 * head_dim + block_threads) * sizeof(float);
}

template <class Rotary>
__global__ void angles_kernel(op::Angles<Rotary> o) {
  const std::size_t item = thread_item();
  if (item >= o.rows * o.half) return;
  const std::size_t t = item / o.half;
  const std::size_t i = item % o.half;
  const std::int32_t position = o.positions[t * Rotary::axes + o.rotary.axis(i, o.half)];
  const float angle = static_cast<float>(position) * o.frequencies[o.rotary.frequency(i, o.half)];
  float* table = o.table + t * 2 * o.half;
  table[i] = static_cast<float>(cos(static_cast<double>(angle)));
  table[o.half + i] = static_cast<float>(sin(static_cast<double>(angle)));
}

template <class Pairing>
__global__ void rotate_kernel(op::Rotate<Pairing> o) {
  const std::size_t half = o.head_dim / 2;
  const std::size_t item = thread_item();
  if (item >= o.rows * o.heads * half) return;
  const std::size_t t = item / (o.heads * half);
  const std::size_t h = item / half % o.heads;
  const std::size_t i = item % half;
  const float* table = o.table + t * 2 * half;
  float& a = o.x[t * o.stride + h * o.head_dim + Pairing::first(i, half)];
  float& b = o.x[t * o.stride + h * o.head_dim + Pairing::second(i, half)];
  const float turned = a * table[i] - b * table[half + i];
  b = b * table[i] + a * table[half + i];
  a = turned;
}

}  // namespace cuda

template <class Variant>
void lower(Cuda, const op::Attend<Variant, cuda::Sequences, cuda::Rows, cuda::AttendScratch>& o, cudaStream_t stream) {
  if (o.out.n == 0) return;
  cuda::visit_cache(o.sequences.layout, [&](auto keys, auto values) {
    using Keys = typename decltype(keys)::type;
    using Values = typename decltype(values)::type;
    using T = typename cuda::HalfOf<Keys>::type;
    if constexpr (!std::is_void_v<T> && std::is_same_v<Keys, Values> && cuda::on_tensor_cores_v<Variant>) {
      const auto take = [&](auto dim) {
        if (cuda::splits_keys(o)) {
          cuda::attend_split<T, decltype(dim)::value>(o, stream);
        } else {
          cuda::attend_prompt<T, decltype(dim)::value>(o, stream);
        }
      };
      if (o.log_sums == nullptr && cuda::runs_fast_kernels() && cuda::visit_dim(o.head_dim, take)) return;
    }
    const dim3 grid(static_cast<unsigned>(o.out.n), static_cast<unsigned>(o.heads));
    cuda::attend_kernel<Keys, Values><<<grid, cuda::block_threads, cuda::attend_bytes(o.head_dim), stream>>>(o);
    cuda::convert(o.out, stream);
  });
}

template <class Variant>
void lower(Cuda, const op::AttendRows<Variant, cuda::AttendScratch>& o, cudaStream_t stream) {
  if (o.rows == 0) return;
  if constexpr (cuda::on_tensor_cores_v<Variant>) {
    if (o.log_sums == nullptr && o.scratch.rounds_rows && cuda::runs_fast_kernels()) {
      const bool taken =
          cuda::visit_dim(o.head_dim, [&](auto dim) { cuda::attend_beside<__half, decltype(dim)::value>(o, stream); });
      if (taken) return;
    }
  }
  const dim3 grid(static_cast<unsigned>(o.rows), static_cast<unsigned>(o.heads));
  cuda::attend_rows_kernel<<<grid, cuda::block_threads, cuda::attend_bytes(o.head_dim), stream>>>(o);
}

template <class Rotary>
void lower(Cuda, const op::Angles<Rotary>& o, cudaStream_t stream) {
  if (o.rows == 0) return;
  cuda::angles_kernel<<<cuda::blocks_for(o.rows * o.half), cuda::block_threads, 0, stream>>>(o);
}

template <class Pairing>
void lower(Cuda, const op::Rotate<Pairing>& o, cudaStream_t stream) {
  if (o.rows == 0) return;
  cuda::rotate_kernel<<<cuda::blocks_for(o.rows * o.heads * (o.head_dim / 2)), cuda::block_threads, 0, stream>>>(o);
}

VLMT_END_NAMESPACE
