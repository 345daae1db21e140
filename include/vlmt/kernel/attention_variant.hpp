// Attention variants: types that change which keys a query sees and how logits are made.
//
// A variant derives from AttentionVariant and overrides what it changes. Two of the hooks are always there, the others
// are used if the type has them, and cost nothing if not:
//   KeyRange keys(int query, int length) const noexcept     the interval of slots that a query may see
//   bool visible(int query, int key) const noexcept         a mask inside that interval
//   template <class T> T logit(T s) const noexcept          changes scaled logits; T is float, double or a SIMD vector
//   float score(float s, AttentionAt at) const noexcept     changes scaled logits by position and head
//   void query(float* row, std::size_t dim, int query) const noexcept     changes a query before the product
//   void key(float* row, std::size_t dim, int key) const noexcept         changes a key before the product
// `query` and `key` are slots: causal order is by slot. Work is skipped where whole tiles fall outside `keys`.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Half-open interval of slots.
struct KeyRange {
  int begin = 0;
  int end = 0;
};

/// Where a logit stands.
struct AttentionAt {
  int query;  ///< slot
  int key;    ///< slot
  int head;   ///< query head
};

/// The identity: every query sees every slot of [0, length).
struct AttentionVariant {
  static constexpr KeyRange keys(int, int length) noexcept { return {0, length}; }
};

/// Every query sees every key.
struct FullAttention : AttentionVariant {};

/// A query sees the slots up to its own.
struct CausalAttention : AttentionVariant {
  static constexpr KeyRange keys(int query, int) noexcept { return {0, query + 1}; }
};

/// A query sees its own slot and the Window - 1 before it.
template <int Window>
struct SlidingWindow : AttentionVariant {
  static_assert(Window > 0, "vlmt: a sliding window holds at least the query's own slot");
  static constexpr KeyRange keys(int query, int) noexcept { return {std::max(0, query + 1 - Window), query + 1}; }
};

/// Segments that attend within themselves: segment s is [offsets[s], offsets[s + 1]), s < segments. The offsets are
/// read when the kernel runs (pictures in a vision tower, packed sequences).
struct SegmentedAttention : AttentionVariant {
  const std::int32_t* offsets = nullptr;  ///< segments + 1, ascending
  std::size_t segments = 0;

  SegmentedAttention() = default;
  constexpr SegmentedAttention(const std::int32_t* cu_seqlens, std::size_t count) noexcept
      : offsets(cu_seqlens), segments(count) {}

  KeyRange keys(int query, int) const noexcept {
    const std::int32_t* after = std::upper_bound(offsets, offsets + segments + 1, query);
    if (after == offsets || after == offsets + segments + 1) return {};
    return {after[-1], after[0]};
  }
};

/// Logits bounded by cap * tanh(s / cap), as in Gemma 2, over any other variant.
template <class Base = CausalAttention>
struct SoftCapped : Base {
  float cap = 50.0f;

  template <class T>
  T logit(T s) const noexcept {
    using std::tanh;
    return T(cap) * tanh(s * T(1.0f / cap));
  }
};

/// What attention needs of a variant.
template <class V>
concept AttentionVariantType = requires(const V& v) {
  { v.keys(0, 0) }
  noexcept->std::same_as<KeyRange>;
};

namespace detail {

template <class V>
inline constexpr bool has_visible_v = requires(const V& v) {
  v.visible(0, 0);
};
template <class V>
inline constexpr bool has_logit_v = requires(const V& v) {
  v.logit(0.0f);
};
template <class V>
inline constexpr bool has_score_v = requires(const V& v) {
  v.score(0.0f, AttentionAt{});
};
template <class V>
inline constexpr bool has_query_v = requires(const V& v, float* x) {
  v.query(x, std::size_t{}, 0);
};
template <class V>
inline constexpr bool has_key_v = requires(const V& v, float* x) {
  v.key(x, std::size_t{}, 0);
};

}  // namespace detail

VLMT_END_NAMESPACE
