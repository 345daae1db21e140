// Attention of 16 queries by a warp with a running softmax, on 16-bit keys and values in shared memory.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/kernel/cuda/mma.cuh"
#include "vlmt/numeric/float_limits.hpp"
#include "vlmt/op/attention_variant.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

inline constexpr unsigned tile_keys = 64;  ///< keys that are in shared memory together

/// Whether variants run on these kernels: those that change no queries and keys and have no sinks.
template <class Variant>
inline constexpr bool on_tensor_cores_v =
    query_hook_v<Variant> == RowHook::none&& key_hook_v<Variant> == RowHook::none && !has_sink_v<Variant>;

/// Keys or values in shared memory: rows of Dim values of 16 bits, and 16 bytes that spread rows over the banks.
template <unsigned Dim>
inline constexpr unsigned key_bytes = Dim * 2 + 16;
/// A tile of keys and values.
template <unsigned Dim>
inline constexpr unsigned kv_tile_bytes = 2 * tile_keys* key_bytes<Dim>;

/// 2^x; 0 for -inf.
__device__ __forceinline__ float exp2_of(float x) noexcept {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// Slot, head and keys of one of the 16 queries.
struct WarpQuery {
  int slot = 0;
  int head = 0;
  KeyRange keys;
};

/// The state of 16 queries of Dim values, a multiple of 16. Lanes hold queries `lane / 4` and `lane / 4 + 8`.
template <class T, unsigned Dim>
struct AttendWarp {
  unsigned q[Dim / 16][4];
  float out[Dim / 8][4] = {};
  float max[2] = {-float_infinity, -float_infinity};
  float sum[2] = {};

  /// Queries `dim` floats at `row0` and `row1`; null: zeros.
  __device__ void load(const float* row0, const float* row1, unsigned dim) noexcept {
    const unsigned at = 2 * (threadIdx.x % 4);
    const auto pair = [&](const float* row, unsigned i) {
      return row != nullptr && i < dim ? pack_pair<T>(row[i], row[i + 1]) : 0u;
    };
#pragma unroll
    for (unsigned k = 0; k < Dim / 16; ++k) {
      q[k][0] = pair(row0, 16 * k + at);
      q[k][1] = pair(row1, 16 * k + at);
      q[k][2] = pair(row0, 16 * k + at + 8);
      q[k][3] = pair(row1, 16 * k + at + 8);
    }
  }

  /// Takes Keys keys, a multiple of 16, the first of which is in slot `first`. `keys` and `values` are addresses in
  /// shared memory. `inside`: every query sees all of these keys, as far as key ranges go.
  template <unsigned Keys, class Variant>
  __device__ __forceinline__ void take(const Variant& variant, unsigned keys, unsigned values, int first, float scale,
                                       const WarpQuery (&query)[2], bool inside) noexcept {
    constexpr float log2e = 1.44269504f;
    const unsigned lane = threadIdx.x % warp_threads;
    float s[Keys / 8][4] = {};
    const unsigned key_at = keys + (lane / 16 * 8 + lane % 8) * key_bytes<Dim> + lane / 8 % 2 * 16;
#pragma unroll
    for (unsigned k = 0; k < Dim / 16; ++k) {
#pragma unroll
      for (unsigned n = 0; n < Keys / 16; ++n) {
        unsigned b[4];
        load_matrices(b, key_at + n * 16 * key_bytes<Dim> + k * 32);
        multiply_tile<T>(s[2 * n], q[k], b[0], b[1]);
        multiply_tile<T>(s[2 * n + 1], q[k], b[2], b[3]);
      }
    }
    float most[2] = {max[0], max[1]};
#pragma unroll
    for (unsigned n = 0; n < Keys / 8; ++n) {
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        const WarpQuery& at = query[i / 2];
        const int key = first + static_cast<int>(8 * n + 2 * (lane % 4) + i % 2);
        const LogitPosition<float> position{static_cast<float>(at.slot), static_cast<float>(key),
                                            static_cast<float>(at.head)};
        const float logit = apply_logit_hooks(variant, s[n][i] * scale, position);
        const bool visible = inside || (key >= at.keys.begin && key < at.keys.end);
        s[n][i] = visible ? logit * log2e : -float_infinity;
        most[i / 2] = fmaxf(most[i / 2], s[n][i]);
      }
    }
    float base[2];
#pragma unroll
    for (unsigned r = 0; r < 2; ++r) {
      most[r] = fmaxf(most[r], __shfl_xor_sync(0xffffffffu, most[r], 1));
      most[r] = fmaxf(most[r], __shfl_xor_sync(0xffffffffu, most[r], 2));
      // Before the first visible key weights are exp2(-inf - 0) = 0.
      base[r] = most[r] == -float_infinity ? 0.0f : most[r];
      const float earlier = exp2_of(max[r] - base[r]);
      max[r] = most[r];
      sum[r] *= earlier;
#pragma unroll
      for (unsigned n = 0; n < Dim / 8; ++n) {
        out[n][2 * r] *= earlier;
        out[n][2 * r + 1] *= earlier;
      }
    }
    const unsigned value_at = values + (lane / 8 % 2 * 8 + lane % 8) * key_bytes<Dim> + lane / 16 * 16;
#pragma unroll
    for (unsigned k = 0; k < Keys / 16; ++k) {
#pragma unroll
      for (unsigned n = 2 * k; n < 2 * k + 2; ++n) {
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) {
          s[n][i] = exp2_of(s[n][i] - base[i / 2]);
          sum[i / 2] += s[n][i];
        }
      }
      const unsigned p[4] = {pack_pair<T>(s[2 * k][0], s[2 * k][1]), pack_pair<T>(s[2 * k][2], s[2 * k][3]),
                             pack_pair<T>(s[2 * k + 1][0], s[2 * k + 1][1]),
                             pack_pair<T>(s[2 * k + 1][2], s[2 * k + 1][3])};
#pragma unroll
      for (unsigned n = 0; n < Dim / 16; ++n) {
        unsigned b[4];
        load_transposed(b, value_at + k * 16 * key_bytes<Dim> + n * 32);
        multiply_tile<T>(out[2 * n], p, b[0], b[1]);
        multiply_tile<T>(out[2 * n + 1], p, b[2], b[3]);
      }
    }
  }

  /// Adds the weights of the four lanes of a query; call it once, after the last keys.
  __device__ void add_sums() noexcept {
#pragma unroll
    for (unsigned r = 0; r < 2; ++r) {
      sum[r] += __shfl_xor_sync(0xffffffffu, sum[r], 1);
      sum[r] += __shfl_xor_sync(0xffffffffu, sum[r], 2);
    }
  }
};

}  // namespace cuda

VLMT_END_NAMESPACE
