// Views of one layer's KV cache: how attention reads keys and values and where new rows are written.
#pragma once

#include <concepts>
#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/kv_format.hpp"

VLMT_BEGIN_NAMESPACE

/// Rows of one head at a constant stride.
struct KvRun {
  const std::byte* data;
  std::size_t stride;  ///< bytes from slot to slot
  std::size_t count;   ///< rows, at least 1
};

/// A source of keys and values for attention. key_run and value_run (head, first, n) give the rows of slots [first,
/// first + count) with 1 <= count <= n; a paged cache ends a run at the end of a page. Pages of a multiple of 4 slots
/// give the same sums as a contiguous cache. key_row and value_row (head, slot) give the address at which a row is
/// written. A member assert_fits(call, slots), called once per kernel call, may check that `slots` slots are there.
template <class S>
concept KvSource = requires(const S& kv, std::size_t i) {
  { kv.kv_heads() }
  noexcept->std::convertible_to<std::size_t>;
  { kv.head_dim() }
  noexcept->std::convertible_to<std::size_t>;
  { kv.key_leaf() }
  noexcept->std::convertible_to<const KvLeaf&>;
  { kv.value_leaf() }
  noexcept->std::convertible_to<const KvLeaf&>;
  { kv.key_run(i, i, i) }
  noexcept->std::same_as<KvRun>;
  { kv.value_run(i, i, i) }
  noexcept->std::same_as<KvRun>;
  { kv.key_row(i, i) }
  noexcept->std::same_as<std::byte*>;
  { kv.value_row(i, i) }
  noexcept->std::same_as<std::byte*>;
};

/// Rows of one layer at constant strides: row (head, slot) is at base + head * head_stride + slot * slot_stride.
struct KvRows {
  std::byte* base = nullptr;
  std::size_t head_stride = 0;  ///< bytes
  std::size_t slot_stride = 0;  ///< bytes
  const KvLeaf* leaf = nullptr;

  std::byte* row(std::size_t head, std::size_t slot) const noexcept {
    return base + head * head_stride + slot * slot_stride;
  }
};

/// A contiguous cache of one layer, or any keys and values at constant strides. Non-owning.
struct KvView {
  KvRows keys;
  KvRows values;
  std::size_t heads = 0;     ///< KV heads
  std::size_t dim = 0;       ///< values per head
  std::size_t capacity = 0;  ///< slots

  std::size_t kv_heads() const noexcept { return heads; }
  std::size_t head_dim() const noexcept { return dim; }
  const KvLeaf& key_leaf() const noexcept { return *keys.leaf; }
  const KvLeaf& value_leaf() const noexcept { return *values.leaf; }
  KvRun key_run(std::size_t head, std::size_t first, std::size_t n) const noexcept {
    return {keys.row(head, first), keys.slot_stride, n};
  }
  KvRun value_run(std::size_t head, std::size_t first, std::size_t n) const noexcept {
    return {values.row(head, first), values.slot_stride, n};
  }
  std::byte* key_row(std::size_t head, std::size_t slot) const noexcept { return keys.row(head, slot); }
  std::byte* value_row(std::size_t head, std::size_t slot) const noexcept { return values.row(head, slot); }
  /// Asserts that `slots` slots are there and that both formats can hold a row.
  void assert_fits([[maybe_unused]] const char* call, [[maybe_unused]] std::size_t slots) const {
    VLMT_ASSERT_LE(call, slots, capacity);
    VLMT_ASSERT_SET(call, keys.base);
    VLMT_ASSERT_SET(call, keys.leaf);
    VLMT_ASSERT_SET(call, values.base);
    VLMT_ASSERT_SET(call, values.leaf);
    VLMT_ASSERT_MULTIPLE(call, dim, keys.leaf->block_values);
    VLMT_ASSERT_MULTIPLE(call, dim, values.leaf->block_values);
    if (slots > 1) {
      VLMT_ASSERT_LE(call, keys.leaf->row_bytes(dim), keys.slot_stride);
      VLMT_ASSERT_LE(call, values.leaf->row_bytes(dim), values.slot_stride);
    }
  }
};
static_assert(KvSource<KvView>);

/// Bytes of the keys (or values) of one layer, (heads, capacity, head_dim), in the layout of `kv_rows`.
constexpr std::size_t kv_rows_bytes(const KvLeaf& leaf, std::size_t heads, std::size_t dim,
                                    std::size_t capacity) noexcept {
  return heads * capacity * leaf.row_bytes(dim);
}

/// The layout of a cache: (heads, capacity, dim), dense. `base` must be aligned to an element of the format; 64 bytes
/// are best.
inline KvRows kv_rows(std::byte* base, const KvLeaf& leaf, std::size_t dim, std::size_t capacity) noexcept {
  const std::size_t row = leaf.row_bytes(dim);
  return {base, capacity * row, row, &leaf};
}

/// Float rows of a fused projection as keys or values: head h of token t is at data[t * stride + h * dim]. For vision
/// encoders, which attend over activations and keep no cache.
template <class Arch>
KvRows kv_rows_of_activations(float* data, std::size_t dim, std::size_t stride) noexcept {
  return {reinterpret_cast<std::byte*>(data), dim * sizeof(float), stride * sizeof(float), &kv_leaf_v<F32, Arch>};
}

VLMT_END_NAMESPACE
