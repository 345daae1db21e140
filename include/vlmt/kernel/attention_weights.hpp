// The weights of attention, for those who want to look at them: scalar, in double, whatever the arch.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/attention_plan.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/ref/attention.hpp"
#include "vlmt/op/attention_variant.hpp"

VLMT_BEGIN_NAMESPACE

/// out[head * head_stride + t * slots + k] = the weight of slot k < slots for query t of q, as `attention` computes it;
/// 0 for slots that the query does not see. With a sink the weights of a query sum to less than 1. Queries and heads
/// are split across the team.
template <class Variant, KvSource Kv>
void attention_weights(const Variant& variant, const QueryRows& q, const Kv& kv, float scale, const std::int32_t* start,
                       std::size_t slots, std::size_t head_stride, float* out, const AttentionScratch& scratch,
                       Member& m = Solo().member()) {
  if (q.n == 0) return;
  VLMT_ASSERT_SET("attention_weights", out);
  const std::size_t dim = kv.head_dim();
  const std::size_t group = q.heads / kv.kv_heads();
  const int first = start != nullptr ? *start : 0;
  const int length = first + static_cast<int>(q.n);
  VLMT_ASSERT_LE("attention_weights", static_cast<std::size_t>(length), slots);
  float* query = scratch.tiles + m.rank() * attention_tile_floats(dim);
  float* key = query + dim;
  const Range items = m.share(q.n * q.heads);
  for (std::size_t item = items.begin; item < items.end && !m.stopped(); ++item) {
    const std::size_t t = item / q.heads;
    const std::size_t head = item % q.heads;
    const int slot = first + static_cast<int>(t);
    std::copy_n(q.data + t * q.stride + head * dim, dim, query);
    ref::detail::hook_row<QueryHook>(variant, query, dim, slot);
    const KeyRange keys = keys_in_cache(variant, slot, length);
    float* weights = out + head * head_stride + t * slots;
    std::fill_n(weights, slots, 0.0f);
    double most = -std::numeric_limits<double>::infinity();
    for (int k = keys.begin; k < keys.end; ++k) {
      const KvRun run = kv.key_run(head / group, static_cast<std::size_t>(k), 1);
      kv.key_leaf().load(run.data, 0, 1, dim, key);
      const double logit = ref::detail::attention_logit(variant, query, key, dim, scale, slot, k, head);
      weights[k] = static_cast<float>(logit);
      most = std::fmax(most, logit);
    }
    if constexpr (has_sink_v<Variant>) most = std::fmax(most, static_cast<double>(variant.sink(head)));
    if (most == -std::numeric_limits<double>::infinity()) {
      std::fill(weights + keys.begin, weights + keys.end, 0.0f);
      continue;
    }
    double sum = 0.0;
    if constexpr (has_sink_v<Variant>) sum = std::exp(static_cast<double>(variant.sink(head)) - most);
    for (int k = keys.begin; k < keys.end; ++k) sum += std::exp(static_cast<double>(weights[k]) - most);
    for (int k = keys.begin; k < keys.end; ++k) {
      weights[k] = static_cast<float>(std::exp(static_cast<double>(weights[k]) - most) / sum);
    }
  }
}

VLMT_END_NAMESPACE
