// The nouns of the CUDA backend, and which forms of activations a product reads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/attend_decode.cuh"
#include "vlmt/kernel/cuda/buffer.cuh"
#include "vlmt/kernel/cuda/kv_pages.cuh"
#include "vlmt/kernel/cuda/row_forms.cuh"
#include "vlmt/kernel/cuda/weights.cuh"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/numerics.hpp"

VLMT_BEGIN_NAMESPACE

template <>
struct BackendTypes<Cuda> {
  using Matrix = cuda::Matrix;
  using Experts = cuda::Experts;
  using RowBuffer = cuda::RowBuffer;
  using Rows = cuda::Rows;
  using AttendScratch = cuda::AttendScratch;
  using Sequences = cuda::Sequences;

  static constexpr std::size_t row_chunk = 4096;

  static RowBuffer take_rows(Carver& carver, std::size_t rows, std::size_t cols) {
    RowBuffer b;
    b.x = carver.take<float>(rows * cols);
    b.q = carver.take<std::int8_t>(rows * cols);
    b.scales = carver.take<cuda::GroupScale>(rows * ((cols + 31) / 32));
    b.b = carver.take<__nv_bfloat16>(rows * cols);
    return b;
  }
  static RowBuffer take_normed_rows(Carver& carver, std::size_t rows, std::size_t cols) {
    return take_rows(carver, rows, cols);
  }

  /// Under fast numerics, int8 for few rows and weights in tiles, bfloat16 for many rows; floats otherwise.
  template <class... Readers>
  static Rows rows(const RowBuffer& buffer, Numerics numerics, std::size_t n, std::size_t cols, std::size_t reader_rows,
                   const Readers&... readers) noexcept {
    Rows rows{buffer.x, n, cols};
    if (numerics != Numerics::fast || !cuda::runs_fast_kernels()) return rows;
    if (reader_rows <= cuda::max_int8_rows) {
      if (!(cuda::in_tiles(readers) || ...)) return rows;
      rows.floats = !(cuda::in_tiles(readers) && ...);
      rows.q = buffer.q;
      rows.scales = buffer.scales;
    } else if ((cuda::in_wide(readers) || ...)) {
      rows.floats = !(cuda::in_wide(readers) && ...);
      rows.b = buffer.b;
    }
    return rows;
  }
  static float* floats(const RowBuffer& buffer) noexcept { return buffer.x; }
  static AttendScratch take_attend(Carver& carver, std::size_t heads, std::size_t head_dim, std::size_t,
                                   std::size_t sequences, std::size_t) {
    AttendScratch scratch;
    scratch.partials = carver.take<float>(sequences * heads * cuda::max_splits * (head_dim + 2));
    scratch.sequences = sequences;
    return scratch;
  }
};

static_assert(Backend<Cuda>);

VLMT_END_NAMESPACE
