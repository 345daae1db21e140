// Attention variants: types that define which keys a query sees and how logits are computed.
//
// A variant derives from AttentionVariant and overrides what it changes. Only `keys` is required. The other hooks are
// optional and cost nothing if absent:
//   KeyRange keys(int query, int length) const noexcept     the interval of slots that a query may see
//   bool visible(int query, int key) const noexcept         a mask inside that interval
//   template <class T> T logit(T s) const noexcept          changes scaled logits; T is float, double or a SIMD vector
//   float score(float s, LogitPosition at) const noexcept     changes scaled logits by position and head, after `logit`
//   void query(float* row, std::size_t dim, int query) const noexcept     changes a query before the product
//   void key(float* row, std::size_t dim, int key) const noexcept         changes a key before the product
// `query` and `key` are slots of the KV cache: causal order is slot order. `length` is one past the last slot written.
// `keys` may name slots outside [0, length); they are left out. Tiles entirely outside `keys` are skipped. In the other
// tiles, hooks may also run for slots outside `keys`; their results are discarded. Hooks marked VLMT_HD run on devices,
// too.
#pragma once

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

/// Query, key and head of a logit.
struct LogitPosition {
  int query;  ///< slot
  int key;    ///< slot
  int head;   ///< query head
};

/// The identity, and the base of all variants: every query sees every slot of [0, length).
struct AttentionVariant {
  static VLMT_HD constexpr KeyRange keys(int, int length) noexcept { return {0, length}; }
};

/// Every query sees every key.
struct FullAttention : AttentionVariant {};

/// A query sees its own slot and all before it.
struct CausalAttention : AttentionVariant {
  static VLMT_HD constexpr KeyRange keys(int query, int) noexcept { return {0, query + 1}; }
};

/// A query sees its own slot and the Window - 1 before it.
template <int Window>
struct SlidingWindow : AttentionVariant {
  static_assert(Window > 0, "vlmt: a sliding window holds at least the query's own slot");
  static VLMT_HD constexpr KeyRange keys(int query, int) noexcept {
    return {query + 1 > Window ? query + 1 - Window : 0, query + 1};
  }
};

/// Segments that attend only within themselves (images in a vision encoder, packed sequences): segment s is slots
/// [offsets[s], offsets[s + 1]), s < segments. A slot outside all segments sees no key. The offsets are not owned; they
/// are read when the kernel runs. Without segments no slot sees a key.
struct SegmentedAttention : AttentionVariant {
  const std::int32_t* offsets = nullptr;  ///< segments + 1, ascending
  std::size_t segments = 0;

  SegmentedAttention() = default;
  constexpr SegmentedAttention(const std::int32_t* cu_seqlens, std::size_t count) noexcept
      : offsets(cu_seqlens), segments(count) {}

  VLMT_HD KeyRange keys(int query, int) const noexcept {
    if (segments == 0 || query < offsets[0] || query >= offsets[segments]) return {};
    // The last segment that begins at or before the query: the one before the first offset beyond it.
    std::size_t begin = 0;
    std::size_t end = segments;
    while (end - begin > 1) {
      const std::size_t middle = begin + (end - begin) / 2;
      (offsets[middle] <= query ? begin : end) = middle;
    }
    return {offsets[begin], offsets[begin + 1]};
  }
};

/// Bounds the logits of any other variant: cap * tanh(s / cap), as in Gemma 2.
template <class Base = CausalAttention>
struct SoftCapped : Base {
  float cap = 50.0f;

  template <class T>
  VLMT_HD T logit(T s) const noexcept {
    using std::tanh;
    return T(cap) * tanh(s * T(1.0f / cap));
  }
};

/// The slots that a query may see, cut to those that have been written. All kernels ask a variant through it.
template <class Variant>
VLMT_HD constexpr KeyRange keys_in_cache(const Variant& variant, int query, int length) noexcept {
  const KeyRange keys = variant.keys(query, length);
  const int begin = keys.begin > 0 ? keys.begin : 0;
  const int end = keys.end < length ? keys.end : length;
  return {begin, end > begin ? end : begin};
}

/// Requirement of the attention kernels on a variant.
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
  v.score(0.0f, LogitPosition{});
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
