// Activation rows as input of matmuls, in the forms that the weights take: float32, int8 groups, bfloat16, or float32
// together with one of the others.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/op/numerics.hpp"

VLMT_BEGIN_NAMESPACE

/// Forms of activations that a set of matrices reads. `groups` and `halves` are never both set.
struct RowForms {
  bool floats = false;
  bool groups = false;  ///< int8, in groups of 32
  bool halves = false;  ///< bfloat16, for matmuls in tiles
};

/// Minimum rows at which expanding weights to bfloat16 pays off; fewer rows use int8.
inline constexpr std::size_t min_tile_rows = 24;

/// Forms that matrices with these leaves read when each multiplies `rows` rows of `cols` values. Null is a
/// reader of floats.
template <class Arch>
RowForms activation_forms(Numerics numerics, std::size_t rows, std::size_t cols,
                          std::initializer_list<const MatmulLeaves*> matrices) noexcept {
  RowForms forms;
  const bool fast = numerics == Numerics::fast;
  const bool tiles = arch::rounds_to_bf16_v<Arch> && fast && rows >= min_tile_rows && cols % cpu::bf16_unit_values == 0;
  for (const MatmulLeaves* leaves : matrices) {
    if (leaves == nullptr) {
      forms.floats = true;
    } else if (tiles && leaves->bf16_form.expand != nullptr) {
      forms.halves = true;
    } else if (fast && leaves->int8_form.one != nullptr) {
      forms.groups = true;
    } else {
      forms.floats = true;
    }
  }
  return forms;
}

/// Padding in values (one cache line) between bfloat16 rows. Row lengths are mostly powers of two: without padding the
/// rows of a tile would map to the same cache set.
inline constexpr std::size_t bf16_row_padding = 32;

/// Memory for up to `rows` rows of up to `cols` values in every form.
struct InputRows {
  float* x = nullptr;
  QuantizedRows q;        ///< stride is set per use, by quantized()
  bfloat16* b = nullptr;  ///< null on archs without bfloat16 tiles

  template <class Arch>
  static InputRows take(Carver& carver, std::size_t rows, std::size_t cols) {
    const std::size_t padded = round_up(cols, Int8Group::values);
    InputRows input;
    input.x = carver.take<float>(rows * padded);
    input.q.groups = carver.take<Int8Group>(QuantizedRows::count(rows, padded));
    if constexpr (arch::rounds_to_bf16_v<Arch>) input.b = carver.take<bfloat16>(rows * (padded + bf16_row_padding));
    return input;
  }

  /// As take(), with corrections of the int8 rounding error. Use it for outputs of norms, whose weights make outliers.
  template <class Arch>
  static InputRows take_corrected(Carver& carver, std::size_t rows, std::size_t cols) {
    InputRows input = take<Arch>(carver, rows, cols);
    const std::size_t groups = QuantizedRows::count(rows, round_up(cols, Int8Group::values));
    input.q.corrections = carver.take<Int8Group>(groups);
    input.q.corrected = carver.take<std::uint8_t>(groups);
    return input;
  }

  /// n rows of `cols` values in the given forms, for a matmul.
  Activations rows(std::size_t n, std::size_t cols, RowForms forms) const noexcept {
    Activations a;
    a.rows = n;
    a.cols = cols;
    a.stride = cols;
    if (forms.floats) a.x = x;
    if (forms.groups) a.q = quantized(cols);
    if (forms.halves) a.b = halves(cols);
    return a;
  }

  /// The eight-bit form of rows of `cols` values.
  QuantizedRows quantized(std::size_t cols) const noexcept {
    QuantizedRows groups = q;
    groups.stride = QuantizedRows::row_groups(cols);
    return groups;
  }
  /// Rows of `cols` values in bfloat16.
  Bf16Rows halves(std::size_t cols) const noexcept { return {b, cols + bf16_row_padding}; }

  /// Calls f with the sink that writes rows of `cols` values in the given forms.
  template <class Arch, class F>
  void write(std::size_t cols, RowForms forms, F&& f) const {
    VLMT_DASSERT(!forms.groups || !forms.halves);
    const F32Rows floats{x, cols};
    if constexpr (arch::rounds_to_bf16_v<Arch>) {
      if (forms.halves) {
        if (forms.floats) return f(TeeRows<F32Rows, Bf16Rows>{floats, halves(cols)});
        return f(halves(cols));
      }
    }
    if (forms.floats && forms.groups) return f(TeeRows<F32Rows, QuantizedRows>{floats, quantized(cols)});
    if (forms.groups) return f(quantized(cols));
    f(floats);
  }
};

VLMT_END_NAMESPACE
