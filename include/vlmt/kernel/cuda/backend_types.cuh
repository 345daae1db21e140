// The nouns of the CUDA backend: matrices as blocks of a file in device memory, rows of floats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/buffer.cuh"
#include "vlmt/kernel/cuda/kv_pages.cuh"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/numerics.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// A matrix (rows, cols) of any format: its blocks as in the file. Non-owning.
struct Matrix {
  const std::byte* blocks = nullptr;
  std::uint32_t type_id = 0;  ///< GGUF type number
  std::size_t rows = 0;
  std::size_t cols = 0;
  float scale = 1.0f;  ///< multiplies all values
};

/// Matrices (rows, cols) one after the other.
struct Experts {
  const std::byte* blocks = nullptr;
  std::uint32_t type_id = 0;
  std::size_t count = 0;
  std::size_t rows = 0;
  std::size_t cols = 0;
  const float* scales = nullptr;  ///< (count) in device memory; null: all 1
};

/// Room for rows of floats.
struct RowBuffer {
  float* x = nullptr;
};

/// n dense rows of `cols` floats, the one form of activations.
struct Rows {
  float* x = nullptr;
  std::size_t n = 0;
  std::size_t cols = 0;
};

/// Attention needs no memory beside that of its blocks.
struct AttendScratch {};

}  // namespace cuda

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
    return {carver.take<float>(rows * cols)};
  }
  static RowBuffer take_normed_rows(Carver& carver, std::size_t rows, std::size_t cols) {
    return take_rows(carver, rows, cols);
  }
  /// Floats, whatever the numerics and the readers are.
  template <class... Readers>
  static Rows rows(const RowBuffer& buffer, Numerics, std::size_t n, std::size_t cols, std::size_t,
                   const Readers&...) noexcept {
    return {buffer.x, n, cols};
  }
  static float* floats(const RowBuffer& buffer) noexcept { return buffer.x; }
  static AttendScratch take_attend(Carver&, std::size_t, std::size_t, std::size_t, std::size_t, std::size_t) noexcept {
    return {};
  }
};

static_assert(Backend<Cuda>);

VLMT_END_NAMESPACE
