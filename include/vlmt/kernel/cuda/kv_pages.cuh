// KV caches in device memory: pages of slots, and the sequences whose tokens are computed in one step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/kernel/cuda/buffer.cuh"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/quant/ggml_type.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Formats of a KV cache, of one value a block.
using CacheFormats = TypeList<F32, F16, BF16>;

/// What a page holds: for each layer the keys (kv_heads, slots, head_dim), then the values.
struct KvPageLayout {
  std::uint32_t key_type = F16::type_id;  ///< GGUF type number of one of CacheFormats
  std::uint32_t value_type = F16::type_id;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t slots = 0;

  std::size_t key_bytes() const noexcept { return kv_heads * slots * head_dim * ggml_type_info(key_type).bytes; }
  /// Bytes of keys and values of one layer.
  std::size_t layer_bytes() const noexcept {
    return key_bytes() + kv_heads * slots * head_dim * ggml_type_info(value_type).bytes;
  }
};

/// Calls f(TypeTag<Keys>{}, TypeTag<Values>{}) with the formats of a layout.
template <class F>
void visit_cache(const KvPageLayout& layout, F&& f) {
  const bool known = visit_format(CacheFormats{}, layout.key_type, [&](auto keys) {
    const bool both = visit_format(CacheFormats{}, layout.value_type, [&](auto values) { f(keys, values); });
    VLMT_ASSERT(both);
  });
  VLMT_ASSERT(known);
}

/// Rows [first[i], first[i + 1]) of a step are consecutive tokens of sequence i. They go to slots start[i], start[i] +
/// 1, ... of its pages: slot s is in page s / slots. All pages have one layout, which the host knows; the arrays are in
/// device memory and are read when ops run.
struct Sequences {
  KvPageLayout layout;
  std::byte** pages = nullptr;    ///< (sequences, max_pages): device addresses
  std::int32_t* start = nullptr;  ///< (sequences)
  std::int32_t* first = nullptr;  ///< (sequences + 1)
  std::size_t max_pages = 0;      ///< of a sequence
  std::size_t count = 0;          ///< sequences of this step

  /// `max_pages`: pages of a sequence; a contiguous cache has one.
  static Sequences take(Carver& carver, std::size_t sequences, std::size_t max_pages = 1) {
    Sequences s;
    s.pages = carver.take<std::byte*>(sequences * max_pages);
    s.start = carver.take<std::int32_t>(sequences);
    s.first = carver.take<std::int32_t>(sequences + 1);
    s.max_pages = max_pages;
    return s;
  }
  /// The first n sequences, as an operand of ops.
  Sequences of(std::size_t n) const noexcept {
    Sequences s = *this;
    s.count = n;
    return s;
  }

  /// Sets sequence i to `rows` tokens from row `first_row` on, which start at `slot` of `addresses`, at most max_pages.
  /// Call it for i = 0, 1, ... in order.
  void set(std::size_t i, const std::vector<std::byte*>& addresses, std::size_t slot, std::size_t first_row,
           std::size_t rows, cudaStream_t stream) const {
    VLMT_ASSERT_LE("Sequences::set", addresses.size(), max_pages);
    VLMT_ASSERT_LE("Sequences::set", slot + rows, addresses.size() * layout.slots);
    copy_in(pages + i * max_pages, addresses, stream);
    copy_in(start + i, std::vector<std::int32_t>{static_cast<std::int32_t>(slot)}, stream);
    copy_in(
        first + i,
        std::vector<std::int32_t>{static_cast<std::int32_t>(first_row), static_cast<std::int32_t>(first_row + rows)},
        stream);
  }

  /// The sequence of a row.
  __device__ std::size_t at(std::size_t row) const noexcept {
    std::size_t i = 0;
    while (i + 1 < count && row >= static_cast<std::size_t>(first[i + 1])) ++i;
    return i;
  }
};

/// Keys and values of one layer of a sequence, in formats of one value a block.
template <QuantFormat Keys, QuantFormat Values>
struct PagedKv {
  static_assert(Keys::values == 1 && Values::values == 1);
  std::byte* const* pages;
  std::size_t slots;
  std::size_t kv_heads;
  std::size_t head_dim;
  std::size_t layer;

  __device__ PagedKv(const Sequences& s, std::size_t sequence, std::size_t at_layer) noexcept
      : pages(s.pages + sequence * s.max_pages),
        slots(s.layout.slots),
        kv_heads(s.layout.kv_heads),
        head_dim(s.layout.head_dim),
        layer(at_layer) {}

  __device__ typename Keys::Block* key_row(std::size_t head, std::size_t slot) const noexcept {
    return reinterpret_cast<typename Keys::Block*>(page_layer(slot)) + (head * slots + in_page(slot)) * head_dim;
  }
  __device__ typename Values::Block* value_row(std::size_t head, std::size_t slot) const noexcept {
    std::byte* values = page_layer(slot) + layer_values() * sizeof(typename Keys::Block);
    return reinterpret_cast<typename Values::Block*>(values) + (head * slots + in_page(slot)) * head_dim;
  }

  /// Element i of a key or value.
  __device__ float key(std::size_t head, std::size_t slot, std::size_t i) const noexcept {
    float x;
    Keys::decode(key_row(head, slot)[i], &x);
    return x;
  }
  __device__ float value(std::size_t head, std::size_t slot, std::size_t i) const noexcept {
    float x;
    Values::decode(value_row(head, slot)[i], &x);
    return x;
  }

 private:
  /// Slots fit 32 bits, in which divisions are several times as fast.
  __device__ std::size_t in_page(std::size_t slot) const noexcept {
    return static_cast<unsigned>(slot) % static_cast<unsigned>(slots);
  }
  __device__ std::size_t layer_values() const noexcept { return kv_heads * slots * head_dim; }
  __device__ std::byte* page_layer(std::size_t slot) const noexcept {
    const std::size_t bytes = layer_values() * (sizeof(typename Keys::Block) + sizeof(typename Values::Block));
    return pages[static_cast<unsigned>(slot) / static_cast<unsigned>(slots)] + layer * bytes;
  }
};

}  // namespace cuda

VLMT_END_NAMESPACE
