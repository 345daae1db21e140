// The rows that matrices read, in the forms which those matrices want: floats, eight-bit groups, or both.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/nn/numerics.hpp"

VLMT_BEGIN_NAMESPACE

/// Which forms some matrices read.
struct RowForms {
  bool floats = false;
  bool groups = false;  ///< of eight bits

  friend RowForms operator|(RowForms a, RowForms b) noexcept { return {a.floats || b.floats, a.groups || b.groups}; }
};

/// What matrices with these leaves read under the given numerics.
inline RowForms forms_of(Numerics numerics, std::initializer_list<const MatmulLeaves*> matrices) noexcept {
  RowForms forms;
  for (const MatmulLeaves* leaves : matrices) {
    (numerics == Numerics::fast && leaves->int8_form.one != nullptr ? forms.groups : forms.floats) = true;
  }
  return forms;
}

/// Memory for up to `rows` rows of up to `cols` values in both forms.
struct InputRows {
  float* x = nullptr;
  QuantizedRows q;  ///< its stride is set for each use

  static InputRows take(Carver& carver, std::size_t rows, std::size_t cols) {
    const std::size_t padded = round_up(cols, Int8Group::values);
    InputRows input{carver.take<float>(rows * padded), {}};
    input.q.groups = carver.take<Int8Group>(QuantizedRows::count(rows, padded));
    return input;
  }

  /// With corrections of what rounding loses: for rows out of a norm, whose weights make outliers.
  static InputRows take_corrected(Carver& carver, std::size_t rows, std::size_t cols) {
    InputRows input = take(carver, rows, cols);
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
    return a;
  }

  /// The eight-bit form of rows of `cols` values.
  QuantizedRows quantized(std::size_t cols) const noexcept {
    QuantizedRows groups = q;
    groups.stride = QuantizedRows::row_groups(cols);
    return groups;
  }

  /// Calls f with the sink that writes rows of `cols` values in the given forms.
  template <class F>
  void write(std::size_t cols, RowForms forms, F&& f) const {
    const F32Rows floats{x, cols};
    const QuantizedRows groups = quantized(cols);
    if (forms.floats && forms.groups) {
      f(BothRows<F32Rows, QuantizedRows>{floats, groups});
    } else if (forms.groups) {
      f(groups);
    } else {
      f(floats);
    }
  }
};

VLMT_END_NAMESPACE
