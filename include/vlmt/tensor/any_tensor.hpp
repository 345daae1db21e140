// AnyTensor: a tensor as stored in a file; format and shape are run-time values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/ggml_type.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one format; blocks run along the last dimension. `bytes` is valid while `owner` lives.
struct AnyTensor {
  std::string name;
  std::uint32_t type_id = 0;                     ///< GGUF type number, see quant/ggml_type.hpp
  std::size_t rank = 0;                          ///< 1 to 4
  std::array<std::size_t, 4> shape{1, 1, 1, 1};  ///< math order, outermost first; 1 beyond `rank`
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;

  std::size_t columns() const noexcept { return rank == 0 ? 1 : shape[rank - 1]; }
  std::size_t count() const noexcept { return shape[0] * shape[1] * shape[2] * shape[3]; }
  std::size_t rows() const noexcept { return columns() == 0 ? 0 : count() / columns(); }

  /// A view (rows, blocks per row) of Format's blocks that shares the owner. Format must be the tensor's format.
  template <QuantFormat Format>
  auto blocks() const {
    VLMT_ASSERT_EQ("AnyTensor::blocks", type_id, Format::type_id);
    VLMT_ASSERT_MULTIPLE("AnyTensor::blocks", columns(), Format::values);
    using Block = const typename Format::Block;
    using E = DynExtents<2>;
    return Tensor<SharedEngine<Block>, RowMajor<E>>(SharedEngine<Block>(owner, reinterpret_cast<Block*>(bytes.data())),
                                                    RowMajor<E>(E(rows(), columns() / Format::values)));
  }
};

VLMT_END_NAMESPACE
