// Low-rank deltas of products (LoRA): the product with A over rows, and epilogues that add the product with B.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/expanded_sizes.hpp"
#include "vlmt/kernel/cpu/low_rank.hpp"
#include "vlmt/kernel/ref/low_rank.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/op/low_rank.hpp"

VLMT_BEGIN_NAMESPACE

/// t[row] (rank) = x[row] * down[adapter[row]]^T for n rows of `in` values, `stride` floats apart; nothing for rows
/// whose adapter is -1. `down` is (adapters, rank, in), T float, float16 or bfloat16. Values of t are split across the
/// team.
template <class Arch, class T>
void low_rank_rows(const float* x, std::size_t n, std::size_t in, std::size_t stride, const T* down,
                   const std::int32_t* adapter, std::size_t adapters, std::size_t rank, float* t,
                   Member& m = Solo().member()) {
  assert_input("low_rank_rows: x", x, n, in, stride);
  if (n * rank == 0) return;
  VLMT_ASSERT_SET("low_rank_rows", adapter);
  if (adapters != 0) VLMT_ASSERT_SET("low_rank_rows", down);
  VLMT_ASSERT_SET("low_rank_rows", t);
  const Range items = m.share(n * rank);
  for (std::size_t item = items.begin; item < items.end; ++item) {
    const std::size_t row = item / rank;
    VLMT_ASSERT_LE("low_rank_rows", -1, adapter[row]);
    if (adapter[row] < 0) continue;
    VLMT_ASSERT_LT("low_rank_rows", adapter[row], adapters);
    const T* a = down + (static_cast<std::size_t>(adapter[row]) * rank + item % rank) * in;
    if constexpr (is_reference_v<Arch>) {
      t[item] = ref::dot_row(a, x + row * stride, in);
    } else {
      t[item] = cpu::dot_row<Arch>(a, x + row * stride, in);
    }
  }
}

namespace detail {

template <class T>
void assert_delta([[maybe_unused]] const char* call, [[maybe_unused]] const op::Delta<T>& d,
                  [[maybe_unused]] std::size_t rows, [[maybe_unused]] std::size_t columns) {
  VLMT_ASSERT_SET(call, d.adapter);
  VLMT_ASSERT_EQ(call, d.out, columns);
  if (d.rank == 0) return;
  VLMT_ASSERT_SET(call, d.up);
  VLMT_ASSERT_SET(call, d.t);
  if (rows > 1) VLMT_ASSERT_LE(call, d.rank, d.stride);
}

/// Values v of columns [col, col + n) of a row with its delta: v itself if the row has no adapter, else in y.
template <class Arch, class T>
VLMT_INLINE const float* with_delta(const op::Delta<T>& d, std::size_t row, std::size_t col,
                                    [[maybe_unused]] std::size_t n, const float* v,
                                    float (&y)[cpu::tile_columns]) noexcept {
  if (d.adapter[row] < 0) return v;
  const T* up = d.up + static_cast<std::size_t>(d.adapter[row]) * low_rank_up_values(d.out, d.rank) +
                low_rank_up_index(col, 0, d.rank);
  if constexpr (is_reference_v<Arch>) {
    ref::add_low_rank(v, d.t + row * d.stride, up, d.rank, n, y);
  } else {
    cpu::add_low_rank<Arch>(v, d.t + row * d.stride, up, d.rank, y);
  }
  return y;
}

}  // namespace detail

/// Epilogue of a product with a delta, before another epilogue.
template <class Arch, class Inner, class T>
struct DeltaEpilogue {
  Inner inner;
  op::Delta<T> delta;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    alignas(64) float changed[cpu::tile_columns];
    inner(row, col, n, detail::with_delta<Arch>(delta, row, col, n, v, changed));
  }
  PrefetchTarget target(std::size_t row, std::size_t col) const noexcept { return target_of(inner, row, col); }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    detail::assert_delta(call, delta, rows, columns);
    ::vlmt::assert_fits(call, inner, rows, columns, run);
  }
};

/// The same for a pair of products.
template <class Arch, class Inner, class T>
struct DeltaPairEpilogue {
  Inner inner;
  op::Delta<T> first;
  op::Delta<T> second;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* a,
                              const float* b) const noexcept {
    alignas(64) float changed_a[cpu::tile_columns];
    alignas(64) float changed_b[cpu::tile_columns];
    inner(row, col, n, detail::with_delta<Arch>(first, row, col, n, a, changed_a),
          detail::with_delta<Arch>(second, row, col, n, b, changed_b));
  }
  PrefetchTarget target(std::size_t row, std::size_t col) const noexcept { return target_of(inner, row, col); }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    detail::assert_delta(call, first, rows, columns);
    detail::assert_delta(call, second, rows, columns);
    ::vlmt::assert_fits(call, inner, rows, columns, run);
  }
};

VLMT_END_NAMESPACE
