// The leaf of arch::reference: one-row panels, scalar, accumulated in double.
#pragma once

#include <cstddef>
#include <cstring>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/micro.hpp"
#include "vlmt/kernel/ref/matmul.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// A one-row panel has the layout of the row in the file. Elem is float or Int8Group.
template <QuantFormat Format, class Elem, std::size_t Rows>
void micro_reference(const std::byte* panel, std::size_t blocks, const void* const* rows, float* tile) noexcept {
  using Block = typename Format::Block;
  for (std::size_t r = 0; r < Rows; ++r) {
    tile[r * tile_columns] = static_cast<float>(
        ref::dot<Format>(reinterpret_cast<const Block*>(panel), blocks, static_cast<const Elem*>(rows[r])));
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
