// Attention of many queries: blocks of query rows stay in the cache while tiles of keys and values stream past them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/attention_plan.hpp"
#include "vlmt/kernel/cpu/attention_hooks.hpp"
#include "vlmt/kernel/cpu/attention_tile.hpp"
#include "vlmt/kernel/cpu/transpose.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/log_sums.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/kernel/softmax_state.hpp"
#include "vlmt/op/attention_variant.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// A tile of keys or values as floats.
struct FloatTile {
  const float* data;
  std::size_t stride;  ///< floats from slot to slot
};

/// Slots [first, first + n) of one head: in place if they are one run of dense floats and stay `unchanged`, else
/// decoded into `buffer` (n, dim). run(first, n) returns a KvRun.
template <class Run>
FloatTile load_tile(const KvLeaf& leaf, const Run& run, std::size_t first, std::size_t n, std::size_t dim,
                    bool unchanged, float* buffer) noexcept {
  for (std::size_t done = 0; done < n;) {
    const KvRun rows = run(first + done, n - done);
    if (unchanged && leaf.is_f32 && rows.count == n && rows.stride == dim * sizeof(float)) {
      return {reinterpret_cast<const float*>(rows.data), dim};
    }
    leaf.load(rows.data, rows.stride, rows.count, dim, buffer + done * dim);
    done += rows.count;
  }
  return {buffer, dim};
}

/// y = x * factor over n values; x and y may be equal.
template <class Arch>
void scale_row(const float* x, std::size_t n, float factor, float* y) noexcept {
  using F = simd::Floats<Arch>;
  std::size_t i = 0;
  for (; i + F::lanes <= n; i += F::lanes) (F::load(x + i) * F(factor)).store(y + i);
  for (; i < n; ++i) y[i] = x[i] * factor;
}

/// The query rows of one block: row r is head r % group of token r / group.
template <class Arch>
struct QueryBlock {
  using B = AttentionBlocking<Arch>;
  static constexpr std::size_t tiles = attention_query_block / B::queries;
  static_assert(attention_query_block % B::queries == 0 && B::queries <= attention_logit_rows &&
                B::queries <= attention_key_tile);

  /// Divides the scratch memory of one member, attention_tile_floats(dim) floats.
  QueryBlock(float* scratch, std::size_t dim) noexcept {
    const auto take = [&scratch](std::size_t n) noexcept {
      float* at = scratch;
      scratch += n;
      return at;
    };
    queries = take(attention_query_block * dim);
    outputs = take(attention_query_block * dim);
    keys = take(attention_key_tile * dim);
    values = take(attention_key_tile * dim);
    logits = take(attention_key_tile * B::queries);
    begin = take(attention_query_block);
    end = take(attention_query_block);
    max = take(attention_query_block);
    sum = take(attention_query_block);
    factor = take(B::queries);
  }

  float* queries;  ///< (tiles, dim, B::queries)
  float* outputs;  ///< (tiles, dim, B::queries)
  float* keys;     ///< (attention_key_tile, dim)
  float* values;   ///< (attention_key_tile, dim)
  float* logits;   ///< (attention_key_tile, B::queries)
  float* begin;    ///< first visible slot of each row
  float* end;      ///< one past the last visible slot of each row
  float* max;      ///< of the logits of each row, in base 2; from the sink on
  float* sum;      ///< of 2^(logit - max)
  float* factor;   ///< (B::queries)
};

/// Slots that the rows of one query tile see.
struct TileRange {
  int begin = 0;      ///< first slot that any row sees
  int end = 0;        ///< one past the last slot that any row sees
  int all_begin = 0;  ///< first slot that every row sees
  int all_end = 0;    ///< one past the last slot that every row sees
};

/// Attention of one block: query rows [first_row, first_row + rows) of one KV head.
template <class Arch, class Variant, class Kv, class Out>
void attention_block(const Variant& variant, const QueryRows& q, const Kv& kv, std::size_t kv_head, float scale,
                     int first_slot, std::size_t first_row, std::size_t rows, const Out& out,
                     const QueryBlock<Arch>& block, Member& m) noexcept {
  using B = AttentionBlocking<Arch>;
  constexpr std::size_t width = B::queries;
  const std::size_t dim = kv.head_dim();
  const std::size_t group = q.heads / kv.kv_heads();
  const int length = first_slot + static_cast<int>(q.n);
  const std::size_t tiles = (rows + width - 1) / width;

  // Scaled and transposed queries, and the slots that they see.
  TileRange seen[QueryBlock<Arch>::tiles];
  TileRange all{length, 0, 0, 0};
  if (rows % width != 0) std::fill_n(block.queries + (tiles - 1) * width * dim, width * dim, 0.0f);
  std::fill_n(block.outputs, tiles * width * dim, 0.0f);
  std::fill_n(block.max, tiles * width, lowest_logit);
  std::fill_n(block.sum, tiles * width, 0.0f);
  std::fill_n(block.begin, tiles * width, 0.0f);
  std::fill_n(block.end, tiles * width, 0.0f);
  const float factor = has_natural_hooks_v<Variant> ? scale : scale * log2_e;
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    TileRange range{length, 0, 0, length};
    const std::size_t stop = std::min(rows, (tile + 1) * width);
    for (std::size_t r = tile * width; r < stop; ++r) {
      const std::size_t t = (first_row + r) / group;
      const float* x = q.data + t * q.stride + (kv_head * group + (first_row + r) % group) * dim;
      const int slot = first_slot + static_cast<int>(t);
      float* row = block.keys + r % width * dim;  // unused until the first tile of keys is loaded
      if constexpr (query_hook_v<Variant> != RowHook::none) {
        std::copy_n(x, dim, row);
        hook_row<Arch, QueryHook>(variant, row, dim, slot);
        x = row;
      }
      scale_row<Arch>(x, dim, factor, row);
      const KeyRange keys = keys_in_cache(variant, slot, length);
      if constexpr (has_sink_v<Variant>) {
        const auto sink = first_state<float>(variant, kv_head * group + (first_row + r) % group);
        block.max[r] = std::max(lowest_logit, sink.max * log2_e);
        block.sum[r] = sink.sum;
      }
      block.begin[r] = static_cast<float>(keys.begin);
      block.end[r] = static_cast<float>(keys.end);
      if (keys.begin < keys.end) {
        range.begin = std::min(range.begin, keys.begin);
        range.end = std::max(range.end, keys.end);
      }
      range.all_begin = std::max(range.all_begin, keys.begin);
      range.all_end = std::min(range.all_end, keys.end);
    }
    transpose<Arch>(block.keys, dim, stop - tile * width, dim, block.queries + tile * width * dim, width);
    seen[tile] = range;
    all.begin = std::min(all.begin, range.begin);
    all.end = std::max(all.end, range.end);
  }

  // Tiles meet at multiples of the tile size, whatever the block sees, so that sums do not depend on the block.
  constexpr int step = static_cast<int>(attention_key_tile);
  for (int at = all.begin / step * step; at < all.end && !m.stopped(); at += step) {
    const int first = std::max(at, all.begin);
    const auto keys = static_cast<std::size_t>(std::min(at + step, all.end) - first);
    const auto slot = static_cast<std::size_t>(first);
    constexpr bool plain = key_hook_v<Variant> == RowHook::none;
    const auto key_run = [&](std::size_t s, std::size_t n) noexcept { return kv.key_run(kv_head, s, n); };
    const auto value_run = [&](std::size_t s, std::size_t n) noexcept { return kv.value_run(kv_head, s, n); };
    const FloatTile k = load_tile(kv.key_leaf(), key_run, slot, keys, dim, plain, block.keys);
    if constexpr (!plain) {
      for (std::size_t i = 0; i < keys; ++i) {
        hook_row<Arch, KeyHook>(variant, block.keys + i * dim, dim, first + static_cast<int>(i));
      }
    }
    const FloatTile v = load_tile(kv.value_leaf(), value_run, slot, keys, dim, true, block.values);
    for (std::size_t tile = 0; tile < tiles; ++tile) {
      const TileRange& range = seen[tile];
      if (first + static_cast<int>(keys) <= range.begin || first >= range.end) continue;
      // Later keys, which none of these queries sees, would add zeros.
      const auto seen_keys = std::min(keys, static_cast<std::size_t>(range.end - first));
      const int last = first + static_cast<int>(seen_keys);
      const std::size_t r = tile * width;
      tile_logits<Arch>(block.queries + r * dim, k.data, k.stride, seen_keys, dim, block.logits);
      tile_hooks<Arch>(variant, block.logits, seen_keys, first, first_row + r, std::min(width, rows - r), group,
                       first_slot, kv_head * group);
      if (first < range.all_begin || last > range.all_end) {
        tile_mask<Arch>(block.logits, seen_keys, static_cast<float>(first), block.begin + r, block.end + r);
      }
      tile_softmax<Arch>(block.logits, seen_keys, block.max + r, block.sum + r, block.factor);
      tile_values<Arch>(block.logits, v.data, v.stride, seen_keys, dim, block.factor, block.outputs + r * dim);
    }
  }

  for (std::size_t tile = 0; tile < tiles; ++tile) {
    const std::size_t stop = std::min(rows, (tile + 1) * width);
    transpose<Arch>(block.outputs + tile * width * dim, width, dim, stop - tile * width, block.keys, dim);
    for (std::size_t r = tile * width; r < stop; ++r) {
      float* row = block.keys + r % width * dim;
      scale_row<Arch>(row, dim, block.sum[r] > 0.0f ? 1.0f / block.sum[r] : 0.0f, row);
      const std::size_t t = (first_row + r) / group;
      const std::size_t head = kv_head * group + (first_row + r) % group;
      commit_row<Arch>(out, t, head * dim, dim, row);
      store_log_sum(out, t, head, [&] { return base2_log_sum(block.max[r], block.sum[r]); });
    }
  }
}

}  // namespace detail

/// See attention in kernel/attention.hpp. Blocks are claimed one by one, those of the latest queries first: under a
/// causal mask they cost the most.
template <class Arch, class Variant, class Kv, class Out>
void attention(const Variant& variant, const QueryRows& q, const Kv& kv, float scale, const std::int32_t* start,
               const Out& out, const AttentionScratch& scratch, Member& m) noexcept {
  const std::size_t dim = kv.head_dim();
  const std::size_t heads = kv.kv_heads();
  const std::size_t rows = q.n * (q.heads / heads);
  const int first_slot = start != nullptr ? *start : 0;
  const detail::QueryBlock<Arch> memory(scratch.tiles + m.rank() * attention_tile_floats(dim), dim);
  // Few blocks are split, so that every member has work. The sums of a row do not depend on its block.
  std::size_t block = attention_query_block;
  while (block > AttentionBlocking<Arch>::queries && (rows + block - 1) / block * heads < 4 * m.size()) block /= 2;
  const std::size_t blocks = (rows + block - 1) / block;
  m.claim_items(blocks * heads, [&](std::size_t item) {
    const std::size_t first_row = (blocks - 1 - item / heads) * block;
    detail::attention_block<Arch>(variant, q, kv, item % heads, scale, first_slot, first_row,
                                  std::min(block, rows - first_row), out, memory, m);
  });
}

}  // namespace cpu

VLMT_END_NAMESPACE
