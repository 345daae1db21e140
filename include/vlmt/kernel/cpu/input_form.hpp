// Which form of activations a matrix product reads, and the checks of its operands.
#pragma once

#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/cpu/micro_expanded.hpp"
#include "vlmt/kernel/packed_matrix.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Form of activations that weights read.
enum class InputForm { floats, int8, bf16 };
template <class Arch>
InputForm input_form(const PackedMatrix<Arch>& w, const Activations& x) noexcept {
  if (w.leaves->bf16_form.expand != nullptr && x.b.data != nullptr) return InputForm::bf16;
  return w.takes_int8() && x.q.groups != nullptr ? InputForm::int8 : InputForm::floats;
}

/// Asserts that weights and activations fit each other and are there.
template <class Arch>
VLMT_NOINLINE void assert_operand([[maybe_unused]] const char* call, const PackedMatrix<Arch>& w,
                                  const Activations& x) {
  VLMT_ASSERT_SET(call, w.leaves);
  VLMT_ASSERT_EQ(call, x.cols, w.cols);
  VLMT_ASSERT_MULTIPLE(call, w.cols, w.leaves->block_values);
  if (x.rows == 0 || w.rows == 0) return;
  VLMT_ASSERT_LT(call, 0, w.cols);
  VLMT_ASSERT_SET(call, w.data);
  switch (input_form(w, x)) {
    case InputForm::bf16:
      VLMT_ASSERT_MULTIPLE(call, x.cols, bf16_unit_values);
      if (x.rows > 1) VLMT_ASSERT_LE(call, x.cols, x.b.stride);
      break;
    case InputForm::int8:
      if (x.rows > 1) VLMT_ASSERT_LE(call, QuantizedRows::row_groups(x.cols), x.q.stride);
      if (x.q.corrections != nullptr) VLMT_ASSERT_SET(call, x.q.corrected);
      break;
    case InputForm::floats:
      VLMT_ASSERT_SET(call, x.x);
      if (x.rows > 1) VLMT_ASSERT_LE(call, x.cols, x.stride);
      break;
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
