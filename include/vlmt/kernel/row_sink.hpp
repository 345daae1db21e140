// Row sinks: destinations of kernels that produce rows of activations. The form of the rows is a type, so a norm that
// also quantises is one fused kernel.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/reference.hpp"

VLMT_BEGIN_NAMESPACE

/// Memory of the 32 columns of each row that an epilogue or a sink is about to write, for prefetching.
struct PrefetchTarget {
  const void* first = nullptr;  ///< in the first row
  std::size_t stride = 0;       ///< bytes from row to row
  std::size_t bytes = 0;        ///< per row; 0 if unknown

  const std::byte* row(std::size_t r) const noexcept { return static_cast<const std::byte*>(first) + r * stride; }
};

/// Memory that a sink or an epilogue writes; empty if it has no member target(row, col).
template <class Writer>
PrefetchTarget target_of(const Writer& writer, std::size_t row, std::size_t column) noexcept {
  if constexpr (requires { writer.target(row, column); }) {
    return writer.target(row, column);
  } else {
    return {};
  }
}

/// Asserts that a sink or an epilogue has room for (rows, columns) values, written in runs of `run` columns. `call`
/// names the kernel and the argument. Done once per kernel call; a writer without a member assert_fits is not checked.
template <class Writer>
void assert_fits([[maybe_unused]] const char* call, const Writer& writer, std::size_t rows, std::size_t columns,
                 std::size_t run) {
  if constexpr (requires { writer.assert_fits(call, rows, columns, run); }) {
    if (rows != 0 && columns != 0) writer.assert_fits(call, rows, columns, run);
  }
}

/// Asserts that x (rows, columns), rows `stride` floats apart, is there: the input of a kernel over rows.
inline void assert_input([[maybe_unused]] const char* call, [[maybe_unused]] const float* x, std::size_t rows,
                         [[maybe_unused]] std::size_t columns, [[maybe_unused]] std::size_t stride) {
  if (rows == 0) return;
  VLMT_ASSERT_SET(call, x);
  if (rows > 1) VLMT_ASSERT_LE(call, columns, stride);
}

/// Maximum values that a kernel commits to a sink at once. Norms and activations cut rows at multiples of it, matmul
/// epilogues at multiples of 32; attention starts a chunk at every head.
inline constexpr std::size_t sink_chunk = 256;

/// A kernel calls row_pointer(row, column, buffer) for the address of a chunk of floats, writes them there and calls
/// commit(row, column, count, address). `buffer` is the kernel's, for sinks that hold no floats. One member writes a
/// chunk. A sink may have a member target(row, column): a matmul then prefetches that memory while it computes the
/// tile. It may have a member assert_fits(call, rows, columns, run), see above.
template <class S>
concept RowSink = requires(const S& sink, float* values, const float* written) {
  { sink.row_pointer(std::size_t{}, std::size_t{}, values) }
  noexcept->std::same_as<float*>;
  { sink.template commit<arch::reference>(std::size_t{}, std::size_t{}, std::size_t{}, written) }
  noexcept;
};

/// Non-owning rows of floats: data[row * stride + column].
struct F32Rows {
  float* data = nullptr;
  std::size_t stride = 0;

  float* row_pointer(std::size_t row, std::size_t column, float*) const noexcept {
    return data + row * stride + column;
  }
  template <class Arch>
  void commit(std::size_t, std::size_t, std::size_t, const float*) const noexcept {}
  PrefetchTarget target(std::size_t row, std::size_t column) const noexcept {
    return {data + row * stride + column, stride * sizeof(float), 32 * sizeof(float)};
  }
  void assert_fits([[maybe_unused]] const char* call, [[maybe_unused]] std::size_t rows,
                   [[maybe_unused]] std::size_t columns, std::size_t) const {
    VLMT_ASSERT_SET(call, data);
    if (rows > 1) VLMT_ASSERT_LE(call, columns, stride);
  }
};
static_assert(RowSink<F32Rows>);

/// Commits `count` values of one row in chunks that a sink takes.
template <class Arch, RowSink Out>
VLMT_INLINE void commit_row(const Out& out, std::size_t row, std::size_t column, std::size_t count,
                            const float* values) noexcept {
  alignas(64) float buffer[sink_chunk];
  for (std::size_t c = 0; c < count; c += sink_chunk) {
    const std::size_t n = std::min(sink_chunk, count - c);
    float* y = out.row_pointer(row, column + c, buffer);
    std::copy_n(values + c, n, y);
    out.template commit<Arch>(row, column + c, n, y);
  }
}

/// The same rows in two forms; `first` chooses where the floats are computed.
template <RowSink First, RowSink Second>
struct TeeRows {
  First first;
  Second second;

  float* row_pointer(std::size_t row, std::size_t column, float* buffer) const noexcept {
    return first.row_pointer(row, column, buffer);
  }
  template <class Arch>
  void commit(std::size_t row, std::size_t column, std::size_t count, const float* values) const noexcept {
    VLMT_DASSERT(count <= sink_chunk);
    first.template commit<Arch>(row, column, count, values);
    alignas(64) float buffer[sink_chunk];
    float* at = second.row_pointer(row, column, buffer);
    if (at == buffer) {
      second.template commit<Arch>(row, column, count, values);
    } else {
      std::copy_n(values, count, at);
      second.template commit<Arch>(row, column, count, at);
    }
  }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    ::vlmt::assert_fits(call, first, rows, columns, run);
    ::vlmt::assert_fits(call, second, rows, columns, run);
  }
};
static_assert(RowSink<TeeRows<F32Rows, F32Rows>>);

/// Rows of a sink from `first` on: row r is row first + r of `sink`.
template <RowSink Sink>
struct RowOffsetSink {
  Sink sink;
  std::size_t first = 0;

  float* row_pointer(std::size_t row, std::size_t column, float* buffer) const noexcept {
    return sink.row_pointer(first + row, column, buffer);
  }
  template <class Arch>
  void commit(std::size_t row, std::size_t column, std::size_t count, const float* values) const noexcept {
    sink.template commit<Arch>(first + row, column, count, values);
  }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    ::vlmt::assert_fits(call, sink, first + rows, columns, run);
  }
  /// See WithLogSums in kernel/log_sums.hpp.
  float* log_sums(std::size_t row) const noexcept
    requires requires(const Sink& s) { s.log_sums(row); }
  {
    return sink.log_sums(first + row);
  }
};
static_assert(RowSink<RowOffsetSink<F32Rows>>);

VLMT_END_NAMESPACE
