// Transposed copies of float matrices.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// out[c * out_stride + r] = in[r * in_stride + c] for r < rows and c < cols. Squares of a register's width are
/// transposed in registers if the arch can: element stores would each touch another cache line.
template <class Arch>
void transpose(const float* in, std::size_t in_stride, std::size_t rows, std::size_t cols, float* out,
               std::size_t out_stride) noexcept {
  using F = simd::Floats<Arch>;
  constexpr std::size_t side = F::lanes;
  std::size_t square_rows = 0, square_cols = 0;
  if constexpr (simd::transposes_v<Arch>) {
    square_rows = rows / side * side;
    square_cols = cols / side * side;
    for (std::size_t r = 0; r < square_rows; r += side) {
      for (std::size_t c = 0; c < square_cols; c += side) {
        F x[side];
        VLMT_UNROLL
        for (std::size_t i = 0; i < side; ++i) x[i] = F::load(in + (r + i) * in_stride + c);
        transpose(x);
        VLMT_UNROLL
        for (std::size_t i = 0; i < side; ++i) x[i].store(out + (c + i) * out_stride + r);
      }
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = r < square_rows ? square_cols : 0; c < cols; ++c) {
      out[c * out_stride + r] = in[r * in_stride + c];
    }
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
