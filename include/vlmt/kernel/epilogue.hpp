// What happens to a tile of a matrix product before it is stored. Functors over (row, column, count, values), templated
// on Arch only: they are compiled once for all weight formats.
//
// A driver calls ep(row, col, n, values) for each row of a tile: n <= 32 columns from col on, a multiple of 32; 32
// values may be read. A functor of the user's own needs nothing else; `for_columns` writes its loop. With a member
// target(row, col) the driver asks for the memory that is written while it computes the tile.
#pragma once

#include <cmath>
#include <cstddef>

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

/// The vector type of epilogues: simd::Floats<Arch>, or one scalar for arch::reference.
template <class Arch>
using ColumnVector = typename detail::ColumnVector<Arch>::type;

/// out[i] = f(v(values + i), i) for i in [0, n): vectors of ColumnVector<Arch>, then what is left.
/// f(load, i) gets load(p), which loads the lanes of p + i that are valid.
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

/// No activation.
struct Identity {
  static double reference(double x) noexcept { return x; }
  template <class Arch>
  static VLMT_INLINE simd::Floats<Arch> apply(simd::Floats<Arch> x) noexcept {
    return x;
  }
};

namespace detail {

/// Act on a column vector: one of kernel/activation.hpp, or a type of the user's with the same members.
template <class Arch, class Act>
VLMT_INLINE vlmt::ColumnVector<Arch> activate(vlmt::ColumnVector<Arch> x) noexcept {
  if constexpr (is_reference_v<Arch>) {
    return {static_cast<float>(Act::reference(static_cast<double>(x.v)))};
  } else {
    return Act::template apply<Arch>(x);
  }
}

}  // namespace detail

namespace detail {

/// Rows of floats as a target.
inline TileTarget float_target(float* y, std::size_t stride, std::size_t row, std::size_t col) noexcept {
  return F32Rows{y, stride}.target(row, col);
}

}  // namespace detail

/// y[row, col] = value * scale.
template <class Arch>
struct Store {
  float* y = nullptr;
  std::size_t stride = 0;
  float scale = 1.0f;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    using V = ColumnVector<Arch>;
    for_columns<Arch>(n, y + row * stride + col, [&](auto load) VLMT_INLINE_LAMBDA { return load(v) * V(scale); });
  }
  TileTarget target(std::size_t row, std::size_t col) const noexcept {
    return detail::float_target(y, stride, row, col);
  }
};

/// y[row, col] += value * scale: the residual stream.
template <class Arch>
struct AddTo {
  float* y = nullptr;
  std::size_t stride = 0;
  float scale = 1.0f;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    using V = ColumnVector<Arch>;
    float* out = y + row * stride + col;
    for_columns<Arch>(n, out, [&](auto load) VLMT_INLINE_LAMBDA { return fma(load(v), V(scale), load(out)); });
  }
  TileTarget target(std::size_t row, std::size_t col) const noexcept {
    return detail::float_target(y, stride, row, col);
  }
};

/// y[row, col] = activation(value * scale + bias[col]).
template <class Arch, class Act = Identity>
struct BiasStore {
  float* y = nullptr;
  std::size_t stride = 0;
  const float* bias = nullptr;
  float scale = 1.0f;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    using V = ColumnVector<Arch>;
    for_columns<Arch>(n, y + row * stride + col, [&](auto load) VLMT_INLINE_LAMBDA {
      return detail::activate<Arch, Act>(fma(load(v), V(scale), load(bias + col)));
    });
  }
  TileTarget target(std::size_t row, std::size_t col) const noexcept {
    return detail::float_target(y, stride, row, col);
  }
};

/// y[row, col] += value * scale + bias[col].
template <class Arch>
struct BiasAddTo {
  float* y = nullptr;
  std::size_t stride = 0;
  const float* bias = nullptr;
  float scale = 1.0f;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    using V = ColumnVector<Arch>;
    float* out = y + row * stride + col;
    for_columns<Arch>(
        n, out, [&](auto load) VLMT_INLINE_LAMBDA { return load(out) + fma(load(v), V(scale), load(bias + col)); });
  }
  TileTarget target(std::size_t row, std::size_t col) const noexcept {
    return detail::float_target(y, stride, row, col);
  }
};

/// Pair epilogue: sink(row, col) = activation(gate * gate_scale) * (up * up_scale). The sink is a RowSink: F32Rows, or
/// QuantizedRows (then the columns of the matrices must be a multiple of 32), or both.
template <class Arch, RowSink Sink, class Act = Silu>
struct GatedStore {
  Sink sink;
  float gate_scale = 1.0f;
  float up_scale = 1.0f;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* gate,
                              const float* up) const noexcept {
    using V = ColumnVector<Arch>;
    alignas(64) float buffer[sink_chunk];
    float* out = sink.place(row, col, buffer);
    for_columns<Arch>(n, out, [&](auto load) VLMT_INLINE_LAMBDA {
      return detail::activate<Arch, Act>(load(gate) * V(gate_scale)) * (load(up) * V(up_scale));
    });
    sink.template commit<Arch>(row, col, n, out);
  }
  TileTarget target(std::size_t row, std::size_t col) const noexcept { return target_of(sink, row, col); }
};

/// sink(row, col) = activation(value * scale + bias[col]), bias may be null: a linear layer whose output is read by the
/// next matmul.
template <class Arch, RowSink Sink, class Act = Identity>
struct SinkStore {
  Sink sink;
  const float* bias = nullptr;
  float scale = 1.0f;

  VLMT_INLINE void operator()(std::size_t row, std::size_t col, std::size_t n, const float* v) const noexcept {
    using V = ColumnVector<Arch>;
    alignas(64) float buffer[sink_chunk];
    float* out = sink.place(row, col, buffer);
    for_columns<Arch>(n, out, [&](auto load) VLMT_INLINE_LAMBDA {
      return detail::activate<Arch, Act>(bias != nullptr ? fma(load(v), V(scale), load(bias + col))
                                                         : load(v) * V(scale));
    });
    sink.template commit<Arch>(row, col, n, out);
  }
  TileTarget target(std::size_t row, std::size_t col) const noexcept { return target_of(sink, row, col); }
};

VLMT_END_NAMESPACE
