// KV cache formats as tables of leaf functions: writing one row of keys or values, reading runs of rows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/kernel/cpu/kv_products.hpp"
#include "vlmt/kernel/cpu/kv_rows.hpp"
#include "vlmt/kernel/ref/kv_rows.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/formats.hpp"

VLMT_BEGIN_NAMESPACE

/// Functions of one cache format, looked up once when a cache is made. Attention reads keys and values through these
/// pointers: five formats need five leaves per arch, not 25 attention kernels.
struct KvLeaf {
  std::string_view name;
  std::uint32_t type_id;     ///< GGUF type number
  std::size_t block_values;  ///< head_dim must be a multiple of it
  std::size_t block_bytes;
  bool is_f32;  ///< rows are floats and may be read in place
  /// Encodes dim floats as one row of the cache.
  void (*store)(const float* x, std::size_t dim, std::byte* row) noexcept;
  /// Decodes n rows, `stride` bytes apart, into a dense tile (n, dim).
  void (*load)(const std::byte* rows, std::size_t stride, std::size_t n, std::size_t dim, float* tile) noexcept;
  /// dot: logits s (rows, row_stride) = q (rows, dim) times n keys. weigh: o (rows, dim) += p (rows, row_stride) times
  /// n values. Both decode in registers, and both are nullptr if the format is only decoded into tiles.
  void (*dot)(const float* q, std::size_t rows, std::size_t dim, const std::byte* keys, std::size_t stride,
              std::size_t n, float* s, std::size_t row_stride) noexcept;
  void (*weigh)(const float* p, std::size_t row_stride, std::size_t rows, std::size_t dim, const std::byte* values,
                std::size_t stride, std::size_t n, float* o) noexcept;

  /// True if a row of dim values can be stored.
  constexpr bool fits(std::size_t dim) const noexcept { return dim != 0 && dim % block_values == 0; }
  /// Bytes per row of dim values.
  constexpr std::size_t row_bytes(std::size_t dim) const noexcept { return dim / block_values * block_bytes; }
};

/// Leaf functions of a format for an arch; any QuantFormat can be a cache format.
template <QuantFormat Format, class Arch>
inline constexpr KvLeaf kv_leaf_v = [] {
  KvLeaf leaf{
      Format::name, Format::type_id, Format::values, sizeof(typename Format::Block), Format::type_id == 0, nullptr,
      nullptr,      nullptr,         nullptr};
  if constexpr (is_reference_v<Arch>) {
    leaf.store = &ref::store_kv_row<Format>;
    leaf.load = &ref::load_kv_rows<Format>;
  } else {
    leaf.store = &cpu::store_kv_row<Format, Arch>;
    leaf.load = &cpu::load_kv_rows<Format, Arch>;
    if constexpr (cpu::detail::reads_in_registers_v<Format>) {
      leaf.dot = &cpu::dot_kv_rows<Format, Arch>;
      leaf.weigh = &cpu::weigh_kv_rows<Format, Arch>;
    }
  }
  return leaf;
}();

/// Leaf of the cache format with a GGUF type number; nullptr if it is not one of formats::cache.
template <class Arch>
inline const KvLeaf* find_kv_leaf(std::uint32_t type_id) noexcept {
  const KvLeaf* found = nullptr;
  for_each_type(formats::cache{}, [&]<class Format>(TypeTag<Format>) {
    if (Format::type_id == type_id) found = &kv_leaf_v<Format, Arch>;
  });
  return found;
}

VLMT_END_NAMESPACE
