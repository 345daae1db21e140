// Products of a few rows of int8 activations with quantised weights in tiles, at the speed of memory.
//
// A block takes neighbouring units of rows, of one matrix, of several one after the other, or the same ones of a pair.
// Its warps take the tiles in turn and leave the sums of each in shared memory, where threads add the tiles of a row in
// their order: so the bits do not depend on timing. Weights are copied ahead, the first before the previous kernel
// ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/epilogues.cuh"
#include "vlmt/kernel/cuda/launch.cuh"
#include "vlmt/kernel/cuda/mma.cuh"
#include "vlmt/kernel/cuda/row_forms.cuh"
#include "vlmt/kernel/cuda/tile_formats.cuh"
#include "vlmt/kernel/cuda/tile_ring.cuh"
#include "vlmt/kernel/cuda/weights.cuh"

VLMT_BEGIN_NAMESPACE

namespace cuda {

inline constexpr unsigned max_product_warps = 12;

/// A matrix in tiles as a kernel reads it.
struct TiledMatrix {
  const std::byte* data = nullptr;
  std::uint32_t type_id = 0;
  unsigned tile_bytes = 0;
  unsigned rows = 0;
  unsigned units = 0;
  float scale = 1.0f;
};

/// Adjacent tiles that a block reads.
struct TileRun {
  const std::byte* data;
  std::uint32_t type_id;
  unsigned tile_bytes;
  unsigned first;  ///< tiles of the block before it

  __device__ const std::byte* tile(unsigned i) const noexcept {
    return data + static_cast<std::size_t>(i - first) * tile_bytes;
  }
};

/// The tiles of a block, in up to three runs.
struct BlockTiles {
  TileRun runs[3];
  unsigned tiles = 0;

  __device__ void add(const TiledMatrix& w, unsigned unit, unsigned units, unsigned chunks) noexcept {
    if (units == 0) return;
    // Runs not yet set repeat the last one, so that find() needs no count of them.
    const TileRun run{w.data + static_cast<std::size_t>(unit) * chunks * w.tile_bytes, w.type_id, w.tile_bytes, tiles};
    if (tiles == 0) runs[0] = run;
    if (tiles == 0 || runs[1].first == runs[0].first) runs[1] = run;
    runs[2] = run;
    tiles += units * chunks;
  }
  __device__ TileRun find(unsigned tile) const noexcept {
    return tile >= runs[2].first ? runs[2] : tile >= runs[1].first ? runs[1] : runs[0];
  }
};

/// Where things are in the shared memory of a block, in bytes from its start.
struct ProductShared {
  unsigned slot_bytes = 0;
  unsigned x = 0;       ///< for each row: low quants, high quants, then scales of all groups
  unsigned before = 0;  ///< (rows, rows of the block): what is added to
  unsigned sums = 0;    ///< (rows, tiles, rows of a unit)
  unsigned bytes = 0;
};

/// Operands of a product of up to three matrices of one width. What follows from the sizes is computed by the host: the
/// first instructions of a kernel are on the way from one product to the next.
struct Int8Product {
  TiledMatrix w[3];
  unsigned tile_groups = 0;
  unsigned unit_shift = 0;  ///< log2 of the rows of a unit
  unsigned chunks = 0;
  unsigned chunks_inverse = 0;  ///< 2^32 / chunks, rounded up: for the remainders of up to 2^16 tiles
  const std::int8_t* q = nullptr;
  const GroupScale* scales = nullptr;
  unsigned rows = 0;         ///< of activations
  unsigned groups = 0;       ///< of a row
  unsigned units = 0;        ///< to be shared by the blocks
  unsigned block_units = 0;  ///< of each block; the first `more` blocks have unit_step more
  unsigned unit_step = 1;    ///< units that stay together
  unsigned more = 0;
  ProductShared shared;

  /// The matrix, and the row in it, of a row of all matrices one after the other; each fills whole units.
  struct Place {
    unsigned matrix;
    unsigned row;
  };
  template <unsigned Matrices>
  __device__ Place place(unsigned row) const noexcept {
    unsigned m = 0;
    if constexpr (Matrices > 1) {
      while (row >= w[m].units << unit_shift) row -= w[m++].units << unit_shift;
    }
    return {m, row};
  }

  __device__ unsigned first_unit(unsigned block) const noexcept {
    const unsigned unit = block * block_units + (block < more ? block : more) * unit_step;
    return unit < units ? unit : units;
  }
  __device__ unsigned chunk(unsigned tile) const noexcept {
    return chunks == 1 ? 0 : tile - __umulhi(tile, chunks_inverse) * chunks;
  }
};

extern __shared__ __align__(128) unsigned char product_shared[];

/// Sums of a tile: acc[n][r] of the lane's group.
template <class Format, unsigned N>
__device__ __forceinline__ void tile_sums(const unsigned char* tile, unsigned lane, const Int8Values (&x)[N],
                                          float (&acc)[N][tile_rows]) noexcept {
#pragma unroll
  for (unsigned r = 0; r < tile_rows; ++r) {
    GroupWords words;
    TileFormat<Format>::load(words, reinterpret_cast<const std::byte*>(tile), r, lane);
    const auto group = TileFormat<Format>::unpack(words);
#pragma unroll
    for (unsigned n = 0; n < N; ++n) acc[n][r] = group.dot(x[n]);
  }
}

/// Adds the 8 sums of each lane over the lanes that hold the same rows, `groups` neighbours, by halving: each exchange
/// leaves a lane half of its rows. The result is that of row lane / (groups / 8) of the tile.
__device__ __forceinline__ float sum_over_groups(float (&acc)[tile_rows], unsigned lane, unsigned groups) noexcept {
  unsigned bit = groups / 2;
#pragma unroll
  for (unsigned half = tile_rows / 2; half != 0; half /= 2, bit /= 2) {
    const bool upper = (lane & bit) != 0;
#pragma unroll
    for (unsigned r = 0; r < half; ++r) {
      const float mine = upper ? acc[r + half] : acc[r];
      const float other = upper ? acc[r] : acc[r + half];
      acc[r] = mine + __shfl_xor_sync(0xffffffffu, other, bit);
    }
  }
  float sum = acc[0];
  for (; bit != 0; bit /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bit);
  return sum;
}

/// All tiles of a warp. It is a function of its own, so that it is compiled once and not once for each epilogue.
template <unsigned N>
__device__ VLMT_NOINLINE void sum_tiles(const BlockTiles& of_block, const Int8Product& p, const TileRing ring) {
  const BlockTiles block = of_block;  // in registers
  const unsigned warps = blockDim.x / warp_threads;
  const unsigned warp = warp_index(), lane = threadIdx.x % warp_threads;
  const ProductShared at = p.shared;
  const unsigned tile_groups = p.tile_groups, groups = p.groups, tiles = block.tiles;
  const unsigned tile_floats = 1u << p.unit_shift;
  auto* sums = reinterpret_cast<float*>(product_shared + at.sums);
  const unsigned lanes_of_row = tile_groups / tile_rows;
  unsigned slot = 0, round = 0;
  for (unsigned tile = warp; tile < tiles; tile += warps) {
    const unsigned group = p.chunk(tile) * tile_groups + (lane & (tile_groups - 1));
    Int8Values x[N];
#pragma unroll
    for (unsigned n = 0; n < N; ++n) {
      const unsigned char* row = product_shared + at.x + n * groups * 40;
      x[n].low = reinterpret_cast<const uint4*>(row)[group];
      x[n].high = reinterpret_cast<const uint4*>(row + groups * 16)[group];
      const GroupScale scale = reinterpret_cast<const GroupScale*>(row + groups * 32)[group];
      x[n].scale = scale.scale;
      x[n].sums[0] = scale.sums[0];
      x[n].sums[1] = scale.sums[1];
    }
    const unsigned char* memory = product_shared + (warp * ring_tiles + slot) * at.slot_bytes;
    ring.wait(slot, round);
    float acc[N][tile_rows];
    switch (block.find(tile).type_id) {
      case Q4_K::type_id:
        tile_sums<Q4_K>(memory, lane, x, acc);
        break;
      case Q5_K::type_id:
        tile_sums<Q5_K>(memory, lane, x, acc);
        break;
      case Q6_K::type_id:
        tile_sums<Q6_K>(memory, lane, x, acc);
        break;
      case Q8_0::type_id:
        tile_sums<Q8_0>(memory, lane, x, acc);
        break;
      default:
        tile_sums<Q4_0>(memory, lane, x, acc);
        break;
    }
    const unsigned next = tile + ring_tiles * warps;
    const TileRun run = block.find(next < tiles ? next : tile);
    ring.fetch(slot, next < tiles, run.tile(next), run.tile_bytes);
    if (++slot == ring_tiles) {
      slot = 0;
      ++round;
    }
#pragma unroll
    for (unsigned n = 0; n < N; ++n) {
      const float sum = sum_over_groups(acc[n], lane, tile_groups);
      if ((lane & (lanes_of_row - 1)) == 0) sums[(n * tiles + tile) * tile_floats + (lane >> (5 - p.unit_shift))] = sum;
    }
  }
}

/// N rows, or fewer, of activations. Matrices: 1; 2, a pair; or 3, one after the other.
template <unsigned N, unsigned Matrices, class Output>
__global__ void __launch_bounds__(max_product_warps* warp_threads, 1)
    int8_product_kernel(const __grid_constant__ Int8Product p, Output output) {
  __shared__ RingBarriers barriers[max_product_warps];
  let_next_start();
  const unsigned warps = blockDim.x / warp_threads;
  const unsigned warp = warp_index();
  const unsigned first = p.first_unit(blockIdx.x);
  const unsigned units = p.first_unit(blockIdx.x + 1) - first;
  BlockTiles block;
  if constexpr (Matrices != 3) {
    for (unsigned m = 0; m < Matrices; ++m) block.add(p.w[m], first, units, p.chunks);
  } else {
    unsigned before = 0;
    for (const TiledMatrix& w : p.w) {
      const unsigned begin = first > before ? first - before : 0;
      const unsigned end = first + units > before ? first + units - before : 0;
      if (begin < w.units && end > begin) block.add(w, begin, (end < w.units ? end : w.units) - begin, p.chunks);
      before += w.units;
    }
  }
  const TileRing ring(product_shared + warp * ring_tiles * p.shared.slot_bytes, p.shared.slot_bytes, barriers[warp]);
  for (unsigned slot = 0; slot < ring_tiles; ++slot) {
    const unsigned tile = warp + slot * warps;
    const TileRun run = block.find(tile);
    ring.fetch(slot, tile < block.tiles, run.tile(tile), run.tile_bytes);
  }
  wait_for_previous();
  // All at once, so that their latencies overlap.
  for (unsigned n = 0; n < N; ++n) {
    const unsigned row = shared_address(product_shared + p.shared.x + n * p.groups * 40);
    const unsigned from = n < p.rows ? n : 0;
    const std::int8_t* q = p.q + static_cast<std::size_t>(from) * p.groups * group_values;
    const GroupScale* scales = p.scales + from * p.groups;
    for (unsigned i = threadIdx.x; i < 2 * p.groups; i += blockDim.x) {
      copy16(row + (i / 2 + i % 2 * p.groups) * 16, q + i * 16, true);
    }
    for (unsigned i = threadIdx.x; i < p.groups / 2; i += blockDim.x) {
      copy16(row + p.groups * 32 + i * 16, scales + 2 * i, true);
    }
  }
  commit_copies();
  auto* before = reinterpret_cast<float*>(product_shared + p.shared.before);
  const unsigned unit_shift = p.unit_shift;
  const unsigned block_rows = units << unit_shift;
  if constexpr (Output::adds) {
    for (unsigned n = 0; n < p.rows; ++n) {
      for (unsigned i = threadIdx.x; i < block_rows; i += blockDim.x) {
        const auto at = p.place<Matrices>((first << unit_shift) + i);
        if (at.row < p.w[at.matrix].rows) before[n * block_rows + i] = output.read(n, at.row);
      }
    }
  }
  wait_copies<0>();
  __syncthreads();
  sum_tiles<N>(block, p, ring);
  __syncthreads();
  const auto* sums = reinterpret_cast<const float*>(product_shared + p.shared.sums);
  // The sum of row i of a run of the block that begins with tile `tile`, for activations n.
  const auto value = [&](unsigned n, unsigned tile, unsigned i) {
    const unsigned unit = i >> unit_shift, r = i - (unit << unit_shift);
    const float* at = sums + ((n * block.tiles + tile + unit * p.chunks) << unit_shift) + r;
    float sum = 0.0f;
#pragma unroll 4
    for (unsigned c = 0; c < p.chunks; ++c) sum += at[c << unit_shift];
    return sum;
  };
  for (unsigned n = 0; n < p.rows; ++n) {
    // Whole warps, for outputs that exchange values within groups of 32 rows.
    for (unsigned i = threadIdx.x; i < (block_rows + 31) / 32 * 32; i += blockDim.x) {
      const bool inside = i < block_rows;
      if constexpr (Matrices == 2) {
        const unsigned row = (first << unit_shift) + i;
        const bool some = inside && row < p.w[0].rows;
        output(n, row, some, some ? value(n, 0, i) * p.w[0].scale : 0.0f,
               some ? value(n, units * p.chunks, i) * p.w[1].scale : 0.0f);
      } else if (inside) {
        const auto at = p.place<Matrices>((first << unit_shift) + i);
        if (at.row >= p.w[at.matrix].rows) continue;
        const float y = value(n, 0, i) * p.w[at.matrix].scale;
        output(n, at.matrix, at.row, Output::adds ? before[n * block_rows + i] + y : y);
      }
    }
  }
}

/// The output of one matrix. What an epilogue adds to is read ahead.
template <class Epilogue>
struct OneOutput {
  static constexpr bool adds = std::is_same_v<Epilogue, op::Add> || std::is_same_v<Epilogue, op::AddBiased>;
  Epilogue epilogue;

  __device__ float read(unsigned n, unsigned row) const { return epilogue.y[n * epilogue.stride + row]; }
  __device__ void operator()(unsigned n, unsigned, unsigned row, float value) const {
    if constexpr (std::is_same_v<Epilogue, op::Add>) {
      finish(op::Store{epilogue.y, epilogue.stride}, n, row, value);
    } else if constexpr (std::is_same_v<Epilogue, op::AddBiased>) {
      finish(op::StoreBiased{epilogue.y, epilogue.stride, epilogue.bias}, n, row, value);
    } else {
      finish(epilogue, n, row, value);
    }
  }
};
/// Of several matrices, the rows of which follow each other in y.
struct JoinedOutput {
  static constexpr bool adds = false;
  float* y;
  std::size_t stride;
  std::size_t at[3];
  __device__ void operator()(unsigned n, unsigned matrix, unsigned row, float value) const {
    y[n * stride + at[matrix] + row] = value;
  }
};
/// Of a pair: rows in the forms of their readers.
template <class Activation>
struct GatedOutput {
  static constexpr bool adds = false;
  Rows out;
  __device__ void operator()(unsigned n, unsigned row, bool some, float first, float second) const {
    const float x[1] = {Activation::template apply<float>(first) * second};
    if (out.floats && some) out.x[n * out.cols + row] = x[0];
    if (out.q == nullptr) return;
    const auto part = quantise(x);
    if (some) store_quantised(out, n, row, part);
  }
};

/// Whether the kernels here compute rows times w.
inline bool takes_int8(const Rows& rows, const Matrix& w) noexcept {
  return rows.q != nullptr && w.tile_groups != 0 && rows.n <= max_int8_rows;
}

/// Launches the product of rows and the matrices, all in tiles and of the width of the rows: one; two of one shape, a
/// pair; or three, one after the other.
template <unsigned Matrices, class Output>
void launch_int8_product(const Rows& rows, std::initializer_list<const Matrix*> matrices, const Output& output,
                         cudaStream_t stream) {
  if (rows.n == 0) return;
  constexpr bool paired = Matrices == 2;
  VLMT_ASSERT_EQ("product", matrices.size(), Matrices);
  Int8Product p;
  p.q = rows.q;
  p.scales = rows.scales;
  p.rows = static_cast<unsigned>(rows.n);
  p.groups = static_cast<unsigned>(rows.cols / group_values);
  unsigned m = 0;
  for (const Matrix* w : matrices) {
    VLMT_ASSERT_EQ("product", w->cols, rows.cols);
    const TileGrid grid(w->tile_groups, w->cols);
    p.tile_groups = grid.groups;
    p.chunks = grid.chunks;
    p.chunks_inverse = static_cast<unsigned>((((std::uint64_t{1} << 32) - 1) / grid.chunks) + 1);
    p.w[m] = {w->data,
              w->type_id,
              tile_bytes(w->type_id),
              static_cast<unsigned>(w->rows),
              static_cast<unsigned>(grid.units(w->rows)),
              w->scale};
    p.shared.slot_bytes = p.w[m].tile_bytes > p.shared.slot_bytes ? p.w[m].tile_bytes : p.shared.slot_bytes;
    p.units += p.w[m++].units;
  }
  const unsigned unit_rows = tile_rows * (32 / p.tile_groups);
  p.unit_shift = unit_rows == 8 ? 3 : unit_rows == 16 ? 4 : 5;
  if (paired) {
    p.units = p.w[0].units;
    p.unit_step = 32 / unit_rows;
  }
  const unsigned n = p.rows <= 2 ? p.rows : 4;  // of the kernel
  const unsigned steps = (p.units + p.unit_step - 1) / p.unit_step;
  unsigned blocks = multiprocessors();
  blocks = blocks < steps ? blocks : steps;
  // Of shared memory. Enough for 12 warps but for Q8_0; more weights in flight are no faster.
  const unsigned budget = shared_memory_limit() > 202 * 1024 ? 200 * 1024 : 158 * 1024;
  unsigned warps = 0;
  for (;; blocks = blocks * 2 < steps ? blocks * 2 : steps) {
    const unsigned rows_of_block = (steps + blocks - 1) / blocks * p.unit_step * unit_rows;
    const unsigned tiles = rows_of_block / unit_rows * p.chunks * (paired ? 2 : 1);
    const unsigned rest = n * (p.groups * 40 + (Output::adds ? rows_of_block * 4 : 0) + tiles * unit_rows * 4);
    warps = rest < budget ? (budget - rest) / (ring_tiles * p.shared.slot_bytes) : 0;
    warps = warps < max_product_warps ? warps : max_product_warps;
    warps = warps < tiles ? warps : tiles;
    if ((tiles >> 16 != 0 || (warps < 4 && warps < tiles)) && blocks < steps) continue;  // some run after others
    warps = warps < 1 ? 1 : warps;
    p.block_units = steps / blocks * p.unit_step;
    p.more = steps % blocks;
    p.shared.x = warps * ring_tiles * p.shared.slot_bytes;
    p.shared.before = p.shared.x + n * p.groups * 40;
    p.shared.sums = p.shared.before + (Output::adds ? n * rows_of_block * 4 : 0);
    p.shared.bytes = p.shared.sums + n * tiles * unit_rows * 4;
    break;
  }
  const auto run = [&](auto count) {
    launch<int8_product_kernel<decltype(count)::value, Matrices, Output>>(dim3(blocks), warps * warp_threads,
                                                                          p.shared.bytes, stream, p, output);
  };
  if (n == 1) return run(std::integral_constant<unsigned, 1>{});
  if (n == 2) return run(std::integral_constant<unsigned, 2>{});
  run(std::integral_constant<unsigned, 4>{});
}

}  // namespace cuda

VLMT_END_NAMESPACE
