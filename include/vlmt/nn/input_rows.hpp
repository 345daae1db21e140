// The rows that matrices read, in the forms which those matrices want: floats, eight-bit groups, bfloat16, or two of
// them.
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
#include "vlmt/nn/numerics.hpp"

VLMT_BEGIN_NAMESPACE

/// Which forms some matrices read; of groups and halves one at the most.
struct RowForms {
  bool floats = false;
  bool groups = false;  ///< of eight bits
  bool halves = false;  ///< bfloat16, for products in tiles
};

/// Products of so many rows are worth the expansion of weights to bfloat16; fewer take bytes.
inline constexpr std::size_t least_tile_rows = 24;

/// What matrices with these leaves read under the given numerics where `rows` rows of `cols` values meet each of them.
template <class Arch>
RowForms forms_of(Numerics numerics, std::size_t rows, std::size_t cols,
                  std::initializer_list<const MatmulLeaves*> matrices) noexcept {
  RowForms forms;
  const bool fast = numerics == Numerics::fast;
  const bool tiles =
      arch::rounds_to_bf16_v<Arch> && fast && rows >= least_tile_rows && cols % cpu::bf16_unit_values == 0;
  for (const MatmulLeaves* leaves : matrices) {
    if (tiles && leaves->bf16_form.expand != nullptr) {
      forms.halves = true;
    } else if (fast && leaves->int8_form.one != nullptr) {
      forms.groups = true;
    } else {
      forms.floats = true;
    }
  }
  return forms;
}

/// Values from the end of a row of bfloat16 to the next, a cache line: lengths are powers of two as a rule, and the
/// rows of a tile would share one set of the cache.
inline constexpr std::size_t halves_apart = 32;

/// Memory for up to `rows` rows of up to `cols` values in every form.
struct InputRows {
  float* x = nullptr;
  QuantizedRows q;        ///< its stride is set for each use
  bfloat16* b = nullptr;  ///< null without tiles

  template <class Arch>
  static InputRows take(Carver& carver, std::size_t rows, std::size_t cols) {
    const std::size_t padded = round_up(cols, Int8Group::values);
    InputRows input;
    input.x = carver.take<float>(rows * padded);
    input.q.groups = carver.take<Int8Group>(QuantizedRows::count(rows, padded));
    if constexpr (arch::rounds_to_bf16_v<Arch>) input.b = carver.take<bfloat16>(rows * (padded + halves_apart));
    return input;
  }

  /// With corrections of what rounding loses: for rows out of a norm, whose weights make outliers.
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
  Bf16Rows halves(std::size_t cols) const noexcept { return {b, cols + halves_apart}; }

  /// Calls f with the sink that writes rows of `cols` values in the given forms.
  template <class Arch, class F>
  void write(std::size_t cols, RowForms forms, F&& f) const {
    VLMT_DASSERT(!forms.groups || !forms.halves);
    const F32Rows floats{x, cols};
    if constexpr (arch::rounds_to_bf16_v<Arch>) {
      if (forms.halves) {
        if (forms.floats) return f(BothRows<F32Rows, Bf16Rows>{floats, halves(cols)});
        return f(halves(cols));
      }
    }
    if (forms.floats && forms.groups) return f(BothRows<F32Rows, QuantizedRows>{floats, quantized(cols)});
    if (forms.groups) return f(quantized(cols));
    f(floats);
  }
};

VLMT_END_NAMESPACE
