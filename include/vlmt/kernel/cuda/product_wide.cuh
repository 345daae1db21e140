// Products of many rows on tensor cores: activations in bfloat16, weights decoded to bfloat16 in shared memory.
//
// A block computes Rows rows times Cols rows of weights, Depth columns at a time. 256 threads hold one group of 32
// weights each, loaded one step ahead, while activations are copied in the background.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/launch.cuh"
#include "vlmt/kernel/cuda/mma.cuh"
#include "vlmt/kernel/cuda/tile_formats.cuh"
#include "vlmt/kernel/cuda/weights.cuh"

VLMT_BEGIN_NAMESPACE

namespace cuda {

inline constexpr unsigned wide_product_threads = 256;

/// The place of a thread's weights: groups of one row.
struct WeightRow {
  const std::byte* data;  ///< of the row, or of the unit of tiles; null: a row of zeros
  std::uint32_t type_id;
  unsigned cols;
  unsigned tile_groups;
  unsigned tile_bytes;
  unsigned row;   ///< of the lane
  unsigned lane;  ///< of group 0

  __device__ WeightRow(const Matrix& w, unsigned bytes_of_tile, std::size_t at) noexcept
      : data(at < w.rows ? w.data : nullptr),
        type_id(w.type_id),
        cols(static_cast<unsigned>(w.cols)),
        tile_groups(w.tile_groups),
        tile_bytes(bytes_of_tile),
        row(0),
        lane(0) {
    if (data == nullptr) return;
    if (tile_groups == 0) {
      data += at * w.cols * 2;
      return;
    }
    const TileGrid grid(tile_groups, w.cols);
    const auto place = grid.place(at, 0);
    data += place.tile * tile_bytes;
    row = place.row;
    lane = place.lane;
  }

  template <class Format>
  __device__ void load_tiled(GroupWords& words, unsigned group) const noexcept {
    const std::byte* tile = data + static_cast<std::size_t>(group / tile_groups) * tile_bytes;
    TileFormat<Format>::load(words, tile, row, lane + group % tile_groups);
  }
  __device__ void load(GroupWords& words, unsigned group) const noexcept {
    words = {};
    if (data == nullptr || group * group_values >= cols) return;
    switch (type_id) {
      case Q4_K::type_id:
        return load_tiled<Q4_K>(words, group);
      case Q5_K::type_id:
        return load_tiled<Q5_K>(words, group);
      case Q6_K::type_id:
        return load_tiled<Q6_K>(words, group);
      case Q8_0::type_id:
        return load_tiled<Q8_0>(words, group);
      case Q4_0::type_id:
        return load_tiled<Q4_0>(words, group);
      default:
        break;
    }
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned at = group * group_values + 8 * i;
      if (at < cols) words.v[i] = *reinterpret_cast<const uint4*>(data + at * 2);
    }
  }
};

/// A row of shared memory in parts of 16 bytes; part i is at i ^ swizzle.
struct SharedRow {
  unsigned address;
  unsigned swizzle = 0;
  __device__ unsigned part(unsigned i) const noexcept { return address + (i ^ swizzle) * 16; }
};

/// Stores 32 weights as bfloat16, from a part of a row on.
template <class Format>
__device__ __forceinline__ void store_decoded(const GroupWords& words, SharedRow row, unsigned part) noexcept {
  float y[group_values];
  if constexpr (std::is_same_v<Format, F16>) {
#pragma unroll
    for (unsigned i = 0; i < group_values; ++i) {
      const uint4& v = words.v[i / 8];
      const unsigned pair[4] = {v.x, v.y, v.z, v.w};
      y[i] = tiles::half_of(pair[i % 8 / 2] >> (16 * (i % 2)));
    }
  } else {
    TileFormat<Format>::unpack(words).decode(y);
  }
#pragma unroll
  for (unsigned i = 0; i < group_values; i += 8) {
    using T = __nv_bfloat16;
    store16(row.part(part + i / 8), {pack_pair<T>(y[i], y[i + 1]), pack_pair<T>(y[i + 2], y[i + 3]),
                                     pack_pair<T>(y[i + 4], y[i + 5]), pack_pair<T>(y[i + 6], y[i + 7])});
  }
}
__device__ __forceinline__ void store_weights(std::uint32_t type_id, const GroupWords& words, SharedRow row,
                                              unsigned part) noexcept {
  switch (type_id) {
    case Q4_K::type_id:
      return store_decoded<Q4_K>(words, row, part);
    case Q5_K::type_id:
      return store_decoded<Q5_K>(words, row, part);
    case Q6_K::type_id:
      return store_decoded<Q6_K>(words, row, part);
    case Q8_0::type_id:
      return store_decoded<Q8_0>(words, row, part);
    case Q4_0::type_id:
      return store_decoded<Q4_0>(words, row, part);
    case F16::type_id:
      return store_decoded<F16>(words, row, part);
    default:
      break;
  }
#pragma unroll
  for (unsigned i = 0; i < 4; ++i) store16(row.part(part + i), words.v[i]);
}

/// Operands of a product of one matrix, or of a pair.
struct WideProduct {
  Matrix w[2];
  unsigned tile_bytes[2] = {};
  const __nv_bfloat16* b = nullptr;
  unsigned rows = 0;
  unsigned cols = 0;
};

/// A size of blocks: 4 warps along the rows and 2 along the weights.
template <unsigned R, unsigned C, unsigned D, unsigned S>
struct WideShape {
  static constexpr unsigned rows = R;
  static constexpr unsigned cols = C;
  static constexpr unsigned depth = D;
  static constexpr unsigned stages = S;  ///< of activations
  static constexpr unsigned row_bytes = D * 2 + 16;
  static constexpr unsigned shared = (S * R + 2 * C) * row_bytes;
  static_assert(C * D / group_values == wide_product_threads);
};
using WideSmall = WideShape<64, 32, 256, 2>;
using WideMiddle = WideShape<128, 64, 128, 2>;
using WideLarge = WideShape<256, 128, 64, 3>;

/// The first column of a block, and the row of weights that is in row i of its shared memory. Of a pair, rows of both
/// matrices alternate by 8, so that a thread gets both values of an output.
template <bool Paired, unsigned Cols>
struct WideColumns {
  unsigned first;

  __device__ WideColumns() noexcept : first(blockIdx.x * (Paired ? Cols / 2 : Cols)) {}
  __device__ unsigned matrix(unsigned i) const noexcept { return Paired ? i / 8 % 2 : 0; }
  __device__ unsigned row(unsigned i) const noexcept { return first + (Paired ? i / 16 * 8 + i % 8 : i); }
};

/// Puts the sums of a thread in one row: at[j] are columns first + 8 j + 2 (lane % 4) of the block and the next one, of
/// rows of weights in shared memory.
template <bool Paired, unsigned Frags, class Output, class At>
__device__ __forceinline__ void put_row(const WideProduct& p, const Output& output, std::size_t row, unsigned first_col,
                                        unsigned at, const At& sums) noexcept {
  if (row >= p.rows) return;
#pragma unroll
  for (unsigned j = 0; j < Frags; j += Paired ? 2 : 1) {
    const unsigned frag = Paired ? (at + j * 8) / 2 : at + j * 8;
    const std::size_t col = first_col + frag + threadIdx.x % 4 * 2;
    if (col >= p.w[0].rows) continue;
    const bool two = col + 1 < p.w[0].rows;
    const float x = sums(j, 0) * p.w[0].scale, y = sums(j, 1) * p.w[0].scale;
    if constexpr (Paired) {
      output.put(row, col, two, output.gate(x, sums(j + 1, 0) * p.w[1].scale),
                 output.gate(y, sums(j + 1, 1) * p.w[1].scale));
    } else {
      output.put(row, col, two, x, y);
    }
  }
}

extern __shared__ __align__(1024) unsigned char wide_shared[];

template <class Shape, bool Paired, class Output>
__device__ __forceinline__ void wide_product(const WideProduct& p, const Output& output) noexcept {
  constexpr unsigned pitch = Shape::row_bytes;
  constexpr unsigned row_groups = Shape::depth / group_values;
  constexpr unsigned row_frags = Shape::rows / 64, col_frags = Shape::cols / 16;
  let_next_start();
  const unsigned t = threadIdx.x, lane = t % warp_threads, warp = warp_index();
  const unsigned activations = shared_address(wide_shared);
  const unsigned weights = activations + Shape::stages * Shape::rows * pitch;
  const std::size_t first_row = static_cast<std::size_t>(blockIdx.y) * Shape::rows;
  const WideColumns<Paired, Shape::cols> columns;
  const unsigned steps = (p.cols + Shape::depth - 1) / Shape::depth;

  const unsigned own = t / row_groups, own_group = t % row_groups;
  const unsigned m = columns.matrix(own);
  const WeightRow source(p.w[m], p.tile_bytes[m], columns.row(own));
  const unsigned own_at = weights + own * pitch;
  GroupWords words;
  source.load(words, own_group);
  const auto store = [&](unsigned step) {
    store_weights(source.type_id, words, {own_at + step % 2 * Shape::cols * pitch}, own_group * 4);
    source.load(words, (step + 1) * row_groups + own_group);
  };

  wait_for_previous();
  const auto fetch = [&](unsigned step) {
    if (step < steps) {
      constexpr unsigned row_parts = Shape::depth / 8;
#pragma unroll
      for (unsigned i = 0; i < Shape::rows * row_parts / wide_product_threads; ++i) {
        const unsigned item = i * wide_product_threads + t;
        const unsigned row = item / row_parts, part = item % row_parts;
        const unsigned col = step * Shape::depth + part * 8;
        const bool some = first_row + row < p.rows && col < p.cols;
        const __nv_bfloat16* from = p.b + (some ? (first_row + row) * p.cols + col : 0);
        copy16(activations + (step % Shape::stages * Shape::rows + row) * pitch + part * 16, from, some);
      }
    }
    commit_copies();
  };
  for (unsigned s = 0; s + 1 < Shape::stages; ++s) fetch(s);
  store(0);

  float sums[row_frags][col_frags][4] = {};
  const unsigned warp_row = warp / 2 * (Shape::rows / 4), warp_col = warp % 2 * (Shape::cols / 2);
  for (unsigned step = 0; step < steps; ++step) {
    wait_copies<Shape::stages - 2>();
    __syncthreads();
    fetch(step + Shape::stages - 1);
    if (step + 1 < steps) store(step + 1);
    const unsigned rows_at =
        activations + (step % Shape::stages * Shape::rows + warp_row + lane % 16) * pitch + lane / 16 * 16;
    const unsigned cols_at =
        weights + (step % 2 * Shape::cols + warp_col + lane / 16 * 8 + lane % 8) * pitch + lane / 8 % 2 * 16;
#pragma unroll
    for (unsigned k = 0; k < Shape::depth / 16; ++k) {
      unsigned a[row_frags][4], b[col_frags / 2][4];
#pragma unroll
      for (unsigned i = 0; i < row_frags; ++i) load_matrices(a[i], rows_at + i * 16 * pitch + k * 32);
#pragma unroll
      for (unsigned j = 0; j < col_frags / 2; ++j) load_matrices(b[j], cols_at + j * 16 * pitch + k * 32);
#pragma unroll
      for (unsigned i = 0; i < row_frags; ++i) {
#pragma unroll
        for (unsigned j = 0; j < col_frags; ++j) {
          multiply_tile<__nv_bfloat16>(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
        }
      }
    }
  }

#pragma unroll
  for (unsigned i = 0; i < row_frags; ++i) {
#pragma unroll
    for (unsigned r = 0; r < 2; ++r) {
      put_row<Paired, col_frags>(p, output, first_row + warp_row + i * 16 + r * 8 + lane / 4, columns.first, warp_col,
                                 [&](unsigned j, unsigned second) { return sums[i][j][2 * r + second]; });
    }
  }
}

template <class Shape, bool Paired, class Output>
__global__ void __launch_bounds__(wide_product_threads)
    wide_product_kernel(const __grid_constant__ WideProduct p, Output output) {
  wide_product<Shape, Paired>(p, output);
}

}  // namespace cuda

VLMT_END_NAMESPACE
