// Attention of queries over the keys and values of a cache or of activations: flash-style, no matrix of logits in
// memory. One kernel for many queries (prefill, vision towers), two for few (decoding, split over the cache).
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

/// out[t, head] = sum_k softmax_k(logit(scale q[t, head] . K[k])) V[k] over the slots k that the variant shows to slot
/// *start + t (start = nullptr: 0); KV head = head / (q.heads / kv heads). All keys up to slot *start + q.n - 1 have
/// been written. Output rows are (n, heads * head_dim); a query that sees no key gives zeros. `scratch.tiles` is
/// needed. Sums are in float, tile after tile of 64 keys; the result of a query does not depend on the other queries of
/// the call. (Dao, "FlashAttention-2", 2023.)
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

/// First half of attention for few queries over a long cache: the softmax state and weighted values of each chunk of
/// 256 slots, for every query and head, into scratch.partials. Follow it with attention_merge and the same arguments.
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

/// Second half: merges the chunks of every query and head in order and writes the rows. For arch::reference it is the
/// whole of attention, which splits nothing.
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
