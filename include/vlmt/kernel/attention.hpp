// Flash-style attention over a KV cache or over activations: the matrix of logits is never stored. One kernel for many
// queries (prefill, vision encoders); a split and a merge kernel for few queries over a long cache (decode).
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/attention_plan.hpp"
#include "vlmt/kernel/attention_variant.hpp"
#include "vlmt/kernel/cpu/attention.hpp"
#include "vlmt/kernel/cpu/attention_split.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/ref/attention.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/row_sink.hpp"

VLMT_BEGIN_NAMESPACE

/// out[t, head] = sum_k softmax_k(logit(scale q[t, head] . K[k])) V[k] over the slots k that the variant shows to the
/// slot of token t, which is *start + t (start == nullptr: t). The KV head is head / (q.heads / KV heads). All keys and
/// values up to slot *start + q.n - 1 must have been written. Output rows are (n, heads * head_dim); a query that sees
/// no key yields zeros. Needs `scratch.tiles`. Sums are in float over tiles of 64 keys; the result of a query does not
/// depend on the other queries of the call. (Dao, "FlashAttention-2", 2023.)
template <class Arch, class Variant, KvSource Kv, RowSink Out>
void attention(const Variant& variant, const QueryRows& q, const Kv& kv, float scale, const std::int32_t* start,
               const Out& out, const AttentionScratch& scratch, Member& m = Solo().member()) noexcept {
  static_assert(AttentionVariantType<Variant>,
                "vlmt: an attention variant needs KeyRange keys(int query, int length) const noexcept; derive it from "
                "AttentionVariant in kernel/attention_variant.hpp");
  if constexpr (is_reference_v<Arch>) {
    ref::attention(variant, q, kv, scale, start, out, scratch, m);
  } else {
    cpu::attention<Arch>(variant, q, kv, scale, start, out, scratch, m);
  }
}

/// First half of attention for few queries over a long cache: for every query, head and chunk of 256 slots, the softmax
/// state and the weighted values go to scratch.partials. Needs `scratch.tiles` too. After a barrier, call
/// attention_merge with the same arguments. A no-op for arch::reference.
template <class Arch, class Variant, KvSource Kv>
void attention_split([[maybe_unused]] const Variant& variant, [[maybe_unused]] const QueryRows& q,
                     [[maybe_unused]] const Kv& kv, [[maybe_unused]] float scale,
                     [[maybe_unused]] const std::int32_t* start, [[maybe_unused]] const AttentionScratch& scratch,
                     [[maybe_unused]] Member& m = Solo().member()) noexcept {
  static_assert(AttentionVariantType<Variant>,
                "vlmt: an attention variant needs KeyRange keys(int query, int length) const noexcept; derive it from "
                "AttentionVariant in kernel/attention_variant.hpp");
  if constexpr (!is_reference_v<Arch>) cpu::attention_split<Arch>(variant, q, kv, scale, start, scratch, m);
}

/// Second half: merges the chunks of every query and head in order and writes the output rows of `attention`. For
/// arch::reference it computes all of attention.
template <class Arch, class Variant, KvSource Kv, RowSink Out>
void attention_merge(const Variant& variant, const QueryRows& q, const Kv& kv, [[maybe_unused]] float scale,
                     const std::int32_t* start, const Out& out, const AttentionScratch& scratch,
                     Member& m = Solo().member()) noexcept {
  if constexpr (is_reference_v<Arch>) {
    ref::attention(variant, q, kv, scale, start, out, scratch, m);
  } else {
    cpu::attention_merge<Arch>(variant, q, kv, start, out, scratch, m);
  }
}

VLMT_END_NAMESPACE
