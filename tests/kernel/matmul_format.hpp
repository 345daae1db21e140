// A weight format as function pointers. With MatmulLeaves it is all that a test needs of a format, so tests are
// compiled once and not once per format.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "vlmt/quant/format.hpp"

namespace matmul_test {

using namespace vlmt;

/// The scalar half of a weight format.
struct FormatCode {
  std::string_view name;
  std::size_t values;
  std::size_t block_bytes;
  std::span<const BlockField> fields;
  void (*decode)(const std::byte* block, float* y);
  void (*encode)(const float* x, std::byte* block);
};

template <QuantFormat Format>
inline constexpr FormatCode format_code{
    Format::name,
    Format::values,
    block_bytes_v<Format>,
    Format::fields,
    [](const std::byte* bytes, float* y) {
      typename Format::Block block;
      std::memcpy(&block, bytes, sizeof(block));
      Format::decode(block, y);
    },
    [](const float* x, std::byte* bytes) {
      typename Format::Block block;
      Format::encode(x, block);
      std::memcpy(bytes, &block, sizeof(block));
    },
};

}  // namespace matmul_test
