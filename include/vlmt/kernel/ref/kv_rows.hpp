// Rows of a KV cache, read and written by the scalar encode and decode of any format.
#pragma once

#include <cstddef>
#include <cstring>

#include "vlmt/base/config.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// Encodes dim values, a multiple of Format::values, to `row`.
template <QuantFormat Format>
void store_kv_row(const float* x, std::size_t dim, std::byte* row) noexcept {
  typename Format::Block block;
  for (std::size_t i = 0; i < dim; i += Format::values, row += sizeof block) {
    Format::encode(x + i, block);
    std::memcpy(row, &block, sizeof block);
  }
}

/// Decodes n rows, `stride` bytes apart, into a dense tile (n, dim).
template <QuantFormat Format>
void load_kv_rows(const std::byte* rows, std::size_t stride, std::size_t n, std::size_t dim, float* tile) noexcept {
  typename Format::Block block;
  for (std::size_t r = 0; r < n; ++r, rows += stride) {
    const std::byte* at = rows;
    for (std::size_t i = 0; i < dim; i += Format::values, at += sizeof block) {
      std::memcpy(&block, at, sizeof block);
      Format::decode(block, tile + r * dim + i);
    }
  }
}

}  // namespace ref

VLMT_END_NAMESPACE
