// The formats of a KV cache at the leaf: how a row of keys or values is written and how runs of rows are read.
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

/// One format's functions, resolved once when a cache is made: attention reaches keys and values through two of these
/// pointers, so that five key and five value formats need ten instances, not twenty-five kernels.
struct KvLeaf {
  std::string_view name;
  std::uint32_t type_id;     ///< the format's number in GGUF files
  std::size_t block_values;  ///< head_dim must be a multiple of it
  std::size_t block_bytes;
  bool is_f32;  ///< rows may be read where they are
  /// One row of dim floats into the cache.
  void (*store)(const float* x, std::size_t dim, std::byte* row) noexcept;
  /// n rows, `stride` bytes apart, into a dense tile (n, dim) of floats.
  void (*load)(const std::byte* rows, std::size_t stride, std::size_t n, std::size_t dim, float* tile) noexcept;
  /// Logits s (rows, row_stride) = q (rows, dim) times n keys, and o (rows, dim) += p (rows, row_stride) times n
  /// values, decoded in registers. Both are nullptr for formats that are decoded into tiles only.
  void (*dot)(const float* q, std::size_t rows, std::size_t dim, const std::byte* keys, std::size_t stride,
              std::size_t n, float* s, std::size_t row_stride) noexcept;
  void (*weigh)(const float* p, std::size_t row_stride, std::size_t rows, std::size_t dim, const std::byte* values,
                std::size_t stride, std::size_t n, float* o) noexcept;

  /// True if a row of dim values can be stored.
  constexpr bool fits(std::size_t dim) const noexcept { return dim != 0 && dim % block_values == 0; }
  /// Bytes of a row of dim values.
  constexpr std::size_t row_bytes(std::size_t dim) const noexcept { return dim / block_values * block_bytes; }
};

/// The functions of a format for an arch; any QuantFormat can be a cache's format.
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

/// The leaf of a format chosen at run time, by its number in GGUF files; nullptr if it is not one of formats::cache.
template <class Arch>
inline const KvLeaf* find_kv_leaf(std::uint32_t type_id) noexcept {
  const KvLeaf* found = nullptr;
  for_each_type(formats::cache{}, [&]<class Format>(TypeTag<Format>) {
    if (Format::type_id == type_id) found = &kv_leaf_v<Format, Arch>;
  });
  return found;
}

VLMT_END_NAMESPACE
