// Flash-style attention over a KV cache or over activations: the matrix of logits is never stored. One kernel for many
// queries (prefill, vision encoders); a split and a merge kernel for few queries over a long cache (decode).
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/attention_plan.hpp"
#include "vlmt/kernel/cpu/attention.hpp"
#include "vlmt/kernel/cpu/attention_split.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/ref/attention.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/op/attention_variant.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Asserts that slots [0, *start + n) of a cache are there; returns that number.
template <class Kv>
std::size_t assert_slots(const char* call, const Kv& kv, const std::int32_t* start, std::size_t n) {
  const std::int32_t first = start != nullptr ? *start : 0;
  VLMT_ASSERT_LE(call, 0, first);
  const std::size_t slots = static_cast<std::size_t>(first) + n;
  VLMT_ASSERT_LE(call, slots, attention_max_slots);
  if constexpr (requires { kv.assert_fits(call, slots); }) kv.assert_fits(call, slots);
  return slots;
}

/// Asserts that queries, cache and scratch of an attention kernel fit each other; returns the number of slots.
template <class Kv>
std::size_t assert_attention(const char* call, const QueryRows& q, const Kv& kv, const std::int32_t* start,
                             [[maybe_unused]] const AttentionScratch& scratch) {
  [[maybe_unused]] const std::size_t kv_heads = kv.kv_heads(), head_dim = kv.head_dim();
  VLMT_ASSERT_MULTIPLE(call, q.heads, kv_heads);
  VLMT_ASSERT_LT(call, 0, head_dim);
  if (q.n != 0) VLMT_ASSERT_SET(call, q.data);
  if (q.n > 1) VLMT_ASSERT_LE(call, q.heads * head_dim, q.stride);
  VLMT_ASSERT_SET(call, scratch.tiles);
  return assert_slots(call, kv, start, q.n);
}

}  // namespace detail

/// out[t, head] = sum_k softmax_k(logit(scale q[t, head] . K[k])) V[k] over the slots k that the variant shows to the
/// slot of token t, which is *start + t (start == nullptr: t). The KV head is head / (q.heads / KV heads). All keys and
/// values up to slot *start + q.n - 1 must have been written. A sink of the variant takes part in the softmax. Output
/// rows are (n, heads * head_dim); a query that sees no key yields zeros. WithLogSums (kernel/log_sums.hpp) around
/// `out` stores the log-sums: -infinity for a query with neither a key nor a sink. Needs `scratch.tiles`. Sums are in
/// float over tiles of 64 keys; the result of a query does not depend on the other queries of the call. (Dao,
/// "FlashAttention-2", 2023.)
template <class Arch, class Variant, KvSource Kv, RowSink Out>
void attention(const Variant& variant, const QueryRows& q, const Kv& kv, float scale, const std::int32_t* start,
               const Out& out, const AttentionScratch& scratch, Member& m = Solo().member()) {
  static_assert(AttentionVariantType<Variant>,
                "vlmt: an attention variant needs KeyRange keys(int query, int length) const noexcept; derive it from "
                "AttentionVariant in op/attention_variant.hpp");
  detail::assert_attention("attention", q, kv, start, scratch);
  assert_fits("attention: out", out, q.n, q.heads * kv.head_dim(), kv.head_dim());
  if constexpr (is_reference_v<Arch>) {
    ref::attention(variant, q, kv, scale, start, out, scratch, m);
  } else {
    cpu::attention<Arch>(variant, q, kv, scale, start, out, scratch, m);
  }
}

/// First half of attention for few queries over a long cache: for every query, head and chunk of 256 slots, the softmax
/// state and the weighted values go to scratch.partials. Needs `scratch.tiles` too. After a barrier, call
/// attention_merge with the same arguments. Unlike those of `attention`, the last bits of a query may depend on the
/// other queries of the call, if they see other slots. A no-op for arch::reference.
template <class Arch, class Variant, KvSource Kv>
void attention_split([[maybe_unused]] const Variant& variant, [[maybe_unused]] const QueryRows& q,
                     [[maybe_unused]] const Kv& kv, [[maybe_unused]] float scale,
                     [[maybe_unused]] const std::int32_t* start, [[maybe_unused]] const AttentionScratch& scratch,
                     [[maybe_unused]] Member& m = Solo().member()) {
  static_assert(AttentionVariantType<Variant>,
                "vlmt: an attention variant needs KeyRange keys(int query, int length) const noexcept; derive it from "
                "AttentionVariant in op/attention_variant.hpp");
  if constexpr (!is_reference_v<Arch>) {
    [[maybe_unused]] const std::size_t slots = detail::assert_attention("attention_split", q, kv, start, scratch);
    VLMT_ASSERT_SET("attention_split", scratch.partials);
    VLMT_ASSERT_LE("attention_split", slots, scratch.capacity);
    cpu::attention_split<Arch>(variant, q, kv, scale, start, scratch, m);
  }
}

/// Second half: merges the chunks of every query and head in order and writes the output rows of `attention`. For
/// arch::reference it computes all of attention.
template <class Arch, class Variant, KvSource Kv, RowSink Out>
void attention_merge(const Variant& variant, const QueryRows& q, const Kv& kv, [[maybe_unused]] float scale,
                     const std::int32_t* start, const Out& out, const AttentionScratch& scratch,
                     Member& m = Solo().member()) {
  [[maybe_unused]] const std::size_t slots = detail::assert_attention("attention_merge", q, kv, start, scratch);
  assert_fits("attention_merge: out", out, q.n, q.heads * kv.head_dim(), kv.head_dim());
  if constexpr (is_reference_v<Arch>) {
    ref::attention(variant, q, kv, scale, start, out, scratch, m);
  } else {
    VLMT_ASSERT_SET("attention_merge", scratch.partials);
    VLMT_ASSERT_LE("attention_merge", slots, scratch.capacity);
    cpu::attention_merge<Arch>(variant, q, kv, start, out, scratch, m);
  }
}

VLMT_END_NAMESPACE
