// Attention of many rows: tiles of 128 queries of one head, over the caches of their sequences or over the keys and
// values beside them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/attend_decode.cuh"
#include "vlmt/kernel/cuda/attend_warp.cuh"
#include "vlmt/kernel/cuda/kv_pages.cuh"
#include "vlmt/kernel/cuda/launch.cuh"
#include "vlmt/kernel/cuda/mma.cuh"
#include "vlmt/op/attend.hpp"
#include "vlmt/op/attention_variant.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

inline constexpr unsigned attend_threads = 256;
inline constexpr unsigned tile_queries = attend_threads / warp_threads * 16;
inline constexpr unsigned prompt_stages = 2;

/// Tiles of a head of a cache.
template <unsigned Dim>
struct CachedTiles {
  PagedHalves kv;

  __device__ void start(unsigned shared, int first, int end) noexcept {
    kv.template copy<Dim, attend_threads>(shared, first, end);
    commit_copies();
  }
  __device__ void finish() noexcept { wait_copies<0>(); }
};

/// Tiles of floats, which are rounded to 16 bits: read into registers by start(), stored by finish().
template <class T, unsigned Dim>
struct FloatTiles {
  static constexpr unsigned row_parts = Dim / 4;
  static constexpr unsigned parts = tile_keys * row_parts / attend_threads;
  static_assert(tile_keys * row_parts % attend_threads == 0);

  const float* keys;  ///< of row 0
  const float* values;
  std::size_t stride;
  unsigned dim;
  float4 key_parts[parts];
  float4 value_parts[parts];
  unsigned to = 0;

  __device__ FloatTiles(const float* k, const float* v, std::size_t row_stride, std::size_t head_dim) noexcept
      : keys(k), values(v), stride(row_stride), dim(static_cast<unsigned>(head_dim)) {}

  __device__ void start(unsigned shared, int first, int end) noexcept {
    to = shared;
#pragma unroll
    for (unsigned i = 0; i < parts; ++i) {
      const unsigned item = i * attend_threads + threadIdx.x;
      const int row = first + static_cast<int>(item / row_parts);
      const unsigned at = item % row_parts * 4;
      const bool some = row < end && at < dim;
      const std::size_t from = some ? static_cast<std::size_t>(row) * stride + at : 0;
      const float4 zero{0.0f, 0.0f, 0.0f, 0.0f};
      key_parts[i] = some ? *reinterpret_cast<const float4*>(keys + from) : zero;
      value_parts[i] = some ? *reinterpret_cast<const float4*>(values + from) : zero;
    }
  }
  __device__ void finish() noexcept {
#pragma unroll
    for (unsigned i = 0; i < parts; ++i) {
      const unsigned item = i * attend_threads + threadIdx.x;
      const unsigned at = to + item / row_parts * key_bytes<Dim> + item % row_parts * 8;
      store(at, key_parts[i]);
      store(at + tile_keys * key_bytes<Dim>, value_parts[i]);
    }
  }

 private:
  __device__ static void store(unsigned at, float4 x) noexcept {
    asm volatile("st.shared.v2.b32 [%0], {%1, %2};" ::"r"(at), "r"(pack_pair<T>(x.x, x.y)), "r"(pack_pair<T>(x.z, x.w))
                 : "memory");
  }
};

/// Rows [0, rows) of a tile, of one head of one sequence.
struct QueryTile {
  const float* queries;  ///< of row 0
  std::size_t stride;    ///< floats from row to row
  float* out;            ///< of row 0
  std::size_t out_stride;
  unsigned rows;
  int slot;    ///< of row 0; the others follow
  int length;  ///< slots written
  int head;
  unsigned dim;
  float scale;
};

template <class T, unsigned Dim, class Variant, class Tiles>
__device__ __forceinline__ void attend_tile(const Variant& variant, const QueryTile& tile, Tiles& tiles,
                                            unsigned char* memory) noexcept {
  __shared__ int2 of_warps[attend_threads / warp_threads];
  const unsigned warp = warp_index(), lane = threadIdx.x % warp_threads;
  const unsigned rows[2] = {warp * 16 + lane / 4, warp * 16 + lane / 4 + 8};
  AttendWarp<T, Dim> state;
  const auto query = [&](unsigned r) { return r < tile.rows ? tile.queries + r * tile.stride : nullptr; };
  state.load(query(rows[0]), query(rows[1]), tile.dim);
  const auto place = [&](unsigned r) {
    const int slot = tile.slot + static_cast<int>(r);
    WarpQuery q;
    q.slot = slot;
    q.head = tile.head;
    q.keys = keys_in_cache(variant, slot, tile.length);
    if (r >= tile.rows) {
      q.keys.begin = tile.length;
      q.keys.end = 0;
    }
    return q;
  };
  const WarpQuery places[2] = {place(rows[0]), place(rows[1])};

  // The keys that any row of the warp sees, and those that all of its rows see; then those of the block.
  int begin = min(places[0].keys.begin, places[1].keys.begin), end = max(places[0].keys.end, places[1].keys.end);
  int all_begin = max(places[0].keys.begin, places[1].keys.begin),
      all_end = min(places[0].keys.end, places[1].keys.end);
#pragma unroll
  for (unsigned step = 16; step >= 4; step /= 2) {
    begin = min(begin, __shfl_xor_sync(0xffffffffu, begin, step));
    end = max(end, __shfl_xor_sync(0xffffffffu, end, step));
    all_begin = max(all_begin, __shfl_xor_sync(0xffffffffu, all_begin, step));
    all_end = min(all_end, __shfl_xor_sync(0xffffffffu, all_end, step));
  }
  if (lane == 0) of_warps[warp] = int2{begin, end};
  __syncthreads();
  KeyRange block{tile.length, 0};
  for (unsigned w = 0; w < attend_threads / warp_threads; ++w) {
    block.begin = min(block.begin, of_warps[w].x);
    block.end = max(block.end, of_warps[w].y);
  }

  const unsigned shared = shared_address(memory);
  int first = block.begin;
  if (first < block.end) tiles.start(shared, first, block.end);
  for (unsigned i = 0; first < block.end; ++i) {
    tiles.finish();
    __syncthreads();
    const int next = first + static_cast<int>(tile_keys);
    const unsigned stage = shared + i % prompt_stages * kv_tile_bytes<Dim>;
    if (next < block.end) tiles.start(shared + (i + 1) % prompt_stages * kv_tile_bytes<Dim>, next, block.end);
    if (first < end && next > begin) {
      state.template take<tile_keys>(variant, stage, stage + tile_keys * key_bytes<Dim>, first, tile.scale, places,
                                     first >= all_begin && next <= all_end);
    }
    first = next;
  }
  state.add_sums();
#pragma unroll
  for (unsigned r = 0; r < 2; ++r) {
    if (rows[r] >= tile.rows) continue;
    const float inverse = state.sum[r] != 0.0f ? 1.0f / state.sum[r] : 0.0f;
    float* out = tile.out + rows[r] * tile.out_stride;
#pragma unroll
    for (unsigned n = 0; n < Dim / 8; ++n) {
      const unsigned d = 8 * n + 2 * (lane % 4);
      if (d >= tile.dim) continue;
      *reinterpret_cast<float2*>(out + d) = {state.out[n][2 * r] * inverse, state.out[n][2 * r + 1] * inverse};
    }
  }
}

/// Blocks in x: tiles of all sequences, the last ones first, since they have the most keys.
template <class T, unsigned Dim, class Variant>
__global__ void __launch_bounds__(attend_threads, 1)
    attend_prompt_kernel(op::Attend<Variant, Sequences, Rows, AttendScratch> o) {
  extern __shared__ __align__(128) unsigned char attend_shared[];
  let_next_start();
  wait_for_previous();
  int tile = static_cast<int>(gridDim.x - 1 - blockIdx.x);
  std::size_t sequence = 0;
  int rows = 0;
  for (;; ++sequence) {
    if (sequence == o.sequences.count) return;  // fewer tiles than the host allowed for
    rows = o.sequences.first[sequence + 1] - o.sequences.first[sequence];
    const int tiles = (rows + static_cast<int>(tile_queries) - 1) / static_cast<int>(tile_queries);
    if (tile < tiles) break;
    tile -= tiles;
  }
  const int row = tile * static_cast<int>(tile_queries);  // of the sequence
  const auto at = static_cast<std::size_t>(o.sequences.first[sequence] + row);
  const std::size_t head = blockIdx.y;
  const int start = o.sequences.start[sequence];
  const QueryTile queries{o.qkv + at * o.stride + head * o.head_dim,
                          o.stride,
                          o.out.x + at * o.out.cols + head * o.head_dim,
                          o.out.cols,
                          static_cast<unsigned>(min(rows - row, static_cast<int>(tile_queries))),
                          start + row,
                          start + rows,
                          static_cast<int>(head),
                          static_cast<unsigned>(o.head_dim),
                          o.scale};
  CachedTiles<Dim> tiles{PagedHalves(o.sequences, sequence, o.layer, head / (o.heads / o.sequences.layout.kv_heads))};
  attend_tile<T, Dim>(o.variant, queries, tiles, attend_shared);
}

template <class T, unsigned Dim, class Variant>
__global__ void __launch_bounds__(attend_threads, 1) attend_beside_kernel(op::AttendRows<Variant, AttendScratch> o) {
  extern __shared__ __align__(128) unsigned char attend_shared[];
  let_next_start();
  wait_for_previous();
  const std::size_t row = static_cast<std::size_t>(blockIdx.x) * tile_queries;
  const std::size_t head = blockIdx.y;
  const std::size_t width = o.heads * o.head_dim, stride = 3 * width;
  const float* of_head = o.qkv + head * o.head_dim;
  const QueryTile queries{of_head + row * stride,
                          stride,
                          o.out + row * width + head * o.head_dim,
                          width,
                          static_cast<unsigned>(min(o.rows - row, static_cast<std::size_t>(tile_queries))),
                          static_cast<int>(row),
                          static_cast<int>(o.rows),
                          static_cast<int>(head),
                          static_cast<unsigned>(o.head_dim),
                          o.scale};
  FloatTiles<T, Dim> tiles(of_head + width, of_head + 2 * width, stride, o.head_dim);
  attend_tile<T, Dim>(o.variant, queries, tiles, attend_shared);
}

/// Launches the kernel for caches of T, 16 bits, and heads of at most Dim values.
template <class T, unsigned Dim, class Variant>
void attend_prompt(const op::Attend<Variant, Sequences, Rows, AttendScratch>& o, cudaStream_t stream) {
  const std::size_t tiles = o.out.n / tile_queries + o.sequences.count;  // at least as many as there are
  const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(o.heads));
  launch<attend_prompt_kernel<T, Dim, Variant>>(grid, attend_threads, prompt_stages * kv_tile_bytes<Dim>, stream, o);
  convert(o.out, stream);
}

/// The same for keys and values beside the queries.
template <class T, unsigned Dim, class Variant>
void attend_beside(const op::AttendRows<Variant, AttendScratch>& o, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>((o.rows + tile_queries - 1) / tile_queries), static_cast<unsigned>(o.heads));
  launch<attend_beside_kernel<T, Dim, Variant>>(grid, attend_threads, prompt_stages * kv_tile_bytes<Dim>, stream, o);
}

}  // namespace cuda

VLMT_END_NAMESPACE
