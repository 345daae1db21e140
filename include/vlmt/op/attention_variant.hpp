// Attention variants: types that define which keys a query sees and how logits are computed.
//
// A variant derives from AttentionVariant and overrides what it changes. Only `keys` is required. The other hooks are
// optional, cost nothing if absent, and are arithmetic on V: double in references, a SIMD vector on the CPU, float on
// devices, where they are marked VLMT_HD. Functions such as exp, fma and select are those of numeric/arithmetic.hpp.
//   KeyRange keys(int query, int length) const noexcept        the interval of slots that a query may see
//   V logit(V s) const noexcept                                changes scaled logits
//   V score(V s, LogitPosition<V> at) const noexcept           changes them by position and head, after `logit`
//   auto visible(V query, V key) const noexcept                a mask inside the interval: a comparison of V
//   V query(V x, int slot, const Load& load) const noexcept    changes an element of a query before the product
//   V key(V x, int slot, const Load& load) const noexcept      changes an element of a key before the product
// One more hook, float sink(std::size_t head) const noexcept, is a logit without key and value that takes part in the
// softmax of every query of that head, next to the logits that the hooks above have changed; -infinity: none.
// load(p) loads p at the element's column. With a `Pairing` (RopeHalves, RopePairs), `query` and `key` may take and
// return an ElementPair<V> instead; load(p) then loads p at the pair's index. As loops, query(float* row, std::size_t
// dim, int slot), they run on the CPU only.
//
// `query` and `key` are slots of the KV cache: causal order is slot order. `length` is one past the last slot written.
// `keys` may name slots outside [0, length); they are left out. Tiles entirely outside `keys` are skipped. In the other
// tiles, hooks may also run for slots outside `keys`; their results are discarded.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/arithmetic.hpp"
#include "vlmt/numeric/float_limits.hpp"

VLMT_BEGIN_NAMESPACE

/// Half-open interval of slots.
struct KeyRange {
  int begin = 0;
  int end = 0;
};

/// Query, key and head of a logit, or of each logit of a vector. Slots are exact in float up to 2^24.
template <class V>
struct LogitPosition {
  V query;  ///< slot
  V key;    ///< slot
  V head;   ///< query head
};

/// Elements first(i) and second(i) of a row by the Pairing of a variant.
template <class V>
struct ElementPair {
  V first;
  V second;
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

/// The slot of a query and the `window` - 1 before it, as far as there are any; window > 0.
VLMT_HD constexpr KeyRange latest_keys(int query, int window) noexcept {
  return {query + 1 > window ? query + 1 - window : 0, query + 1};
}

/// A query sees its own slot and the Window - 1 before it.
template <int Window>
struct SlidingWindow : AttentionVariant {
  static_assert(Window > 0, "vlmt: a sliding window holds at least the query's own slot");
  static VLMT_HD constexpr KeyRange keys(int query, int) noexcept { return latest_keys(query, Window); }
};

/// The same with a window that is known at run time, so that it may differ from layer to layer.
struct Windowed : AttentionVariant {
  int window = 0;  ///< 0 or less: none, a query sees all slots up to its own

  VLMT_HD constexpr KeyRange keys(int query, int) const noexcept {
    return latest_keys(query, window > 0 ? window : query + 1);
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
  float cap = 50.0f;  ///< 0 or less: none

  template <class V>
  VLMT_HD VLMT_INLINE V logit(V s) const noexcept {
    using namespace arithmetic;
    if (!(cap > 0.0f)) return s;
    return V(cap) * tanh(s * V(1.0f / cap));
  }
};

/// Adds a sink to each head of any other variant, as in GPT-OSS: a learned logit without key and value, which takes
/// weight from the keys.
template <class Base = CausalAttention>
struct SinkLogits : Base {
  const float* sinks = nullptr;  ///< one for each query head, not owned; read when the kernel runs. Null: none

  VLMT_HD float sink(std::size_t head) const noexcept { return sinks != nullptr ? sinks[head] : -float_infinity; }
};

/// Adds slopes[head] * (key - query) to the logits of any other variant: attention with linear biases (Press et al.,
/// "Train Short, Test Long", 2022).
template <class Base = CausalAttention>
struct LinearBiases : Base {
  const float* slopes = nullptr;  ///< one for each query head, not owned; read when the kernel runs

  template <class V>
  VLMT_HD VLMT_INLINE V score(V s, LogitPosition<V> at) const noexcept {
    using namespace arithmetic;
    return fma(lookup(slopes, at.head), at.key - at.query, s);
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

/// How a variant changes queries or keys: not at all, element by element, pair by pair, or by a loop over a row.
enum class RowHook { none, elements, pairs, rows };

/// Loads a parameter of a hook at a column, for scalar code.
template <class V>
struct HookParameter {
  std::size_t column = 0;
  VLMT_HD VLMT_INLINE V operator()(const float* p) const noexcept { return static_cast<V>(p[column]); }
};

// A hook is there if a scalar fits it: one that does not fit every V is an error, not absent.
template <class Variant>
inline constexpr bool has_visible_v = requires(const Variant& v) { v.visible(0.0, 0.0); };
template <class Variant>
inline constexpr bool has_logit_v = requires(const Variant& v) { v.logit(0.0f); };
template <class Variant>
inline constexpr bool has_score_v = requires(const Variant& v) { v.score(0.0f, LogitPosition<float>{}); } ||
                                    requires(const Variant& v) { v.score(0.0, LogitPosition<double>{}); };
/// True if a logit without a key takes part in every softmax.
template <class Variant>
inline constexpr bool has_sink_v = requires(const Variant& v) { v.sink(std::size_t{}); };
/// True if logits depend on their position.
template <class Variant>
inline constexpr bool has_position_hooks_v = has_score_v<Variant> || has_visible_v<Variant>;

/// The hooks `query` and `key` under one name.
struct QueryHook {
  template <class Variant, class... Args>
  VLMT_HD VLMT_INLINE auto operator()(const Variant& v, Args... args) const noexcept -> decltype(v.query(args...)) {
    return v.query(args...);
  }
};
struct KeyHook {
  template <class Variant, class... Args>
  VLMT_HD VLMT_INLINE auto operator()(const Variant& v, Args... args) const noexcept -> decltype(v.key(args...)) {
    return v.key(args...);
  }
};

/// The form of a QueryHook or a KeyHook of a variant.
template <class Variant, class Hook>
constexpr RowHook row_hook() noexcept {
  if constexpr (requires(const Variant& v, float* x) {
                  { Hook{}(v, x, std::size_t{}, 0) } -> std::same_as<void>;
                }) {
    return RowHook::rows;
  } else if constexpr (
      requires { typename Variant::Pairing; } &&
      requires(const Variant& v, ElementPair<float> x) { Hook{}(v, x, 0, HookParameter<float>{}); }) {
    return RowHook::pairs;
  } else if constexpr (requires(const Variant& v) { Hook{}(v, 0.0f, 0, HookParameter<float>{}); }) {
    return RowHook::elements;
  } else {
    return RowHook::none;
  }
}
template <class Variant>
inline constexpr RowHook query_hook_v = row_hook<Variant, QueryHook>();
template <class Variant>
inline constexpr RowHook key_hook_v = row_hook<Variant, KeyHook>();

/// The hooks of a variant that change single logits take V.
template <class Variant, class V>
concept LogitHooksOf = (!has_logit_v<Variant> || requires(const Variant& v, V s) {
                         { v.logit(s) } noexcept -> std::same_as<V>;
                       }) && (!has_score_v<Variant> || requires(const Variant& v, V s, LogitPosition<V> at) {
                         { v.score(s, at) } noexcept -> std::same_as<V>;
                       }) && (!has_visible_v<Variant> || requires(const Variant& v, V slot) {
                         { v.visible(slot, slot) } noexcept;
                       });

/// Scaled logits s at `at` as the variant changes them; -infinity where it hides the key.
template <class Variant, class V>
VLMT_HD VLMT_INLINE V apply_logit_hooks(const Variant& variant, V s, const LogitPosition<V>& at) noexcept {
  using namespace arithmetic;
  static_assert(LogitHooksOf<Variant, V>,
                "vlmt: hooks of an attention variant are arithmetic: template <class V> V logit(V s), V score(V s, "
                "LogitPosition<V> at), auto visible(V query, V key), all const noexcept; see op/attention_variant.hpp");
  if constexpr (LogitHooksOf<Variant, V>) {
    if constexpr (has_logit_v<Variant>) s = variant.logit(s);
    if constexpr (has_score_v<Variant>) s = variant.score(s, at);
    if constexpr (has_visible_v<Variant>) {
      s = select(variant.visible(at.query, at.key), s, V(-float_infinity));
    }
  }
  return s;
}

VLMT_END_NAMESPACE
