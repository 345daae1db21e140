// Rows of activations and their forms: floats; int8 in groups of 32, for products of few rows with quantised weights;
// bfloat16, for products of many rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/kernel/cuda/launch.cuh"
#include "vlmt/kernel/cuda/mma.cuh"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Maximum rows that products read as int8.
inline constexpr std::size_t max_int8_rows = 4;

/// Of 32 activations x[i] = scale * q[i]: the scale, and the sums of the first and of the last 16 q.
struct alignas(8) GroupScale {
  float scale;
  std::int16_t sums[2];
};

/// Room for rows in all forms.
struct RowBuffer {
  float* x = nullptr;
  std::int8_t* q = nullptr;
  GroupScale* scales = nullptr;
  __nv_bfloat16* b = nullptr;
};

/// n dense rows of `cols` values. A form that no reader takes is not written by all ops.
struct Rows {
  float* x = nullptr;  ///< never null: ops that have no better kernel write floats, which are then converted
  std::size_t n = 0;
  std::size_t cols = 0;
  bool floats = true;            ///< whether a reader takes floats
  std::int8_t* q = nullptr;      ///< (n, cols); null if no reader takes int8
  GroupScale* scales = nullptr;  ///< (n, cols / 32)
  __nv_bfloat16* b = nullptr;    ///< (n, cols); null if no reader takes bfloat16
};

/// A part of an int8 group.
template <unsigned Values>
struct QuantisedPart {
  std::int8_t q[Values];
  GroupScale scale;  ///< of the whole group
};

/// Quantises groups of 32 values of which neighbouring lanes hold `Values` each. The largest magnitude becomes 127;
/// zeros, and groups so small that 127 / max |x| overflows, give zeros. All lanes of the warp must call it.
template <unsigned Values>
__device__ QuantisedPart<Values> quantise(const float (&x)[Values]) noexcept {
  constexpr unsigned lanes = 32 / Values;
  constexpr float smallest = 127.0f / 3.4e38f;
  constexpr unsigned all = 0xffffffffu;
  float largest = 0.0f;
#pragma unroll
  for (unsigned i = 0; i < Values; ++i) largest = fmaxf(largest, fabsf(x[i]));
#pragma unroll
  for (unsigned step = lanes / 2; step != 0; step /= 2) largest = fmaxf(largest, __shfl_xor_sync(all, largest, step));
  const bool some = largest > smallest;
  const float inverse = some ? 127.0f / largest : 0.0f;
  QuantisedPart<Values> part;
  int sum = 0;
#pragma unroll
  for (unsigned i = 0; i < Values; ++i) {
    const int q = __float2int_rn(x[i] * inverse);
    part.q[i] = static_cast<std::int8_t>(q);
    sum += q;
  }
#pragma unroll
  for (unsigned step = lanes / 4; step != 0; step /= 2) sum += __shfl_xor_sync(all, sum, step);
  const int other = __shfl_xor_sync(all, sum, lanes / 2);
  const bool second = (threadIdx.x & (lanes / 2)) != 0;
  part.scale = {some ? largest / 127.0f : 0.0f,
                {static_cast<std::int16_t>(second ? other : sum), static_cast<std::int16_t>(second ? sum : other)}};
  return part;
}

/// Stores values [at, at + Values) of a row in its int8 form; lane 0 of each group stores the scale.
template <unsigned Values>
__device__ void store_quantised(const Rows& rows, std::size_t row, std::size_t at,
                                const QuantisedPart<Values>& part) noexcept {
  std::int8_t* q = rows.q + row * rows.cols + at;
  if constexpr (Values == 8) {
    *reinterpret_cast<uint2*>(q) = *reinterpret_cast<const uint2*>(part.q);
  } else {
    for (unsigned i = 0; i < Values; ++i) q[i] = part.q[i];
  }
  if (at % 32 == 0) rows.scales[(row * rows.cols + at) / 32] = part.scale;
}

/// The int8 form of rows of floats: a warp for each group.
template <class R = Rows>
__global__ void __launch_bounds__(block_threads) quantise_kernel(R rows) {
  let_next_start();
  wait_for_previous();
  const std::size_t item = thread_item();
  if (item / 32 >= rows.n * (rows.cols / 32)) return;
  const float x[1] = {rows.x[item]};
  store_quantised(rows, item / rows.cols, item % rows.cols, quantise(x));
}

/// 8 floats as bfloat16.
__device__ __forceinline__ uint4 pack8(const float (&x)[8]) noexcept {
  using T = __nv_bfloat16;
  return {pack_pair<T>(x[0], x[1]), pack_pair<T>(x[2], x[3]), pack_pair<T>(x[4], x[5]), pack_pair<T>(x[6], x[7])};
}

/// The bfloat16 form of rows of floats: a thread for 8 values.
template <class R = Rows>
__global__ void __launch_bounds__(block_threads) round_kernel(R rows) {
  let_next_start();
  wait_for_previous();
  const std::size_t item = thread_item();
  if (item >= rows.n * rows.cols / 8) return;
  const auto* from = reinterpret_cast<const float4*>(rows.x) + 2 * item;
  const float4 a = from[0], b = from[1];
  const float x[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
  reinterpret_cast<uint4*>(rows.b)[item] = pack8(x);
}

/// Stores two neighbouring values, the second one only if `two`, in the forms that readers of many rows take. `col` is
/// even.
__device__ __forceinline__ void store_pair(const Rows& rows, std::size_t row, std::size_t col, bool two, float a,
                                           float b) noexcept {
  const std::size_t at = row * rows.cols + col;
  if (rows.floats) {
    rows.x[at] = a;
    if (two) rows.x[at + 1] = b;
  }
  // Rows in bfloat16 have a whole number of 8 values.
  if (rows.b != nullptr) *reinterpret_cast<unsigned*>(rows.b + at) = pack_pair<__nv_bfloat16>(a, b);
}

/// Writes the other forms of rows whose floats have been written.
inline void convert(const Rows& rows, cudaStream_t stream) {
  if (rows.n == 0) return;
  if (rows.q != nullptr) {
    launch<quantise_kernel<>>(blocks_for(rows.n * rows.cols), block_threads, 0, stream, rows);
  }
  if (rows.b != nullptr) {
    launch<round_kernel<>>(blocks_for(rows.n * rows.cols / 8), block_threads, 0, stream, rows);
  }
}

}  // namespace cuda

VLMT_END_NAMESPACE
