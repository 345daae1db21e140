// Decodes and encodes whole rows of blocks; the format is a type, or a GGUF type number at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/quant/ggml_type.hpp"

VLMT_BEGIN_NAMESPACE

/// Decodes n / F::values blocks to y (n). n must be a multiple of F::values.
template <QuantFormat F>
void decode_row(const typename F::Block* blocks, std::size_t n, float* y) {
  VLMT_ASSERT_MULTIPLE("decode_row", n, F::values);
  for (std::size_t i = 0; i < n / F::values; ++i) F::decode(blocks[i], y + i * F::values);
}

/// Encodes x (n) to n / F::values blocks. n must be a multiple of F::values.
template <QuantFormat F>
void encode_row(const float* x, std::size_t n, typename F::Block* blocks) {
  VLMT_ASSERT_MULTIPLE("encode_row", n, F::values);
  for (std::size_t i = 0; i < n / F::values; ++i) F::encode(x + i * F::values, blocks[i]);
}

namespace detail {

/// Bytes of n values in a format with blocks of `values` values and `block_bytes` bytes. Throws InputError if n is not
/// a whole number of blocks, LimitError on overflow.
VLMT_NOINLINE inline std::size_t checked_row_bytes(std::string_view format, std::size_t values, std::size_t block_bytes,
                                                   std::size_t n) {
  if (n % values != 0) {
    throw_error(InputError(
        "row is not a whole number of blocks",
        {{}, {}, std::string(format), "a multiple of " + std::to_string(values) + " values", std::to_string(n)}));
  }
  const std::optional<std::size_t> bytes = checked_mul(n / values, block_bytes);
  if (!bytes) throw_error(LimitError("row has too many values", {{}, {}, std::string(format), {}, std::to_string(n)}));
  return *bytes;
}
template <QuantFormat F>
std::size_t checked_row_bytes(std::size_t n) {
  return checked_row_bytes(F::name, F::values, sizeof(typename F::Block), n);
}

template <class Visitor>
void visit_format_or_throw(std::uint32_t type_id, Visitor&& visitor) {
  if (visit_format(formats::all{}, type_id, visitor)) return;
  const GgmlTypeInfo known = ggml_type_info(type_id);
  std::string found = "type " + std::to_string(type_id);
  if (!known.name.empty()) found += " (" + std::string(known.name) + ")";
  throw_error(InputError("unknown weight format", {{}, {}, {}, "a type of formats::all", found}));
}

}  // namespace detail

/// Bytes of n values in the format with this GGUF type number. Throws InputError if the type is not in formats::all or
/// n is not a whole number of blocks, LimitError on overflow.
std::size_t row_bytes(std::uint32_t type_id, std::size_t n);

/// Decodes row_bytes(type_id, n) bytes, at any alignment, to y (n). Throws like row_bytes.
void decode_row(std::uint32_t type_id, const std::byte* blocks, std::size_t n, float* y);

/// Encodes x (n) to row_bytes(type_id, n) bytes, at any alignment. Throws like row_bytes.
void encode_row(std::uint32_t type_id, const float* x, std::size_t n, std::byte* blocks);

#if VLMT_HAS_BODIES

VLMT_BODY std::size_t row_bytes(std::uint32_t type_id, std::size_t n) {
  std::size_t bytes = 0;
  detail::visit_format_or_throw(type_id,
                                [&](auto tag) { bytes = detail::checked_row_bytes<typename decltype(tag)::type>(n); });
  return bytes;
}

VLMT_BODY void decode_row(std::uint32_t type_id, const std::byte* blocks, std::size_t n, float* y) {
  detail::visit_format_or_throw(type_id, [&](auto tag) {
    using F = typename decltype(tag)::type;
    const std::size_t bytes = detail::checked_row_bytes<F>(n);
    typename F::Block block;
    for (std::size_t at = 0; at < bytes; at += sizeof(block), y += F::values) {
      std::memcpy(&block, blocks + at, sizeof(block));
      F::decode(block, y);
    }
  });
}

VLMT_BODY void encode_row(std::uint32_t type_id, const float* x, std::size_t n, std::byte* blocks) {
  detail::visit_format_or_throw(type_id, [&](auto tag) {
    using F = typename decltype(tag)::type;
    const std::size_t bytes = detail::checked_row_bytes<F>(n);
    typename F::Block block;
    for (std::size_t at = 0; at < bytes; at += sizeof(block), x += F::values) {
      F::encode(x, block);
      std::memcpy(blocks + at, &block, sizeof(block));
    }
  });
}

#endif

VLMT_END_NAMESPACE
