// Row sinks: destinations of kernels that produce rows of activations. The form of the rows is a type, so a norm that
// also quantises is one fused kernel.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>

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

/// Maximum values that a kernel commits to a sink at once. Norms and activations cut rows at multiples of it, matmul
/// epilogues at multiples of 32; attention starts a chunk at every head.
inline constexpr std::size_t sink_chunk = 256;

/// A kernel calls row_pointer(row, column, buffer) for the address of a chunk of floats, writes them there and calls
/// commit(row, column, count, address). `buffer` is the kernel's, for sinks that hold no floats. One member writes a
/// chunk. A sink may have a member target(row, column): a matmul then prefetches that memory while it computes the
/// tile.
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
};
static_assert(RowSink<F32Rows>);

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
};
static_assert(RowSink<RowOffsetSink<F32Rows>>);

VLMT_END_NAMESPACE
