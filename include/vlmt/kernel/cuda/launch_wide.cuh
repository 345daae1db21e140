// The choice of a kernel for products of many rows, by their shape.
#pragma once

#include <cstddef>
#include <initializer_list>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/launch.cuh"
#include "vlmt/kernel/cuda/product_warpgroup.cuh"
#include "vlmt/kernel/cuda/product_wide.cuh"
#include "vlmt/kernel/cuda/row_forms.cuh"
#include "vlmt/kernel/cuda/weights.cuh"
#include "vlmt/kernel/cuda/wide_outputs.cuh"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Whether the kernels here compute rows times w.
inline bool takes_wide(const Rows& rows, const Matrix& w) noexcept {
  return rows.b != nullptr && in_wide(w);
}

template <class Shape, bool Paired, class Output>
void launch_wide_shape(const WideProduct& p, const Output& output, cudaStream_t stream) {
  const std::size_t block_cols = Paired ? Shape::cols / 2 : Shape::cols;
  const dim3 grid(static_cast<unsigned>((p.w[0].rows + block_cols - 1) / block_cols),
                  (p.rows + Shape::rows - 1) / Shape::rows);
  launch<wide_product_kernel<Shape, Paired, Output>>(grid, wide_product_threads, Shape::shared, stream, p, output);
}

/// Launches the product of rows in bfloat16 and a matrix, or a pair of one shape.
template <bool Paired, class Output>
void launch_wide_product(const Rows& rows, std::initializer_list<const Matrix*> matrices, const Output& output,
                         cudaStream_t stream) {
  if (rows.n == 0) return;
  WideProduct p;
  p.b = rows.b;
  p.rows = static_cast<unsigned>(rows.n);
  p.cols = static_cast<unsigned>(rows.cols);
  unsigned m = 0;
  for (const Matrix* w : matrices) {
    VLMT_ASSERT_EQ("product", w->cols, rows.cols);
    p.tile_bytes[m] = tile_bytes(w->type_id);
    p.w[m++] = *w;
  }
  const std::size_t outputs = p.w[0].rows * (Paired ? 2 : 1);
  const std::size_t large =
      (outputs + WideLarge::cols - 1) / WideLarge::cols * ((rows.n + WideLarge::rows - 1) / WideLarge::rows);
  if (rows.n > 128 && large * 4 >= multiprocessors() * 3) {
    launch_warpgroup_product<Paired>(p, output, stream);
  } else if (rows.n > 64) {
    launch_wide_shape<WideMiddle, Paired>(p, output, stream);
  } else {
    launch_wide_shape<WideSmall, Paired>(p, output, stream);
  }
}

}  // namespace cuda

VLMT_END_NAMESPACE
