// Hooks of attention variants on SIMD registers: rows of queries and keys before the product, logits after it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/attention_tile.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/op/attention_variant.hpp"
#include "vlmt/op/rope_policy.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu::detail {

inline constexpr float log2_e = 1.44269504088896341f;

/// True for variants whose hooks take natural logits. Without one the kernels scale queries so that logits are in units
/// of ln 2.
template <class Variant>
inline constexpr bool has_natural_hooks_v = has_logit_v<Variant> || has_score_v<Variant>;

/// Changes a row (dim) of queries or keys by the hook of a variant; Hook is QueryHook or KeyHook.
template <class Arch, class Hook, class Variant>
void hook_row(const Variant& variant, float* row, std::size_t dim, int slot) noexcept {
  using F = simd::Floats<Arch>;
  constexpr RowHook form = row_hook<Variant, Hook>();
  const auto part = [](std::size_t i, std::size_t end) { return std::min<std::size_t>(F::lanes, end - i); };
  const auto load = [](const float* p, std::size_t n)
                        VLMT_INLINE_LAMBDA { return n == F::lanes ? F::load(p) : F::load(p, n); };
  const auto store = [](F x, float* p, std::size_t n) VLMT_INLINE_LAMBDA {
    if (n == F::lanes) {
      x.store(p);
    } else {
      x.store(p, n);
    }
  };
  if constexpr (form == RowHook::rows) {
    Hook{}(variant, row, dim, slot);
  } else if constexpr (form == RowHook::elements) {
    for (std::size_t i = 0; i < dim; i += F::lanes) {
      const std::size_t n = part(i, dim);
      const auto at = [&](const float* p) VLMT_INLINE_LAMBDA { return load(p + i, n); };
      store(Hook{}(variant, load(row + i, n), slot, at), row + i, n);
    }
  } else if constexpr (form == RowHook::pairs) {
    using Pairing = typename Variant::Pairing;
    const std::size_t half = dim / 2;
    if constexpr (std::is_same_v<Pairing, RopeHalves>) {
      for (std::size_t i = 0; i < half; i += F::lanes) {
        const std::size_t n = part(i, half);
        const auto at = [&](const float* p) VLMT_INLINE_LAMBDA { return load(p + i, n); };
        const ElementPair<F> x{load(row + i, n), load(row + half + i, n)};
        const ElementPair<F> y = Hook{}(variant, x, slot, at);
        store(y.first, row + i, n);
        store(y.second, row + half + i, n);
      }
    } else {
      for (std::size_t i = 0; i < half; ++i) {
        float& first = row[Pairing::first(i, half)];
        float& second = row[Pairing::second(i, half)];
        const ElementPair<float> y = Hook{}(variant, ElementPair<float>{first, second}, slot, HookParameter<float>{i});
        first = y.first;
        second = y.second;
      }
    }
  }
}

/// Applies the hooks that change single logits to a tile s (keys, queries), and converts natural logits to base 2. Rows
/// of the tile past `rows` are treated as the last one.
template <class Arch, class Variant>
void tile_hooks(const Variant& variant, float* s, std::size_t keys, int first_key, std::size_t first_row,
                std::size_t rows, std::size_t group, int first_slot, std::size_t first_head) noexcept {
  using F = simd::Floats<Arch>;
  using B = AttentionBlocking<Arch>;
  if constexpr (has_natural_hooks_v<Variant> || has_visible_v<Variant>) {
    alignas(64) float query[B::queries];
    alignas(64) float head[B::queries];
    for (std::size_t r = 0; has_position_hooks_v<Variant> && r < B::queries; ++r) {
      const std::size_t row = first_row + std::min(r, rows - 1);
      query[r] = static_cast<float>(first_slot + static_cast<int>(row / group));
      head[r] = static_cast<float>(first_head + row % group);
    }
    for (std::size_t k = 0; k < keys; ++k) {
      const F key(static_cast<float>(first_key + static_cast<int>(k)));
      for (std::size_t i = 0; i < B::queries; i += F::lanes) {
        LogitPosition<F> at{};
        if constexpr (has_position_hooks_v<Variant>) at = {F::load(query + i), key, F::load(head + i)};
        float* logits = s + k * B::queries + i;
        F x = apply_logit_hooks(variant, F::load(logits), at);
        if constexpr (has_natural_hooks_v<Variant>) x *= F(log2_e);
        x.store(logits);
      }
    }
  }
}

/// Scales the logits s of one query and head at slots [first, first + n), applies the hooks that change single logits,
/// and hides the slots outside of `range`. Hooks have a loop of their own: in one loop with the scale, a compiler could
/// contract its product with a sum of theirs.
template <class Arch, class Variant>
void finish_logits(const Variant& variant, float* s, std::size_t n, int first, float scale, KeyRange range, int slot,
                   std::size_t head) noexcept {
  using F = simd::Floats<Arch>;
  const auto change = [&](const auto& f) VLMT_INLINE_LAMBDA {
    std::size_t i = 0;
    for (; i + F::lanes <= n; i += F::lanes) f(F::load(s + i), i).store(s + i);
    if (i < n) f(F::load(s + i, n - i), i).store(s + i, n - i);
  };
  change([&](F x, std::size_t) VLMT_INLINE_LAMBDA { return x * F(scale); });
  if constexpr (has_natural_hooks_v<Variant> || has_visible_v<Variant>) {
    alignas(64) float lane[F::lanes];
    for (std::size_t i = 0; i < F::lanes; ++i) lane[i] = static_cast<float>(first + static_cast<int>(i));
    const F keys = F::load(lane);
    LogitPosition<F> at{F(static_cast<float>(slot)), F::zero(), F(static_cast<float>(head))};
    change([&](F x, std::size_t i) VLMT_INLINE_LAMBDA {
      at.key = keys + F(static_cast<float>(i));
      return apply_logit_hooks(variant, x, at);
    });
  }
  const int count = static_cast<int>(n);
  const int low = std::clamp(range.begin - first, 0, count);
  const int high = std::clamp(range.end - first, low, count);
  std::fill(s, s + low, -float_infinity);
  std::fill(s + high, s + count, -float_infinity);
}

}  // namespace cpu::detail

VLMT_END_NAMESPACE
