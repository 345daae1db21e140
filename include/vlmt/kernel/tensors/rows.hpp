// Rows of tensors for kernels that read and write floats: in place where they are contiguous floats, else converted
// row by row.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// y (n) = n elements of x, `stride` apart, as floats.
template <class Arch, class T>
void load_elements(const T* x, std::size_t stride, std::size_t n, float* y) noexcept {
  std::size_t i = 0;
  if (stride == 1) {
    if constexpr (std::is_same_v<T, float>) {
      std::copy_n(x, n, y);
      return;
    } else if constexpr (!is_reference_v<Arch>) {
      using F = simd::Floats<Arch>;
      for (; i + F::lanes <= n; i += F::lanes) F::load(x + i).store(y + i);
    }
  }
  for (; i < n; ++i) y[i] = static_cast<float>(x[i * stride]);
}

/// n elements of y, `stride` apart, = x (n), rounded to nearest, ties to even.
template <class Arch, class T>
void store_elements(const float* x, std::size_t n, T* y, std::size_t stride) noexcept {
  std::size_t i = 0;
  if (stride == 1) {
    if constexpr (std::is_same_v<T, float>) {
      std::copy_n(x, n, y);
      return;
    } else if constexpr (!is_reference_v<Arch>) {
      using F = simd::Floats<Arch>;
      for (; i + F::lanes <= n; i += F::lanes) F::load(x + i).store(y + i);
    }
  }
  for (; i < n; ++i) y[i * stride] = T(x[i]);
}

/// True if a row of v is a run of floats.
template <class View>
bool has_float_rows(const View& v) noexcept {
  constexpr std::size_t last = View::rank() - 1;
  return std::is_same_v<std::remove_const_t<typename View::Elem>, float> &&
         (v.stride(last) == 1 || v.extent(last) <= 1);
}

/// Row r of x (rows, columns) as floats: in place, or converted into buffer (columns).
template <class Arch, class T>
const float* row_of_floats(const StridedView<const T, 2>& x, std::size_t r, float* buffer) noexcept {
  const T* row = x.data() + r * x.stride(0);
  if constexpr (std::is_same_v<T, float>) {
    if (has_float_rows(x)) return row;
  }
  load_elements<Arch>(row, x.stride(1), x.extent(1), buffer);
  return buffer;
}

/// Floats of a row as each member's scratch, so that two members share no cache line.
constexpr std::size_t member_floats(std::size_t n) noexcept {
  return round_up(n, buffer_alignment / sizeof(float));
}

/// A row of `columns` floats for each member; null if the rows of x are read in place.
template <class T>
float* take_row_buffers(Carver& carver, std::size_t members, const StridedView<T, 2>& x) {
  return has_float_rows(x) ? nullptr : carver.take<float>(members * member_floats(x.extent(1)));
}

/// Calls f(r, row as floats) for the rows of x of a member, given the buffers of take_row_buffers.
template <class Arch, class T, class F>
void for_own_rows(const StridedView<const T, 2>& x, float* buffers, Member& m, F&& f) {
  float* buffer = buffers == nullptr ? nullptr : buffers + m.rank() * member_floats(x.extent(1));
  const Range mine = m.share(x.extent(0));
  for (std::size_t r = mine.begin; r < mine.end; ++r) f(r, row_of_floats<Arch>(x, r, buffer));
}

/// A vector as floats: in place, or in scratch that `fill` writes.
template <class T>
struct VectorOfFloats {
  StridedView<const T, 1> v;
  float* copy = nullptr;

  static VectorOfFloats take(Carver& carver, const StridedView<const T, 1>& v) {
    return {v, has_float_rows(v) ? nullptr : carver.take<float>(v.extent(0))};
  }
  /// By one member, before a barrier.
  template <class Arch>
  void fill() const noexcept {
    if (copy != nullptr) load_elements<Arch>(v.data(), v.stride(0), v.extent(0), copy);
  }
  const float* data() const noexcept {
    if constexpr (std::is_same_v<T, float>) {
      if (copy == nullptr) return v.data();
    }
    return copy;
  }
};

}  // namespace detail

/// A RowSink over a tensor of any strides: column c of row r is element (r, c / part, c % part), for tensors (rows,
/// columns) with one part, and (rows, heads, head_dim). A kernel must not write across parts at once; attention starts
/// at every head.
template <class T>
struct TensorRows {
  T* data = nullptr;
  std::size_t row_stride = 0;
  std::size_t part_stride = 0;
  std::size_t stride = 0;
  std::size_t part = 1;  ///< columns per part

  static TensorRows of(const StridedView<T, 2>& v) noexcept {
    return {v.data(), v.stride(0), 0, v.stride(1), std::max<std::size_t>(v.extent(1), 1)};
  }
  static TensorRows of(const StridedView<T, 3>& v) noexcept {
    return {v.data(), v.stride(0), v.stride(1), v.stride(2), std::max<std::size_t>(v.extent(2), 1)};
  }

  T* at(std::size_t row, std::size_t column) const noexcept {
    return data + row * row_stride + column / part * part_stride + column % part * stride;
  }
  float* row_pointer(std::size_t row, std::size_t column, float* buffer) const noexcept {
    if constexpr (std::is_same_v<T, float>) {
      if (stride == 1) return at(row, column);
    }
    return buffer;
  }
  template <class Arch>
  void commit(std::size_t row, std::size_t column, std::size_t count, const float* values) const noexcept {
    if constexpr (std::is_same_v<T, float>) {
      if (stride == 1) return;  // written in place
    }
    detail::store_elements<Arch>(values, count, at(row, column), stride);
  }
};
static_assert(RowSink<TensorRows<float>>);

VLMT_END_NAMESPACE
