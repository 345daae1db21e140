// Row sinks: where a kernel that makes rows of activations puts them. The form of the rows is a type, so that a norm
// that also quantises is one fused kernel.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/reference.hpp"

VLMT_BEGIN_NAMESPACE

/// The 32 columns of each row that an epilogue or a sink is about to write.
struct TileTarget {
  const void* first = nullptr;  ///< of the first row
  std::size_t stride = 0;       ///< bytes from row to row
  std::size_t bytes = 0;        ///< of a row; 0 if nobody knows

  const std::byte* row(std::size_t r) const noexcept { return static_cast<const std::byte*>(first) + r * stride; }
};

/// What a sink or an epilogue tells of the memory that it writes: nothing if it has no member target(row, col).
template <class Writer>
TileTarget target_of(const Writer& writer, std::size_t row, std::size_t column) noexcept {
  if constexpr (requires { writer.target(row, column); }) {
    return writer.target(row, column);
  } else {
    return {};
  }
}

/// The most values that a kernel commits to a sink at once; chunks of a row start at multiples of it.
inline constexpr std::size_t sink_chunk = 256;

/// A kernel asks `place` where to write `count` float values of (row, column), given a buffer of its own for sinks that
/// hold no floats, writes them there, and calls `commit` with the same pointer. A chunk is written by one member. A
/// sink may have a member target(row, column): a matmul then asks for that memory before it has what is written there.
template <class S>
concept RowSink = requires(const S& sink, float* values, const float* written) {
  { sink.place(std::size_t{}, std::size_t{}, values) }
  noexcept->std::same_as<float*>;
  { sink.template commit<arch::reference>(std::size_t{}, std::size_t{}, std::size_t{}, written) }
  noexcept;
};

/// Rows of floats: data[row * stride + column].
struct F32Rows {
  float* data = nullptr;
  std::size_t stride = 0;

  float* place(std::size_t row, std::size_t column, float*) const noexcept { return data + row * stride + column; }
  template <class Arch>
  void commit(std::size_t, std::size_t, std::size_t, const float*) const noexcept {}
  TileTarget target(std::size_t row, std::size_t column) const noexcept {
    return {data + row * stride + column, stride * sizeof(float), 32 * sizeof(float)};
  }
};
static_assert(RowSink<F32Rows>);

/// The same rows in two forms; the first decides where the floats stand.
template <RowSink First, RowSink Second>
struct BothRows {
  First first;
  Second second;

  float* place(std::size_t row, std::size_t column, float* buffer) const noexcept {
    return first.place(row, column, buffer);
  }
  template <class Arch>
  void commit(std::size_t row, std::size_t column, std::size_t count, const float* values) const noexcept {
    first.template commit<Arch>(row, column, count, values);
    alignas(64) float buffer[sink_chunk];
    float* at = second.place(row, column, buffer);
    if (at == buffer) {
      second.template commit<Arch>(row, column, count, values);
    } else {
      std::copy_n(values, count, at);
      second.template commit<Arch>(row, column, count, at);
    }
  }
};
static_assert(RowSink<BothRows<F32Rows, F32Rows>>);

/// The rows of a sink from `first` on.
template <RowSink Sink>
struct RowsFrom {
  Sink sink;
  std::size_t first = 0;

  float* place(std::size_t row, std::size_t column, float* buffer) const noexcept {
    return sink.place(first + row, column, buffer);
  }
  template <class Arch>
  void commit(std::size_t row, std::size_t column, std::size_t count, const float* values) const noexcept {
    sink.template commit<Arch>(first + row, column, count, values);
  }
};
static_assert(RowSink<RowsFrom<F32Rows>>);

VLMT_END_NAMESPACE
