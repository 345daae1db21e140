// Matrices in device memory, as the blocks of their files or in tiles; the choice of a kernel by their format, and the
// product of a row with a row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/kernel/cuda/buffer.cuh"
#include "vlmt/kernel/cuda/tile_formats.cuh"
#include "vlmt/op/low_rank.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/quant/row.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// A matrix (rows, cols) of any format. Non-owning.
struct Matrix {
  const std::byte* data = nullptr;
  std::uint32_t type_id = 0;  ///< GGUF type number
  std::size_t rows = 0;
  std::size_t cols = 0;
  float scale = 1.0f;        ///< multiplies all values
  unsigned tile_groups = 0;  ///< see TileGrid; 0: blocks as in the file
};

/// Matrices (rows, cols) one after the other, in the blocks of their file.
struct Experts {
  const std::byte* data = nullptr;
  std::uint32_t type_id = 0;
  std::size_t count = 0;
  std::size_t rows = 0;
  std::size_t cols = 0;
  const float* scales = nullptr;  ///< (count) in device memory; null: all 1
};

/// How a matrix is cut into tiles. A tile has 32 groups: of 8 rows with 32 groups (1,024 columns) each, or of 16 rows
/// with 16, or of 32 rows with 8, so that a row is a whole number of tiles. A lane holds 8 rows of one group. Rows of
/// zeros fill the last tiles. The tiles of a unit, which are the same rows, are adjacent.
struct TileGrid {
  unsigned groups = 0;  ///< groups of a row in a tile: 32, 16 or 8
  unsigned chunks = 0;  ///< tiles of a unit

  VLMT_HD TileGrid(unsigned tile_groups, std::size_t cols) noexcept
      : groups(tile_groups), chunks(static_cast<unsigned>(cols / (tile_groups * group_values))) {}
  VLMT_HD unsigned unit_rows() const noexcept { return tile_rows * (32 / groups); }
  VLMT_HD std::size_t units(std::size_t rows) const noexcept { return (rows + unit_rows() - 1) / unit_rows(); }

  /// Where a group of a row is.
  struct Place {
    std::size_t tile;
    unsigned row;  ///< of the lane
    unsigned lane;
  };
  VLMT_HD Place place(std::size_t row, unsigned group) const noexcept {
    const auto in_unit = static_cast<unsigned>(row % unit_rows());
    return {row / unit_rows() * chunks + group / groups, in_unit % tile_rows,
            in_unit / tile_rows * groups + group % groups};
  }
};

/// Groups of a row in a tile for matrices of this format and width; 0 if they are kept in blocks.
inline unsigned tile_groups(std::uint32_t type_id, std::size_t cols) {
  if (!visit_format(TiledFormats{}, type_id, [](auto) {})) return 0;
  for (unsigned groups = 32; groups >= 8; groups /= 2) {
    if (cols % (groups * group_values) == 0) return groups;
  }
  return 0;
}

/// Bytes of a tile of one of TiledFormats.
inline unsigned tile_bytes(std::uint32_t type_id) {
  unsigned bytes = 0;
  visit_format(TiledFormats{}, type_id, [&](auto tag) { bytes = TileFormat<typename decltype(tag)::type>::bytes; });
  return bytes;
}

/// Bytes of a matrix on the device.
inline std::size_t matrix_bytes(std::uint32_t type_id, std::size_t rows, std::size_t cols) {
  const unsigned groups = tile_groups(type_id, cols);
  if (groups == 0) return rows * row_bytes(type_id, cols);
  const TileGrid grid(groups, cols);
  return grid.units(rows) * grid.chunks * tile_bytes(type_id);
}

inline bool in_tiles(const Matrix& w) noexcept {
  return w.tile_groups != 0;
}
inline bool in_tiles(const Experts&) noexcept {
  return false;
}
inline bool in_tiles(const op::FloatReader&) noexcept {
  return false;
}
/// Whether products of many rows are computed on tensor cores.
inline bool in_wide(const Matrix& w) noexcept {
  return in_tiles(w) || ((w.type_id == BF16::type_id || w.type_id == F16::type_id) && w.cols % 8 == 0);
}
inline bool in_wide(const Experts&) noexcept {
  return false;
}
inline bool in_wide(const op::FloatReader&) noexcept {
  return false;
}

/// What a kernel reads a row of weights from.
struct StoredRows {
  const std::byte* data;
  std::size_t cols;
  unsigned tile_groups;
};
VLMT_HD inline StoredRows stored(const Matrix& w) noexcept {
  return {w.data, w.cols, w.tile_groups};
}
VLMT_HD inline StoredRows stored(const Experts& w) noexcept {
  return {w.data, w.cols, 0};
}

/// Matrices in the blocks of their files: unit i of a row is a block.
template <QuantFormat Format>
struct InBlocks {
  static constexpr std::size_t values = Format::values;
  __device__ static void decode(const StoredRows& w, std::size_t row, std::size_t unit, float* y) noexcept {
    Format::decode(reinterpret_cast<const typename Format::Block*>(w.data)[row * (w.cols / values) + unit], y);
  }
};

/// Matrices in tiles: unit i of a row is a group.
template <class Format>
struct InTiles {
  static constexpr std::size_t values = group_values;
  __device__ static void decode(const StoredRows& w, std::size_t row, std::size_t unit, float* y) noexcept {
    const auto at = TileGrid(w.tile_groups, w.cols).place(row, static_cast<unsigned>(unit));
    using Tile = TileFormat<Format>;
    GroupWords words;
    Tile::load(words, w.data + at.tile * Tile::bytes, at.row, at.lane);
    Tile::unpack(words).decode(y);
  }
};

/// Calls f(TypeTag<Stored>{}), InBlocks or InTiles of the format, which the loader has checked.
template <class F>
void visit_weights(const Experts& w, F&& f) {
  const bool known =
      visit_format(formats::all{}, w.type_id, [&](auto tag) { f(TypeTag<InBlocks<typename decltype(tag)::type>>{}); });
  VLMT_ASSERT(known);
}
template <class F>
void visit_weights(const Matrix& w, F&& f) {
  if (w.tile_groups == 0) return visit_weights(Experts{w.data, w.type_id}, f);
  const bool known =
      visit_format(TiledFormats{}, w.type_id, [&](auto tag) { f(TypeTag<InTiles<typename decltype(tag)::type>>{}); });
  VLMT_ASSERT(known);
}

/// The product of a row of weights and x (cols), by a warp; every lane gets it. It is a function of its own, so that
/// each decode is compiled once and not once for each epilogue.
template <class Stored>
__device__ VLMT_NOINLINE float dot(const StoredRows w, std::size_t row, const float* x) {
  float sum = 0.0f;
  for (std::size_t b = threadIdx.x % warp_threads; b < w.cols / Stored::values; b += warp_threads) {
    float values[Stored::values];
    Stored::decode(w, row, b, values);
    for (std::size_t i = 0; i < Stored::values; ++i) sum = fmaf(values[i], x[b * Stored::values + i], sum);
  }
  return warp_sum(sum);
}

/// Puts the blocks of a matrix into tiles: a thread for each group, also of the rows of zeros.
template <class Format>
__global__ void tile_kernel(const typename Format::Block* blocks, std::size_t rows, std::size_t cols, TileGrid grid,
                            std::byte* tiles) {
  const std::size_t groups = cols / group_values;
  const std::size_t item = thread_item();
  if (item >= grid.units(rows) * grid.unit_rows() * groups) return;
  const std::size_t row = item / groups;
  const auto group = static_cast<unsigned>(item % groups);
  constexpr unsigned block_groups = static_cast<unsigned>(Format::values / group_values);
  typename Format::Block block{};
  if (row < rows) block = blocks[item / block_groups];
  const auto at = grid.place(row, group);
  using Tile = TileFormat<Format>;
  Tile::store(block, group % block_groups, tiles + at.tile * Tile::bytes, at.row, at.lane);
}

/// Puts a matrix into its form on the device, matrix_bytes(...) at `to`. `blocks`, in device memory, may be used again
/// by later work of the stream.
inline void store_matrix(std::uint32_t type_id, const std::byte* blocks, std::size_t rows, std::size_t cols,
                         std::byte* to, cudaStream_t stream) {
  const unsigned groups = tile_groups(type_id, cols);
  if (groups == 0) {
    check(cudaMemcpyAsync(to, blocks, matrix_bytes(type_id, rows, cols), cudaMemcpyDeviceToDevice, stream),
          "copy on the device");
    return;
  }
  const TileGrid grid(groups, cols);
  visit_format(TiledFormats{}, type_id, [&](auto tag) {
    using Format = typename decltype(tag)::type;
    const unsigned count = blocks_for(grid.units(rows) * grid.unit_rows() * (cols / group_values));
    tile_kernel<Format><<<count, block_threads, 0, stream>>>(reinterpret_cast<const typename Format::Block*>(blocks),
                                                             rows, cols, grid, to);
    check(cudaGetLastError(), "tiles of a matrix");
  });
}

}  // namespace cuda

VLMT_END_NAMESPACE
