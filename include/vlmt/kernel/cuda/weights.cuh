// Weights in the blocks of their files: the choice of a kernel by format, and the product of a row with a row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/formats.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Calls f(TypeTag<Format>{}) for the format of a matrix, which the loader has checked.
template <class F>
void visit_weights(std::uint32_t type_id, F&& f) {
  const bool known = visit_format(formats::all{}, type_id, f);
  VLMT_ASSERT(known);
}

/// The blocks of row `row` of a matrix with `cols` columns.
template <QuantFormat Format>
__device__ const typename Format::Block* row_blocks(const std::byte* blocks, std::size_t cols,
                                                    std::size_t row) noexcept {
  return reinterpret_cast<const typename Format::Block*>(blocks) + row * (cols / Format::values);
}

/// The product of a row of weights and x (cols), by a warp; every lane gets it. It is a function of its own, so that
/// each decode is compiled once and not once for each epilogue.
template <QuantFormat Format>
__device__ VLMT_NOINLINE float dot(const typename Format::Block* blocks, const float* x, std::size_t cols) {
  float sum = 0.0f;
  for (std::size_t b = threadIdx.x % warp_threads; b < cols / Format::values; b += warp_threads) {
    float w[Format::values];
    Format::decode(blocks[b], w);
    for (std::size_t i = 0; i < Format::values; ++i) sum = fmaf(w[i], x[b * Format::values + i], sum);
  }
  return warp_sum(sum);
}

}  // namespace cuda

VLMT_END_NAMESPACE
