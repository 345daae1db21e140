// Low-rank deltas of products (LoRA; Hu et al., 2021): each row names an adapter of its own, or none.
//
// With adapter a of its row, a product y = x W^T becomes y = x W^T + (x A_a^T) B_a^T. The product with A is an op,
// LowRank, which leaves `rank` floats for each row. The product with B is added to the values of the main product
// before its epilogue: an Adapted epilogue wraps any other one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Columns of a product whose values of B are beside each other: a tile of a product then reads one run of memory.
inline constexpr std::size_t low_rank_panel = 32;

/// Values of B of one adapter for `out` columns, in panels; those past the last column are zeros.
VLMT_HD VLMT_INLINE constexpr std::size_t low_rank_up_values(std::size_t out, std::size_t rank) noexcept {
  return (out + low_rank_panel - 1) / low_rank_panel * rank * low_rank_panel;
}
/// Index of B[col, i] in panels, (columns / low_rank_panel, rank, low_rank_panel).
VLMT_HD VLMT_INLINE constexpr std::size_t low_rank_up_index(std::size_t col, std::size_t i, std::size_t rank) noexcept {
  return (col / low_rank_panel * rank + i) * low_rank_panel + col % low_rank_panel;
}

namespace op {

/// LowRank among the readers of rows (BackendTypes::rows): it reads floats.
struct FloatReader {};

/// t[row] = rows[row] * down[adapter[row]]^T; of rows without an adapter, t is left as it is. The rows must have
/// floats: name a FloatReader among their readers. The matrices of several products over the same rows may be one, of
/// the sum of their ranks. T is float, float16 or bfloat16.
template <class Rows, class T>
struct LowRank {
  Rows rows;
  const T* down = nullptr;                ///< (adapters, rank, in): A
  const std::int32_t* adapter = nullptr;  ///< (rows): in [0, adapters), or -1 for none; read when the op runs
  std::size_t adapters = 0;
  std::size_t rank = 0;
  float* t = nullptr;  ///< (rows, rank)
};

/// What is added to a product: value (row, col) gets the sum over i < rank of t[row, i] * B[col, i] of its adapter.
template <class T>
struct Delta {
  const T* up = nullptr;  ///< (adapters, low_rank_up_values(out, rank)): B in panels, times the scale of the adapter
  const std::int32_t* adapter = nullptr;  ///< (rows), as in LowRank
  const float* t = nullptr;  ///< row r at t + r * stride: LowRank::t from the first column of this product on
  std::size_t stride = 0;    ///< LowRank::rank
  std::size_t rank = 0;
  std::size_t out = 0;  ///< columns of the product
};

/// An epilogue after deltas: one for op::One, two for op::Pair, those of queries, keys and values for op::Qkv.
template <class Inner, class T, std::size_t Products>
struct Adapted {
  Inner inner;
  Delta<T> deltas[Products];
};

}  // namespace op

VLMT_END_NAMESPACE
