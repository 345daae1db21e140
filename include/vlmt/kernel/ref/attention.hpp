// Scalar attention, accumulating in double: one query at a time, softmax over all of its logits.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/attention_plan.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/log_sums.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/kernel/softmax_state.hpp"
#include "vlmt/op/attention_variant.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

namespace detail {

/// Changes a row (dim) of queries or keys by the hook of a variant; Hook is QueryHook or KeyHook.
template <class Hook, class Variant>
void hook_row(const Variant& variant, float* row, std::size_t dim, int slot) noexcept {
  constexpr RowHook form = row_hook<Variant, Hook>();
  if constexpr (form == RowHook::rows) {
    Hook{}(variant, row, dim, slot);
  } else if constexpr (form == RowHook::elements) {
    for (std::size_t i = 0; i < dim; ++i) {
      row[i] = static_cast<float>(Hook{}(variant, static_cast<double>(row[i]), slot, HookParameter<double>{i}));
    }
  } else if constexpr (form == RowHook::pairs) {
    using Pairing = typename Variant::Pairing;
    for (std::size_t i = 0; i < dim / 2; ++i) {
      float& first = row[Pairing::first(i, dim / 2)];
      float& second = row[Pairing::second(i, dim / 2)];
      const ElementPair<double> x{static_cast<double>(first), static_cast<double>(second)};
      const ElementPair<double> y = Hook{}(variant, x, slot, HookParameter<double>{i});
      first = static_cast<float>(y.first);
      second = static_cast<float>(y.second);
    }
  }
}

/// Logit of `query` and `key` at slots; -inf if masked. A `key` hook of the variant overwrites `key`.
template <class Variant>
double attention_logit(const Variant& variant, const float* query, float* key, std::size_t dim, float scale, int slot,
                       int key_slot, std::size_t head) noexcept {
  hook_row<KeyHook>(variant, key, dim, key_slot);
  double dot = 0.0;
  for (std::size_t i = 0; i < dim; ++i) dot += static_cast<double>(query[i]) * static_cast<double>(key[i]);
  dot *= static_cast<double>(scale);
  const LogitPosition<double> at{static_cast<double>(slot), static_cast<double>(key_slot), static_cast<double>(head)};
  return apply_logit_hooks(variant, dot, at);
}

}  // namespace detail

/// See `attention` in kernel/attention.hpp. Logits are computed twice, the first time for their maximum.
template <class Variant, class Kv, class Out>
void attention(const Variant& variant, const QueryRows& q, const Kv& kv, float scale, const std::int32_t* start,
               const Out& out, const AttentionScratch& scratch, Member& m) noexcept {
  const std::size_t dim = kv.head_dim();
  const std::size_t group = q.heads / kv.kv_heads();
  const int first = start != nullptr ? *start : 0;
  const int length = first + static_cast<int>(q.n);
  float* tiles = scratch.tiles + m.rank() * attention_tile_floats(dim);
  float* query = tiles;
  float* row = tiles + dim;
  float* result = tiles + 2 * dim;
  auto* sums = reinterpret_cast<double*>(tiles + round_up(3 * dim, std::size_t{2}));  // dim doubles
  const Range items = m.share(q.n * q.heads);
  for (std::size_t item = items.begin; item < items.end && !m.stopped(); ++item) {
    const std::size_t t = item / q.heads;
    const std::size_t head = item % q.heads;
    const int slot = first + static_cast<int>(t);
    for (std::size_t i = 0; i < dim; ++i) query[i] = q.data[t * q.stride + head * dim + i];
    detail::hook_row<QueryHook>(variant, query, dim, slot);
    const KeyRange keys = keys_in_cache(variant, slot, length);
    const auto logit = [&](int k) noexcept {
      kv.key_leaf().load(kv.key_run(head / group, static_cast<std::size_t>(k), 1).data, 0, 1, dim, row);
      return detail::attention_logit(variant, query, row, dim, scale, slot, k, head);
    };
    const auto sink = first_state<double>(variant, head);
    double most = sink.max;
    for (int k = keys.begin; k < keys.end; ++k) most = std::fmax(most, logit(k));
    double sum = sink.sum > 0.0 ? std::exp(sink.max - most) : 0.0;
    for (std::size_t i = 0; i < dim; ++i) sums[i] = 0.0;
    for (int k = keys.begin; k < keys.end && most > -std::numeric_limits<double>::infinity(); ++k) {
      const double weight = std::exp(logit(k) - most);
      sum += weight;
      kv.value_leaf().load(kv.value_run(head / group, static_cast<std::size_t>(k), 1).data, 0, 1, dim, row);
      for (std::size_t i = 0; i < dim; ++i) sums[i] += weight * static_cast<double>(row[i]);
    }
    for (std::size_t i = 0; i < dim; ++i) result[i] = sum > 0.0 ? static_cast<float>(sums[i] / sum) : 0.0f;
    commit_row<arch::reference>(out, t, head * dim, dim, result);
    store_log_sum(out, t, head, [&] { return log_sum(SoftmaxState<double>{most, sum}); });
  }
}

}  // namespace ref

VLMT_END_NAMESPACE
