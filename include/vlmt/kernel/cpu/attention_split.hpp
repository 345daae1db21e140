// Attention of few queries over a long cache: chunks of slots in parallel, then their partial results merged in order.
//
// With so few queries, lanes run along the head dimension: the work is to read the cache once.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/attention_plan.hpp"
#include "vlmt/kernel/cpu/attention.hpp"
#include "vlmt/kernel/cpu/attention_hooks.hpp"
#include "vlmt/kernel/cpu/blend.hpp"
#include "vlmt/kernel/cpu/kv_products.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/tuning.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/log_sums.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/kernel/softmax_state.hpp"
#include "vlmt/op/attention_variant.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// s = exp(s - max s) over n logits, -inf where masked. Returns the softmax state; empty if all are masked.
template <class Arch>
SoftmaxState<float> exponentials(float* s, std::size_t n) noexcept {
  using F = simd::Floats<Arch>;
  F most(lowest_logit);
  std::size_t i = 0;
  for (; i + F::lanes <= n; i += F::lanes) most = max(most, F::load(s + i));
  float largest = reduce_max(most);
  for (; i < n; ++i) largest = std::max(largest, s[i]);
  F sum = F::zero();
  for (i = 0; i + F::lanes <= n; i += F::lanes) {
    const F e = exp(F::load(s + i) - F(largest));
    e.store(s + i);
    sum += e;
  }
  float total = reduce_add(sum);
  if (i < n) {
    exp(F::load(s + i, n - i) - F(largest)).store(s + i, n - i);
    for (; i < n; ++i) total += s[i];
  }
  if (!(total > 0.0f) && total == total) return {};
  return {largest, total};
}

/// Partial result of (token, head, chunk): dim weighted values, then the maximum and the sum.
inline float* partial_at(const AttentionScratch& scratch, std::size_t heads, std::size_t dim, std::size_t token,
                         std::size_t head, std::size_t chunk) noexcept {
  const std::size_t chunks = (scratch.capacity + attention_chunk - 1) / attention_chunk;
  return scratch.partials + ((token * heads + head) * chunks + chunk) * (dim + 2);
}

/// Partial results of rows [row, row + rows) of one KV head over slots [first, first + n) of one chunk.
template <class Arch, class Variant, class Kv>
void split_rows(const Variant& variant, const QueryRows& q, const Kv& kv, float scale, int first_slot,
                std::size_t kv_head, std::size_t row, std::size_t rows, int first, std::size_t n, std::size_t chunk,
                const AttentionScratch& scratch, float* tiles) noexcept {
  const std::size_t dim = kv.head_dim();
  const std::size_t group = q.heads / kv.kv_heads();
  const int length = first_slot + static_cast<int>(q.n);
  float* queries = tiles;
  float* outputs = queries + attention_query_block * dim;
  float* tile = outputs + attention_query_block * dim;
  float* logits = tile + 2 * attention_key_tile * dim;  // (rows, attention_chunk)
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t t = (row + r) / group;
    std::copy_n(q.data + t * q.stride + (kv_head * group + (row + r) % group) * dim, dim, queries + r * dim);
    hook_row<Arch, QueryHook>(variant, queries + r * dim, dim, first_slot + static_cast<int>(t));
  }
  const auto slots = static_cast<std::size_t>(first);
  const auto key_run = [&](std::size_t s, std::size_t count) noexcept { return kv.key_run(kv_head, s, count); };
  const auto value_run = [&](std::size_t s, std::size_t count) noexcept { return kv.value_run(kv_head, s, count); };
  if (kv.key_leaf().dot != nullptr && key_hook_v<Variant> == RowHook::none) {
    for (std::size_t k = 0; k < n;) {
      const KvRun run = key_run(slots + k, n - k);
      kv.key_leaf().dot(queries, rows, dim, run.data, run.stride, run.count, logits + k, attention_chunk);
      k += run.count;
    }
  } else {
    for (std::size_t k = 0; k < n; k += attention_key_tile) {
      const std::size_t keys = std::min(attention_key_tile, n - k);
      load_tile(kv.key_leaf(), key_run, slots + k, keys, dim, false, tile);
      for (std::size_t i = 0; i < keys; ++i) {
        hook_row<Arch, KeyHook>(variant, tile + i * dim, dim, static_cast<int>(slots + k + i));
      }
      dot_kv_rows<F32, Arch>(queries, rows, dim, reinterpret_cast<const std::byte*>(tile), dim * sizeof(float), keys,
                             logits + k, attention_chunk);
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t t = (row + r) / group;
    const std::size_t head = kv_head * group + (row + r) % group;
    const int slot = first_slot + static_cast<int>(t);
    float* s = logits + r * attention_chunk;
    finish_logits<Arch>(variant, s, n, first, scale, keys_in_cache(variant, slot, length), slot, head);
    const SoftmaxState<float> state = exponentials<Arch>(s, n);
    if (!(state.sum > 0.0f)) std::fill_n(s, n, 0.0f);
    float* partial = partial_at(scratch, q.heads, dim, t, head, chunk);
    partial[dim] = state.max;
    partial[dim + 1] = state.sum;
  }
  std::fill_n(outputs, rows * dim, 0.0f);
  if (kv.value_leaf().weigh != nullptr) {
    for (std::size_t k = 0; k < n;) {
      const KvRun run = value_run(slots + k, n - k);
      kv.value_leaf().weigh(logits + k, attention_chunk, rows, dim, run.data, run.stride, run.count, outputs);
      k += run.count;
    }
  } else {
    for (std::size_t k = 0; k < n; k += attention_key_tile) {
      const std::size_t count = std::min(attention_key_tile, n - k);
      load_tile(kv.value_leaf(), value_run, slots + k, count, dim, false, tile);
      weigh_kv_rows<F32, Arch>(logits + k, attention_chunk, rows, dim, reinterpret_cast<const std::byte*>(tile),
                               dim * sizeof(float), count, outputs);
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t t = (row + r) / group;
    const std::size_t head = kv_head * group + (row + r) % group;
    std::copy_n(outputs + r * dim, dim, partial_at(scratch, q.heads, dim, t, head, chunk));
  }
}

/// Smallest range with all slots that any of the n queries may see.
template <class Variant>
KeyRange seen_by_all(const Variant& variant, int first_slot, std::size_t n) noexcept {
  const int length = first_slot + static_cast<int>(n);
  KeyRange all{length, 0};
  for (std::size_t t = 0; t < n; ++t) {
    const KeyRange one = keys_in_cache(variant, first_slot + static_cast<int>(t), length);
    if (one.begin == one.end) continue;
    all.begin = std::min(all.begin, one.begin);
    all.end = std::max(all.end, one.end);
  }
  return all;
}

}  // namespace detail

/// See attention_split in kernel/attention.hpp. Pairs of chunk and KV head are claimed one by one.
template <class Arch, class Variant, class Kv>
void attention_split(const Variant& variant, const QueryRows& q, const Kv& kv, float scale, const std::int32_t* start,
                     const AttentionScratch& scratch, Member& m) noexcept {
  use_tuning();
  constexpr int step = static_cast<int>(attention_chunk);
  // Rows whose logits over a whole chunk fit the logit space of attention_tile_floats.
  constexpr std::size_t max_rows = attention_key_tile * attention_logit_rows / attention_chunk;
  const std::size_t heads = kv.kv_heads();
  const std::size_t rows = q.n * (q.heads / heads);
  const int first_slot = start != nullptr ? *start : 0;
  const KeyRange seen = detail::seen_by_all(variant, first_slot, q.n);
  if (seen.begin >= seen.end) return;
  const auto first_chunk = static_cast<std::size_t>(seen.begin / step);
  const auto chunks = static_cast<std::size_t>((seen.end + step - 1) / step) - first_chunk;
  float* tiles = scratch.tiles + m.rank() * attention_tile_floats(kv.head_dim());
  m.claim_items(chunks * heads, [&](std::size_t item) {
    const std::size_t chunk = first_chunk + item / heads;
    const int first = std::max(static_cast<int>(chunk) * step, seen.begin);
    const int last = std::min(static_cast<int>(chunk + 1) * step, seen.end);
    for (std::size_t r = 0; r < rows; r += max_rows) {
      detail::split_rows<Arch>(variant, q, kv, scale, first_slot, item % heads, r, std::min(max_rows, rows - r), first,
                               static_cast<std::size_t>(last - first), chunk, scratch, tiles);
    }
  });
}

/// See attention_merge in kernel/attention.hpp.
template <class Arch, class Variant, class Kv, class Out>
void attention_merge(const Variant& variant, const QueryRows& q, const Kv& kv, const std::int32_t* start,
                     const Out& out, const AttentionScratch& scratch, Member& m) noexcept {
  constexpr int step = static_cast<int>(attention_chunk);
  const std::size_t dim = kv.head_dim();
  const int first_slot = start != nullptr ? *start : 0;
  const int length = first_slot + static_cast<int>(q.n);
  float* sums = scratch.tiles + m.rank() * attention_tile_floats(dim);
  const Range items = m.share(q.n * q.heads);
  for (std::size_t item = items.begin; item < items.end; ++item) {
    const std::size_t t = item / q.heads;
    const std::size_t head = item % q.heads;
    const KeyRange seen = keys_in_cache(variant, first_slot + static_cast<int>(t), length);
    const int begin = seen.begin / step;
    const int end = seen.begin < seen.end ? (seen.end + step - 1) / step : begin;
    auto state = first_state<float>(variant, head);
    std::fill_n(sums, dim, 0.0f);
    for (int chunk = begin; chunk < end; ++chunk) {
      const float* partial = detail::partial_at(scratch, q.heads, dim, t, head, static_cast<std::size_t>(chunk));
      const SoftmaxMerge<float> merged = merge(state, SoftmaxState<float>{partial[dim], partial[dim + 1]});
      state = merged.state;
      blend_rows<Arch>(sums, merged.of_first, partial, merged.of_second, dim, sums);
    }
    const float inverse = normalizer(state);
    for (std::size_t i = 0; i < dim; ++i) sums[i] *= inverse;
    commit_row<Arch>(out, t, head * dim, dim, sums);
    store_log_sum(out, t, head, [&] {
      return log_sum(SoftmaxState<double>{static_cast<double>(state.max), static_cast<double>(state.sum)});
    });
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
