// A KV cache in pages: how a page is laid out, and one layer of a sequence as a source of keys and values.
#pragma once

#include <algorithm>
#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/kv_format.hpp"
#include "vlmt/kernel/kv_view.hpp"

VLMT_BEGIN_NAMESPACE

/// A page holds `slots` slots of every layer: for each layer the keys (kv_heads, slots, head_dim), then the values. A
/// contiguous cache is a single page.
struct KvPageLayout {
  const KvLeaf* keys = nullptr;
  const KvLeaf* values = nullptr;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t slots = 0;

  /// Bytes of the keys of one layer.
  std::size_t key_bytes() const noexcept { return kv_rows_bytes(*keys, kv_heads, head_dim, slots); }
  /// Bytes of keys and values of one layer.
  std::size_t layer_bytes() const noexcept { return key_bytes() + kv_rows_bytes(*values, kv_heads, head_dim, slots); }
  /// One layer of the page at `page`.
  KvView view(std::byte* page, std::size_t layer) const noexcept {
    std::byte* at = page + layer * layer_bytes();
    return {kv_rows(at, *keys, head_dim, slots), kv_rows(at + key_bytes(), *values, head_dim, slots), kv_heads,
            head_dim, slots};
  }
};

/// One layer of a sequence whose slots are in pages: slot s is in page s / slots. Non-owning.
struct PagedKv {
  KvPageLayout layout;
  std::byte* const* pages = nullptr;  ///< (page_count): addresses, in the order of the slots
  std::size_t page_count = 0;
  std::size_t keys_at = 0;    ///< of the layer, in a page
  std::size_t values_at = 0;  ///< of the layer, in a page

  PagedKv(const KvPageLayout& pages_of, std::byte* const* addresses, std::size_t count, std::size_t layer) noexcept
      : layout(pages_of),
        pages(addresses),
        page_count(count),
        keys_at(layer * pages_of.layer_bytes()),
        values_at(keys_at + pages_of.key_bytes()) {}

  std::size_t kv_heads() const noexcept { return layout.kv_heads; }
  std::size_t head_dim() const noexcept { return layout.head_dim; }
  const KvLeaf& key_leaf() const noexcept { return *layout.keys; }
  const KvLeaf& value_leaf() const noexcept { return *layout.values; }
  KvRun key_run(std::size_t head, std::size_t first, std::size_t n) const noexcept {
    return run(*layout.keys, keys_at, head, first, n);
  }
  KvRun value_run(std::size_t head, std::size_t first, std::size_t n) const noexcept {
    return run(*layout.values, values_at, head, first, n);
  }
  std::byte* key_row(std::size_t head, std::size_t slot) const noexcept {
    return row(*layout.keys, keys_at, head, slot);
  }
  std::byte* value_row(std::size_t head, std::size_t slot) const noexcept {
    return row(*layout.values, values_at, head, slot);
  }
  /// Asserts that `slots` slots are there and that both formats can hold a row.
  void assert_fits([[maybe_unused]] const char* call, [[maybe_unused]] std::size_t slots) const {
    VLMT_ASSERT_LE(call, slots, page_count * layout.slots);
    VLMT_ASSERT_SET(call, pages);
    VLMT_ASSERT_MULTIPLE(call, layout.head_dim, layout.keys->block_values);
    VLMT_ASSERT_MULTIPLE(call, layout.head_dim, layout.values->block_values);
  }

 private:
  std::byte* row(const KvLeaf& leaf, std::size_t at, std::size_t head, std::size_t slot) const noexcept {
    return pages[slot / layout.slots] + at +
           (head * layout.slots + slot % layout.slots) * leaf.row_bytes(layout.head_dim);
  }
  KvRun run(const KvLeaf& leaf, std::size_t at, std::size_t head, std::size_t first, std::size_t n) const noexcept {
    return {row(leaf, at, head, first), leaf.row_bytes(layout.head_dim),
            std::min(n, layout.slots - first % layout.slots)};
  }
};
static_assert(KvSource<PagedKv>);

VLMT_END_NAMESPACE
