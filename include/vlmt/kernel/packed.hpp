// Packed layout of matmul weights: rows in panels, the rows of a panel interleaved.
//
// A panel holds Arch::lanes rows. Block k of all its rows is contiguous, unit by unit of the format's fields: first
// unit 0 of every row, then unit 1 of every row, and so on. A vector load therefore yields the same unit of every row,
// one row per lane, and no output is summed across lanes. Packing permutes bytes: it is lossless, and its only overhead
// is the padding of the last panel.
#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

/// Increment on every change to the bytes of packed weights, whether in the packing order or in a conversion before
/// packing: cached files of packed weights are then rejected.
inline constexpr unsigned packed_layout_version = 1;

/// Rows per panel.
template <class Arch>
inline constexpr std::size_t panel_rows_v = Arch::lanes;

/// Bytes of one block of every row of a panel.
template <QuantFormat Format, class Arch>
inline constexpr std::size_t panel_block_bytes_v = panel_rows_v<Arch> * sizeof(typename Format::Block);

/// Bytes of a packed (rows, cols) matrix; cols must be a multiple of Format::values. The caller must have checked that
/// round_up(rows, 64) * cols * bits does not overflow, as it must for the bytes in the file.
template <QuantFormat Format, class Arch>
constexpr std::size_t packed_bytes(std::size_t rows, std::size_t cols) noexcept {
  return ceil_div(rows, panel_rows_v<Arch>) * (cols / Format::values) * panel_block_bytes_v<Format, Arch>;
}

/// A packed matrix, non-owning and typed by format, for programs that know the format at compile time.
template <QuantFormat Format, class Arch>
struct Packed {
  const std::byte* data = nullptr;  ///< packed_bytes<Format, Arch>(rows, cols) bytes; 64-byte alignment is best
  std::size_t rows = 0;
  std::size_t cols = 0;

  static constexpr std::size_t bytes(std::size_t rows, std::size_t cols) noexcept {
    return packed_bytes<Format, Arch>(rows, cols);
  }
  std::size_t row_blocks() const noexcept { return cols / Format::values; }
  std::size_t panels() const noexcept { return ceil_div(rows, panel_rows_v<Arch>); }
  std::size_t panel_bytes() const noexcept { return row_blocks() * panel_block_bytes_v<Format, Arch>; }
};

namespace detail {

/// Copies a block to lane `lane` of a panel block, or back.
template <QuantFormat Format, std::size_t Rows, bool ToPanel>
VLMT_INLINE void permute_block(std::conditional_t<ToPanel, const std::byte, std::byte>* block,
                               std::conditional_t<ToPanel, std::byte, const std::byte>* panel,
                               std::size_t lane) noexcept {
  const auto field = [&]<std::size_t F>(std::integral_constant<std::size_t, F>) {
    constexpr BlockField f = Format::fields[F];
    for (std::size_t at = f.offset; at < f.offset + f.bytes; at += f.unit) {
      if constexpr (ToPanel) {
        std::memcpy(panel + at * Rows + lane * f.unit, block + at, f.unit);
      } else {
        std::memcpy(block + at, panel + at * Rows + lane * f.unit, f.unit);
      }
    }
  };
  [&]<std::size_t... F>(std::index_sequence<F...>) {
    (field(std::integral_constant<std::size_t, F>{}), ...);
  }
  (std::make_index_sequence<Format::fields.size()>{});
}

}  // namespace detail

/// Packs rows [range.begin, range.end) of a (rows, cols) matrix. range.begin must be a multiple of the panel's rows,
/// range.end too unless it is `rows`. `blocks` is row-major as in a file and may be unaligned. Padding rows of the last
/// panel become zeros.
template <QuantFormat Format, class Arch>
void pack_rows(const std::byte* blocks, std::size_t rows, std::size_t cols, std::byte* packed, Range range) noexcept {
  constexpr std::size_t lanes = panel_rows_v<Arch>;
  constexpr std::size_t block_bytes = sizeof(typename Format::Block);
  constexpr std::size_t panel_block = panel_block_bytes_v<Format, Arch>;
  const std::size_t row_blocks = cols / Format::values;
  VLMT_ASSERT_MULTIPLE("pack_rows", cols, Format::values);
  if (range.empty()) return;  // the share of a member for which no panel is left begins at `rows`
  VLMT_ASSERT_MULTIPLE("pack_rows", range.begin, lanes);
  VLMT_ASSERT_LE("pack_rows", range.end, rows);
  for (std::size_t row = range.begin; row < range.end; row += lanes) {
    const std::size_t valid = rows - row < lanes ? rows - row : lanes;
    std::byte* panel = packed + row / lanes * row_blocks * panel_block;
    if (valid < lanes) std::memset(panel, 0, row_blocks * panel_block);
    const std::byte* source = blocks + row * row_blocks * block_bytes;
    for (std::size_t k = 0; k < row_blocks; ++k) {
      for (std::size_t lane = 0; lane < valid; ++lane) {
        detail::permute_block<Format, lanes, true>(source + (lane * row_blocks + k) * block_bytes,
                                                   panel + k * panel_block, lane);
      }
    }
  }
}

/// Packs a (rows, cols) matrix; panels are split across the team.
template <QuantFormat Format, class Arch>
void pack(const typename Format::Block* blocks, std::size_t rows, std::size_t cols, std::byte* packed, Member& m) {
  VLMT_ASSERT_MULTIPLE("pack", cols, Format::values);
  if (rows * cols != 0) {
    VLMT_ASSERT_SET("pack", blocks);
    VLMT_ASSERT_SET("pack", packed);
  }
  pack_rows<Format, Arch>(reinterpret_cast<const std::byte*>(blocks), rows, cols, packed,
                          m.share(rows, panel_rows_v<Arch>));
}

/// Block k of a row of a packed matrix, as in the file.
template <QuantFormat Format, class Arch>
void unpack_block(const std::byte* packed, std::size_t row_blocks, std::size_t row, std::size_t k,
                  typename Format::Block& block) noexcept {
  constexpr std::size_t lanes = panel_rows_v<Arch>;
  detail::permute_block<Format, lanes, false>(
      reinterpret_cast<std::byte*>(&block), packed + (row / lanes * row_blocks + k) * panel_block_bytes_v<Format, Arch>,
      row % lanes);
}

/// The inverse of `pack`: blocks (rows, cols / Format::values), row-major.
template <QuantFormat Format, class Arch>
void unpack(const std::byte* packed, std::size_t rows, std::size_t cols, typename Format::Block* blocks) {
  VLMT_ASSERT_MULTIPLE("unpack", cols, Format::values);
  const std::size_t row_blocks = cols / Format::values;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < row_blocks; ++k) {
      unpack_block<Format, Arch>(packed, row_blocks, r, k, blocks[r * row_blocks + k]);
    }
  }
}

VLMT_END_NAMESPACE
