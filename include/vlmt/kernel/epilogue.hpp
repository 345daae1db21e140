// Epilogues: functors applied to each tile of a matrix product to store it. They are templates over Arch only, so one
// instance serves all weight formats.
//
// A driver calls ep(row, col, n, values) for each row of a tile: columns [col, col + n), where col is a multiple of 32
// and n <= 32; all 32 values may be read. A custom epilogue needs only this operator; `for_columns` writes its loop. If
// it also has a member target(row, col), the driver prefetches the memory that it names while it computes the tile. A
// member assert_fits(call, rows, columns, run), called once per product, may check that it has room (row_sink.hpp).
#pragma once

#include <cmath>
#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/activation.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/row_sink.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// One float with the operations of simd::Floats, for arch::reference.
struct Lane {
  static constexpr std::size_t lanes = 1;
  float v;
  Lane() = default;
  Lane(float value) noexcept : v(value) {}
  static Lane load(const float* p) noexcept { return {*p}; }
  static Lane load(const float* p, std::size_t) noexcept { return {*p}; }
  void store(float* p) const noexcept { *p = v; }
  void store(float* p, std::size_t) const noexcept { *p = v; }
  friend Lane operator+(Lane a, Lane b) noexcept { return {a.v + b.v}; }
  friend Lane operator-(Lane a, Lane b) noexcept { return {a.v - b.v}; }
  friend Lane operator*(Lane a, Lane b) noexcept { return {a.v * b.v}; }
  friend Lane operator/(Lane a, Lane b) noexcept { return {a.v / b.v}; }
  friend Lane operator-(Lane a) noexcept { return {-a.v}; }
  friend Lane fma(Lane a, Lane b, Lane c) noexcept { return {std::fma(a.v, b.v, c.v)}; }
};

template <class Arch>
struct ColumnVector {
  using type = simd::Floats<Arch>;
};
template <class Arch>
requires is_reference_v<Arch>
struct ColumnVector<Arch> {
  using type = Lane;
};

}  // namespace detail

/// Vector type of epilogues: simd::Floats<Arch>, or a wrapper around one float for arch::reference.
template <class Arch>
using ColumnVector = typename detail::ColumnVector<Arch>::type;

/// out[i] = f(load) for i in [0, n), a ColumnVector<Arch> at a time, then the tail. load(p) loads p + i; in the tail,
/// only the valid lanes.
template <class Arch, class F>
VLMT_INLINE void for_columns(std::size_t n, float* out, F&& f) noexcept {
  using V = ColumnVector<Arch>;
  std::size_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes)
    f([&](const float* p) VLMT_INLINE_LAMBDA { return V::load(p + i); }).store(out + i);
  if (i < n) {
    const std::size_t rest = n - i;
    f([&](const float* p) VLMT_INLINE_LAMBDA { return V::load(p + i, rest); }).store(out + i, rest);
  }
}

namespace detail {

/// Applies Act, a type with the members of those in kernel/activation.hpp, to a column vector.
template <class Arch, class Act>
VLMT_INLINE vlmt::ColumnVector<Arch> activate(vlmt::ColumnVector<Arch> x) noexcept {
  if constexpr (is_reference_v<Arch>) {
    return {static_cast<float>(Act::apply(static_cast<double>(x.v)))};
  } else {
    return Act::apply(x);
  }
}

}  // namespace detail

namespace detail {

/// PrefetchTarget of rows of floats.
inline PrefetchTarget float_target(float* y, std::size_t stride, std::size_t row, std::size_t col) noexcept {
  return F32Rows{y, stride}.target(row, col);
}

}  // namespace detail

/// y[row, col] = value.
template <class Arch>
struct Store {
  float* y = nullptr;
  std::size_t stride = 0;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    for_columns<Arch>(n, y + row * stride + col, [&](auto load) VLMT_INLINE_LAMBDA { return load(v); });
  }
  PrefetchTarget target(std::size_t row, std::size_t col) const noexcept {
    return detail::float_target(y, stride, row, col);
  }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    F32Rows{y, stride}.assert_fits(call, rows, columns, run);
  }
};

/// y[row, col] += value: the residual stream.
template <class Arch>
struct AddTo {
  float* y = nullptr;
  std::size_t stride = 0;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    float* out = y + row * stride + col;
    for_columns<Arch>(n, out, [&](auto load) VLMT_INLINE_LAMBDA { return load(out) + load(v); });
  }
  PrefetchTarget target(std::size_t row, std::size_t col) const noexcept {
    return detail::float_target(y, stride, row, col);
  }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    F32Rows{y, stride}.assert_fits(call, rows, columns, run);
  }
};

/// y[row, col] = activation(value + bias[col]).
template <class Arch, class Act = Identity>
struct BiasStore {
  float* y = nullptr;
  std::size_t stride = 0;
  const float* bias = nullptr;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    for_columns<Arch>(n, y + row * stride + col, [&](auto load) VLMT_INLINE_LAMBDA {
      return detail::activate<Arch, Act>(load(v) + load(bias + col));
    });
  }
  PrefetchTarget target(std::size_t row, std::size_t col) const noexcept {
    return detail::float_target(y, stride, row, col);
  }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    VLMT_ASSERT_SET(call, bias);
    F32Rows{y, stride}.assert_fits(call, rows, columns, run);
  }
};

/// y[row, col] += value + bias[col].
template <class Arch>
struct BiasAddTo {
  float* y = nullptr;
  std::size_t stride = 0;
  const float* bias = nullptr;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    float* out = y + row * stride + col;
    for_columns<Arch>(n, out, [&](auto load) VLMT_INLINE_LAMBDA { return load(out) + (load(v) + load(bias + col)); });
  }
  PrefetchTarget target(std::size_t row, std::size_t col) const noexcept {
    return detail::float_target(y, stride, row, col);
  }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    VLMT_ASSERT_SET(call, bias);
    F32Rows{y, stride}.assert_fits(call, rows, columns, run);
  }
};

/// Epilogue of a pair of products: sink(row, col) = activation(gate) * up. The sink is a
/// RowSink: F32Rows, QuantizedRows (the columns of the matrices must then be a multiple of 32), or both (TeeRows).
template <class Arch, RowSink Sink, class Act = Silu>
struct GatedStore {
  Sink sink;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* gate,
                              const float* up) const noexcept {
    alignas(64) float buffer[sink_chunk];
    float* out = sink.row_pointer(row, col, buffer);
    for_columns<Arch>(n, out,
                      [&](auto load) VLMT_INLINE_LAMBDA { return detail::activate<Arch, Act>(load(gate)) * load(up); });
    sink.template commit<Arch>(row, col, n, out);
  }
  PrefetchTarget target(std::size_t row, std::size_t col) const noexcept { return target_of(sink, row, col); }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    ::vlmt::assert_fits(call, sink, rows, columns, run);
  }
};

/// sink(row, col) = activation(value + bias[col]); bias may be null. For a linear layer whose output is the
/// input of the next matmul.
template <class Arch, RowSink Sink, class Act = Identity>
struct SinkStore {
  Sink sink;
  const float* bias = nullptr;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    alignas(64) float buffer[sink_chunk];
    float* out = sink.row_pointer(row, col, buffer);
    for_columns<Arch>(n, out, [&](auto load) VLMT_INLINE_LAMBDA {
      return detail::activate<Arch, Act>(bias != nullptr ? load(v) + load(bias + col) : load(v));
    });
    sink.template commit<Arch>(row, col, n, out);
  }
  PrefetchTarget target(std::size_t row, std::size_t col) const noexcept { return target_of(sink, row, col); }
  void assert_fits(const char* call, std::size_t rows, std::size_t columns, std::size_t run) const {
    ::vlmt::assert_fits(call, sink, rows, columns, run);
  }
};

VLMT_END_NAMESPACE
