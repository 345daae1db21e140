// Attention of one new token of each sequence over its cache, at the speed of memory: the keys of a sequence are split
// over blocks, whose states are then merged.
//
// A block takes all query heads of one head of keys, so that keys and values are read once. How many splits there are
// is fixed when the op is issued; how long they are follows from the length of the sequence when it runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/attend_warp.cuh"
#include "vlmt/kernel/cuda/kv_pages.cuh"
#include "vlmt/kernel/cuda/launch.cuh"
#include "vlmt/kernel/cuda/mma.cuh"
#include "vlmt/kernel/cuda/row_forms.cuh"
#include "vlmt/op/attend.hpp"
#include "vlmt/op/attention_variant.hpp"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

inline constexpr std::size_t max_splits = 64;
inline constexpr unsigned decode_stages = 3;  ///< tiles of keys and values in shared memory
inline constexpr unsigned max_group = 16;     ///< query heads of a head of keys

/// Memory of attention that is split.
struct AttendScratch {
  float* partials = nullptr;  ///< (sequences, heads, max_splits, head_dim + 2): sums, then the maximum and the weight
  std::size_t sequences = 0;
  bool rounds_rows = false;  ///< whether op::AttendRows may round queries, keys, values and weights to 16 bits
};

/// The type of 16 bits of a cache format.
template <class Format>
struct HalfOf {
  using type = void;
};
template <>
struct HalfOf<F16> {
  using type = __half;
};
template <>
struct HalfOf<BF16> {
  using type = __nv_bfloat16;
};

/// One head of keys and values of 16 bits in one layer of a sequence.
struct PagedHalves {
  std::byte* const* pages;
  unsigned slots;
  std::size_t keys;    ///< bytes from the start of a page to the keys of slot 0
  std::size_t values;  ///< and to its values
  unsigned row_bytes;

  __device__ PagedHalves(const Sequences& s, std::size_t sequence, std::size_t layer, std::size_t head) noexcept
      : pages(s.pages + sequence * s.max_pages),
        slots(static_cast<unsigned>(s.layout.slots)),
        row_bytes(static_cast<unsigned>(s.layout.head_dim) * 2) {
    const std::size_t plane = s.layout.kv_heads * s.layout.slots * row_bytes;
    keys = 2 * layer * plane + head * s.layout.slots * row_bytes;
    values = keys + plane;
  }

  /// Begins to copy tile_keys keys and values from slot `first` on to shared memory, by all Threads of a block; zeros
  /// for slots from `end` on.
  template <unsigned Dim, unsigned Threads>
  __device__ void copy(unsigned shared, int first, int end) const noexcept {
    constexpr unsigned row_threads = 8;
    constexpr unsigned rows = Threads / row_threads;
    const unsigned part = threadIdx.x % row_threads;
#pragma unroll
    for (unsigned i = 0; i < tile_keys / rows; ++i) {
      const unsigned row = i * rows + threadIdx.x / row_threads;
      const int slot = first + static_cast<int>(row);
      const bool some = slot < end;
      const unsigned at = some ? static_cast<unsigned>(slot) : 0u;
      const std::byte* page = pages[at / slots] + static_cast<std::size_t>(at % slots) * row_bytes;
#pragma unroll
      for (unsigned c = 0; c < (Dim / 8 + row_threads - 1) / row_threads; ++c) {
        const unsigned byte = (c * row_threads + part) * 16;
        if (byte >= Dim * 2) continue;
        const bool read = some && byte < row_bytes;
        const std::size_t from = read ? byte : 0;
        copy16(shared + row * key_bytes<Dim> + byte, page + keys + from, read);
        copy16(shared + (tile_keys + row) * key_bytes<Dim> + byte, page + values + from, read);
      }
    }
  }
};

/// Keys of a split: `per` from `begin + split * per` on.
struct SplitKeys {
  int begin;
  int end;

  __device__ SplitKeys(KeyRange keys, unsigned split, unsigned splits) noexcept {
    const int per = length(keys, splits);
    begin = keys.begin + static_cast<int>(split) * per;
    end = begin + per < keys.end ? begin + per : keys.end;
  }
  /// Splits that have keys; 1 if there is no key.
  __device__ static int count(KeyRange keys, unsigned splits) noexcept {
    const int per = length(keys, splits);
    return keys.end > keys.begin ? (keys.end - keys.begin + per - 1) / per : 1;
  }
  /// Keys of each split but the last one, a multiple of tile_keys.
  __device__ static int length(KeyRange keys, unsigned splits) noexcept {
    constexpr int tile = static_cast<int>(tile_keys);
    const int all = static_cast<int>(splits) * tile;
    return (keys.end - keys.begin + all - 1) / all * tile;
  }
};

/// Where the row of sequence i is: its slot and the keys that it may see.
template <class Variant>
struct NewToken {
  int slot;
  KeyRange keys;

  __device__ NewToken(const Variant& variant, const Sequences& s, std::size_t i) noexcept
      : slot(s.start[i]), keys(keys_in_cache(variant, slot, slot + 1)) {}
};

template <class T, unsigned Dim, class Variant>
__global__ void __launch_bounds__(block_threads)
    attend_split_kernel(op::Attend<Variant, Sequences, Rows, AttendScratch> o) {
  extern __shared__ __align__(128) unsigned char attend_shared[];
  let_next_start();
  wait_for_previous();
  const std::size_t row = blockIdx.z;
  const std::size_t kv_head = blockIdx.y;
  const unsigned group = static_cast<unsigned>(o.heads) / gridDim.y;
  const NewToken<Variant> token(o.variant, o.sequences, row);
  const SplitKeys keys(token.keys, blockIdx.x, gridDim.x);
  if (keys.begin >= keys.end && blockIdx.x != 0) return;  // split 0 is there even if no key is
  const PagedHalves kv(o.sequences, row, o.layer, kv_head);
  const unsigned shared = shared_address(attend_shared);
  const unsigned warp = warp_index(), lane = threadIdx.x % warp_threads;

  const auto fetch = [&](unsigned tile) {
    const int first = keys.begin + static_cast<int>(tile * tile_keys);
    if (first < keys.end) {
      kv.template copy<Dim, block_threads>(shared + tile % decode_stages * kv_tile_bytes<Dim>, first, keys.end);
    }
    commit_copies();
  };
  for (unsigned t = 0; t + 1 < decode_stages; ++t) fetch(t);

  AttendWarp<T, Dim> state;
  const float* queries = o.qkv + row * o.stride + kv_head * group * o.head_dim;
  const unsigned heads[2] = {lane / 4, lane / 4 + 8};
  const auto query = [&](unsigned h) { return h < group ? queries + h * o.head_dim : nullptr; };
  state.load(query(heads[0]), query(heads[1]), static_cast<unsigned>(o.head_dim));
  const auto at = [&](unsigned h) {  // hooks run for heads past the group, too, as for its first one
    return WarpQuery{token.slot, static_cast<int>(kv_head * group + (h < group ? h : 0)), {keys.begin, keys.end}};
  };
  const WarpQuery places[2] = {at(heads[0]), at(heads[1])};

  constexpr unsigned warp_keys = tile_keys / block_warps;
  unsigned tile = 0;
  for (int first = keys.begin; first < keys.end; first += static_cast<int>(tile_keys), ++tile) {
    wait_copies<decode_stages - 2>();
    __syncthreads();
    fetch(tile + decode_stages - 1);
    const unsigned stage = shared + tile % decode_stages * kv_tile_bytes<Dim>;
    const unsigned own = stage + warp * warp_keys * key_bytes<Dim>;
    const int own_first = first + static_cast<int>(warp * warp_keys);
    if (own_first >= keys.end) continue;
    state.template take<warp_keys>(o.variant, own, own + tile_keys * key_bytes<Dim>, own_first, o.scale, places,
                                   own_first + static_cast<int>(warp_keys) <= keys.end);
  }
  state.add_sums();

  // The states of the warps, merged in their order.
  wait_copies<0>();
  __syncthreads();
  constexpr unsigned state_floats = Dim + 2;
  auto* states = reinterpret_cast<float*>(attend_shared);
#pragma unroll
  for (unsigned r = 0; r < 2; ++r) {
    if (heads[r] >= group) continue;
    float* to = states + (warp * max_group + heads[r]) * state_floats;
#pragma unroll
    for (unsigned n = 0; n < Dim / 8; ++n) {
      to[8 * n + 2 * (lane % 4)] = state.out[n][2 * r];
      to[8 * n + 2 * (lane % 4) + 1] = state.out[n][2 * r + 1];
    }
    if (lane % 4 == 0) {
      to[Dim] = state.max[r];
      to[Dim + 1] = state.sum[r];
    }
  }
  __syncthreads();
  const auto dim = static_cast<unsigned>(o.head_dim);
  const std::size_t first_head = row * o.heads + kv_head * group;
  for (unsigned i = threadIdx.x; i < group * (dim + 1); i += block_threads) {
    const unsigned h = i / (dim + 1), d = i % (dim + 1);  // d == dim: the maximum and the weight
    const float* from = states + h * state_floats;
    constexpr unsigned next = max_group * state_floats;
    float max = -float_infinity, sum = 0.0f;
    for (unsigned w = 0; w < block_warps; ++w) max = fmaxf(max, from[w * next + Dim]);
    const float base = max == -float_infinity ? 0.0f : max;
    for (unsigned w = 0; w < block_warps; ++w) {
      sum += from[w * next + (d == dim ? Dim + 1 : d)] * exp2_of(from[w * next + Dim] - base);
    }
    float* to = o.scratch.partials + ((first_head + h) * max_splits + blockIdx.x) * (o.head_dim + 2);
    if (d == dim) {
      to[dim] = max;
      to[dim + 1] = sum;
    } else {
      to[d] = sum;
    }
  }
}

/// One block for each head of each row: the splits in their order.
template <class Variant>
__global__ void __launch_bounds__(block_threads)
    attend_merge_kernel(op::Attend<Variant, Sequences, Rows, AttendScratch> o, unsigned splits) {
  let_next_start();
  wait_for_previous();
  const std::size_t row = blockIdx.x, head = blockIdx.y;
  const NewToken<Variant> token(o.variant, o.sequences, row);
  const auto used = static_cast<unsigned>(SplitKeys::count(token.keys, splits));
  const std::size_t stride = o.head_dim + 2;
  const float* from = o.scratch.partials + (row * o.heads + head) * max_splits * stride;
  float max = -float_infinity;
#pragma unroll 4
  for (unsigned s = 0; s < used; ++s) max = fmaxf(max, from[s * stride + o.head_dim]);
  const float base = max == -float_infinity ? 0.0f : max;
  for (unsigned first = 0; first < o.head_dim; first += block_threads) {
    const unsigned d = first + threadIdx.x;
    const bool some = d < o.head_dim;
    float total = 0.0f, weight = 0.0f;
#pragma unroll 4
    for (unsigned s = 0; s < used; ++s) {
      const float factor = exp2_of(from[s * stride + o.head_dim] - base);
      weight = fmaf(from[s * stride + o.head_dim + 1], factor, weight);
      if (some) total = fmaf(from[s * stride + d], factor, total);
    }
    const std::size_t col = head * o.head_dim + d;
    const float y[1] = {some && weight != 0.0f ? total / weight : 0.0f};
    if (some && (o.out.floats || o.head_dim % 32 != 0)) o.out.x[row * o.out.cols + col] = y[0];
    if (o.out.q == nullptr || o.head_dim % 32 != 0) continue;
    const auto part = quantise(y);
    if (some) store_quantised(o.out, row, col, part);
  }
}

/// Whether every row of the op is the new token of a sequence of its own, and the op has the memory to split.
template <class Variant>
bool splits_keys(const op::Attend<Variant, Sequences, Rows, AttendScratch>& o) noexcept {
  return o.out.n == o.sequences.count && o.out.n <= o.scratch.sequences &&
         o.heads / o.sequences.layout.kv_heads <= max_group;
}

/// Launches the kernels for caches of T, 16 bits, and heads of at most Dim values.
template <class T, unsigned Dim, class Variant>
void attend_split(const op::Attend<Variant, Sequences, Rows, AttendScratch>& o, cudaStream_t stream) {
  const std::size_t pairs = o.sequences.layout.kv_heads * o.out.n;
  const std::size_t wanted = (2 * multiprocessors() + pairs - 1) / pairs;  // two blocks a multiprocessor
  const auto splits = static_cast<unsigned>(wanted < max_splits ? wanted : max_splits);
  constexpr unsigned states = block_warps * max_group * (Dim + 2) * sizeof(float);
  constexpr unsigned stages = decode_stages * kv_tile_bytes<Dim>;
  const dim3 grid(splits, static_cast<unsigned>(o.sequences.layout.kv_heads), static_cast<unsigned>(o.out.n));
  launch<attend_split_kernel<T, Dim, Variant>>(grid, block_threads, stages > states ? stages : states, stream, o);
  const dim3 heads(static_cast<unsigned>(o.out.n), static_cast<unsigned>(o.heads));
  launch<attend_merge_kernel<Variant>>(heads, block_threads, 0, stream, o, splits);
  if (o.head_dim % 32 != 0) convert(o.out, stream);
}

}  // namespace cuda

VLMT_END_NAMESPACE
