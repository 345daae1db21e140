// The KV cache of one sequence: keys and values of all layers in one block of memory. Keys and values each have their
// own format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/kernel/kv_pages.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/op/kv_shape.hpp"

VLMT_BEGIN_NAMESPACE

/// Bytes of a cache. Throws LimitError if the number overflows.
inline std::size_t kv_cache_bytes(const KvShape& s, const KvLeaf& keys, const KvLeaf& values) {
  const auto slots = checked_mul(s.layers * s.kv_heads, s.capacity);
  const auto bytes = slots ? checked_mul(*slots, keys.row_bytes(s.head_dim) + values.row_bytes(s.head_dim)) : slots;
  if (!bytes) throw LimitError("a KV cache of " + std::to_string(s.capacity) + " tokens has no size");
  return *bytes;
}

/// Slot i of every layer belongs to cell i of the sequence. Memory is that of a backend; its pages take physical memory
/// when first written, as the sequence grows.
template <class Memory>
class KvCacheIn {
 public:
  KvCacheIn() = default;
  /// Throws InputError if head_dim is not a multiple of a format's block, LimitError if the memory cannot be mapped.
  /// The leaves must outlive the cache.
  KvCacheIn(const KvShape& shape, const KvLeaf& keys, const KvLeaf& values)
      : shape_(shape), keys_(&keys), values_(&values) {
    for (const KvLeaf* leaf : {keys_, values_}) {
      if (!leaf->fits(shape.head_dim)) {
        throw InputError("this KV format does not fit the model's heads",
                         {{},
                          {},
                          std::string(leaf->name),
                          "a multiple of " + std::to_string(leaf->block_values),
                          "heads of " + std::to_string(shape.head_dim)});
      }
    }
    buffer_ = Memory(kv_cache_bytes(shape, keys, values));
  }

  const KvShape& shape() const noexcept { return shape_; }
  const KvLeaf& key_leaf() const noexcept { return *keys_; }
  const KvLeaf& value_leaf() const noexcept { return *values_; }
  std::size_t capacity() const noexcept { return shape_.capacity; }
  std::size_t bytes() const noexcept { return buffer_.bytes(); }

  /// The cache as a single page.
  KvPageLayout layout() const noexcept { return {keys_, values_, shape_.kv_heads, shape_.head_dim, shape_.capacity}; }
  std::byte* data() const noexcept { return buffer_.data(); }

  /// View of the keys and values of layer l.
  KvView layer(std::size_t l) const noexcept {
    VLMT_DASSERT(l < shape_.layers);
    return layout().view(buffer_.data(), l);
  }

  /// A new cache of the same shape and formats, without cells: op::CopyCells copies them.
  KvCacheIn like() const { return KvCacheIn(shape_, *keys_, *values_); }

 private:
  KvShape shape_;
  const KvLeaf* keys_ = nullptr;
  const KvLeaf* values_ = nullptr;
  Memory buffer_;
};

/// A KV cache in memory of the host.
using KvCache = KvCacheIn<Buffer>;

VLMT_END_NAMESPACE
