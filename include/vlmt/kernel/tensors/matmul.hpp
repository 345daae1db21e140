// Matrix products of tensors: y = x * w^T.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/tensors/matrix.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/quantize.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Rows that are converted at a time where a tensor is not rows of floats.
inline constexpr std::size_t converted_rows = 128;

/// True if y is rows of floats that a kernel may write, or a product read, at a constant stride.
template <class View>
bool is_float_matrix(const View& v) noexcept {
  return has_float_rows(v) && (v.extent(0) <= 1 || v.stride(0) >= v.extent(1));
}

/// y (n, w.rows) = products of n rows; multiply(first, count, epilogue) computes `count` of them from `first` on.
/// With `pieces` the rows are computed in pieces of converted_rows.
template <class Arch, class U, class Multiply>
void store_products(const StridedView<U, 2>& y, bool pieces, float* copy, Member& m, const Multiply& multiply) {
  const std::size_t n = y.extent(0), rows = y.extent(1), step = pieces ? converted_rows : std::max<std::size_t>(n, 1);
  for (std::size_t first = 0; first < n; first += step) {
    const std::size_t count = std::min(step, n - first);
    if (copy == nullptr) {
      if constexpr (std::is_same_v<U, float>) {
        multiply(first, count, Store<Arch>{y.data() + first * y.stride(0), std::max(y.stride(0), rows)});
      }
    } else {
      multiply(first, count, Store<Arch>{copy, rows});
      m.barrier();
      const Range mine = m.share(count);
      for (std::size_t r = mine.begin; r < mine.end; ++r) {
        store_elements<Arch>(copy + r * rows, rows, y.data() + (first + r) * y.stride(0), y.stride(1));
      }
    }
    if (pieces) m.barrier();  // the next piece overwrites the copies
  }
}

/// Plain formats have no int8 form.
template <class Arch>
void assert_takes_int8([[maybe_unused]] const PackedMatrix<Arch>& w) {
#if VLMT_ASSERTS
  VLMT_ASSERT_SET("matmul", w.leaves);
  if (w.takes_int8()) return;
  char text[128];
  std::snprintf(text, sizeof text, "matmul: w is of format %.*s, expected one with an int8 form",
                static_cast<int>(w.format().size()), w.format().data());
  assert_failed(text, __FILE__, __LINE__);
#endif
}

}  // namespace detail

/// y (n, w.rows) = x (n, w.cols) * w^T in the float form: weights are decoded to floats. x and y do not overlap. The
/// result depends neither on the team nor on the element type of y, but for its rounding.
template <class Arch, TensorArgument X, TensorArgument Y, TensorPlace... Places>
void matmul(const PackedMatrix<Arch>& w, const X& x, Y&& y, Places&... places) {
  const auto in = detail::float_input<2>("matmul", "x", x);
  const auto out = detail::float_output<2>("matmul", "y", y);
  detail::assert_sizes("matmul", "x", in, dynamic, w.cols);
  detail::assert_sizes("matmul", "y", out, in.extent(0), w.rows);
  if (out.count() == 0) return;
  const bool plain_x = detail::is_float_matrix(in), plain_y = detail::is_float_matrix(out);
  const bool pieces = !plain_x || !plain_y;
  struct Memory {
    float* x;
    float* y;
  };
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t) {
        const std::size_t rows = std::min(in.extent(0), detail::converted_rows);
        return Memory{plain_x ? nullptr : carver.take<float>(rows * w.cols),
                      plain_y ? nullptr : carver.take<float>(rows * w.rows)};
      },
      [&](Member& m, const Memory& memory) {
        detail::store_products<Arch>(
            out, pieces, memory.y, m, [&](std::size_t first, std::size_t count, const Store<Arch>& store) {
              if (plain_x) {
                if constexpr (std::is_same_v<typename decltype(in)::Elem, const float>) {
                  const Activations rows{
                      in.data() + first * in.stride(0), std::max(in.stride(0), w.cols), {}, count, w.cols};
                  matmul(w, rows, store, m);
                }
                return;
              }
              const Range mine = m.share(count);
              for (std::size_t r = mine.begin; r < mine.end; ++r) {
                detail::load_elements<Arch>(in.data() + (first + r) * in.stride(0), in.stride(1), w.cols,
                                            memory.x + r * w.cols);
              }
              m.barrier();
              matmul(w, float_rows(memory.x, count, w.cols), store, m);
            });
      },
      places...);
}

/// The same with activations in int8: faster for quantised weights. Asserts that the weights have kernels for it, as
/// all formats but the plain ones (F32, F16, BF16) have.
template <class Arch, TensorArgument Y, TensorPlace... Places>
void matmul(const PackedMatrix<Arch>& w, const QuantizedTensor& x, Y&& y, Places&... places) {
  const auto out = detail::float_output<2>("matmul", "y", y);
  VLMT_ASSERT_EQ("matmul", x.cols(), w.cols);
  detail::assert_takes_int8(w);
  detail::assert_sizes("matmul", "y", out, x.n(), w.rows);
  if (out.count() == 0) return;
  const bool plain = detail::is_float_matrix(out);
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t) {
        return plain ? nullptr : carver.take<float>(std::min(x.n(), detail::converted_rows) * w.rows);
      },
      [&](Member& m, float* copy) {
        detail::store_products<Arch>(
            out, !plain, copy, m, [&](std::size_t first, std::size_t count, const Store<Arch>& store) {
              const QuantizedRows rows = x.rows();
              matmul(w, Activations{nullptr, 0, {rows.groups + first * rows.stride, rows.stride}, count, w.cols}, store,
                     m);
            });
      },
      places...);
}

/// The same for a Matrix. x is a tensor or a QuantizedTensor.
template <QuantFormat Format, class A, TensorArgument X, TensorArgument Y, TensorPlace... Places>
void matmul(const Matrix<Format, Cpu<A>>& w, const X& x, Y&& y, Places&... places) {
  matmul(w.packed(), x, y, places...);
}

VLMT_END_NAMESPACE
