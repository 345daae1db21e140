// Log-sums of attention: for each row and head the natural logarithm of the sum of the exponentials of all logits, the
// sink among them. With them attention over parts of the keys can be merged (kernel/merge_attention.hpp).
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/row_sink.hpp"

VLMT_BEGIN_NAMESPACE

/// A sink of attention that takes log-sums, too. Attention asks its sink for them by a member log_sums(row), the
/// address of those of the heads of a row, or null. Sinks that wrap this one, other than RowOffsetSink, hide it.
template <RowSink Sink>
struct WithLogSums {
  Sink sink;
  float* data = nullptr;  ///< (rows, heads); null: not stored
  std::size_t heads = 0;

  float* log_sums(std::size_t row) const noexcept { return data != nullptr ? data + row * heads : nullptr; }
  float* row_pointer(std::size_t row, std::size_t column, float* buffer) const noexcept {
    return sink.row_pointer(row, column, buffer);
  }
  template <class Arch>
  void commit(std::size_t row, std::size_t column, std::size_t count, const float* values) const noexcept {
    sink.template commit<Arch>(row, column, count, values);
  }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    ::vlmt::assert_fits(call, sink, rows, columns, run);
  }
};
static_assert(RowSink<WithLogSums<F32Rows>>);

/// Stores value() as the log-sum of (row, head) if the sink takes it.
template <class Out, class F>
VLMT_INLINE void store_log_sum([[maybe_unused]] const Out& out, [[maybe_unused]] std::size_t row,
                               [[maybe_unused]] std::size_t head, [[maybe_unused]] const F& value) noexcept {
  if constexpr (requires { out.log_sums(row); }) {
    if (float* sums = out.log_sums(row)) sums[head] = static_cast<float>(value());
  }
}

VLMT_END_NAMESPACE
