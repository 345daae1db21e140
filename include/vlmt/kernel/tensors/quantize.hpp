// Quantises rows of tensors to int8, the form of activations of the fast matrix products.
#pragma once

#include <cstddef>
#include <string>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

/// Rows (n, cols) of int8 groups with a scale for each 32 values, and their memory. It only moves.
class QuantizedTensor {
 public:
  QuantizedTensor() = default;
  /// Asserts that cols is a multiple of 32. Throws LimitError if the size overflows or memory is short.
  QuantizedTensor(std::size_t n, std::size_t cols) : n_(n), cols_(cols) {
    VLMT_ASSERT_MULTIPLE("QuantizedTensor", cols, Int8Group::values);
    const auto groups = checked_mul(n, QuantizedRows::row_groups(cols));
    const auto bytes = groups ? checked_mul(*groups, sizeof(Int8Group)) : groups;
    if (!bytes) throw_error(LimitError("a quantised tensor of " + std::to_string(n) + " rows has no size"));
    memory_ = Buffer(*bytes);
  }

  std::size_t n() const noexcept { return n_; }
  std::size_t cols() const noexcept { return cols_; }
  /// What the raw kernels take.
  QuantizedRows rows() const noexcept {
    return {reinterpret_cast<Int8Group*>(memory_.data()), QuantizedRows::row_groups(cols_)};
  }
  Activations activations() const noexcept { return {nullptr, 0, rows(), n_, cols_}; }

 private:
  std::size_t n_ = 0;
  std::size_t cols_ = 0;
  Buffer memory_;
};

/// out = x (n, cols), quantised; out has its size. Rows are split across the team.
template <class Arch = arch::native, TensorArgument X, TensorPlace... Places>
void quantize_rows(const X& x, QuantizedTensor& out, Places&... places) {
  const auto in = detail::float_input<2>("quantize_rows", "x", x);
  detail::assert_sizes("quantize_rows", "x", in, out.n(), out.cols());
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) { return detail::take_row_buffers(carver, members, in); },
      [&](Member& m, float* buffers) {
        const QuantizedRows rows = out.rows();
        Solo solo;
        detail::for_own_rows<Arch>(in, buffers, m, [&](std::size_t r, const float* row) {
          quantize_rows<Arch>(row, 1, in.extent(1), in.extent(1), {rows.groups + r * rows.stride, rows.stride},
                              solo.member());
        });
      },
      places...);
}

VLMT_END_NAMESPACE
