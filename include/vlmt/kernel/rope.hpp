// Rotary position embeddings: the angle table of a step, the rotation of heads, and the fused kernel between the QKV
// projection and attention (per-head norm, rotation, KV cache write).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/rope.hpp"
#include "vlmt/kernel/cpu/rows.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/kernel/ref/rope.hpp"
#include "vlmt/kernel/ref/rows.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/op/rope_policy.hpp"
#include "vlmt/op/rotary.hpp"

VLMT_BEGIN_NAMESPACE

/// Fills the table of n tokens from positions (n, Policy::axes) and the frequencies of rope_frequencies. Made once per
/// step, read by all layers. Angles are float products; their cosine and sine are computed in double on every arch and
/// rounded to float, so large positions lose no accuracy. Tokens are split across the team.
template <RopePolicy Policy>
void rope_table(const Policy& policy, const std::int32_t* positions, std::size_t n, const float* frequencies,
                std::size_t half, float* table, Member& m = Solo().member()) {
  if (n != 0) {
    VLMT_ASSERT_SET("rope_table", positions);
    VLMT_ASSERT_SET("rope_table", frequencies);
    VLMT_ASSERT_SET("rope_table", table);
  }
  const Range tokens = m.share(n);
  for (std::size_t t = tokens.begin; t < tokens.end; ++t) {
    ref::rope_row(policy, positions + t * Policy::axes, frequencies, half, table + t * 2 * half);
  }
}

/// Rotates the first 2 * half elements of a head x in place by one row of the table.
template <class Arch, class Pairing>
inline void rope_apply(const float* table_row, std::size_t half, float* x) noexcept {
  if constexpr (is_reference_v<Arch>) {
    ref::rope_apply<Pairing>(table_row, half, x);
  } else {
    cpu::rope_apply<Arch, Pairing>(table_row, half, x);
  }
}

/// Rotates heads in place: head h of token t is at x[t * stride + h * head_dim]. For vision encoders without a KV
/// cache: on fused rows [Q | K | V], pass `2 * heads` to rotate Q and K together. Heads are split across the team.
template <class Arch, class Pairing>
void rope_rows(float* x, std::size_t n, std::size_t heads, std::size_t head_dim, std::size_t stride, const float* table,
               std::size_t half, Member& m = Solo().member()) {
  VLMT_ASSERT_LE("rope_rows", 2 * half, head_dim);
  assert_input("rope_rows: x", x, n, heads * head_dim, stride);
  if (n != 0) VLMT_ASSERT_SET("rope_rows", table);
  const Range items = m.share(n * heads);
  for (std::size_t i = items.begin; i < items.end; ++i) {
    const std::size_t t = i / heads;
    rope_apply<Arch, Pairing>(table + t * 2 * half, half, x + t * stride + i % heads * head_dim);
  }
}

/// Norms of queries and keys as loops over a head in place, for the CPU only.
template <class N, class Arch>
concept QkLoopNorm = requires(const N& norm, float* x) {
  { norm.template query<Arch>(x, std::size_t{}) }
  noexcept;
  { norm.template key<Arch>(x, std::size_t{}) }
  noexcept;
};

/// What happens to each head of queries and keys before the rotation: nothing (NoQkNorm), two norms of heads, or loops.
template <class N, class Arch>
concept QkNorm = std::same_as<N, NoQkNorm> || QkLoopNorm<N, Arch> || requires(const N& norm) {
  requires RowNorm<std::remove_cvref_t<decltype(norm.of_query)>, Arch>;
  requires RowNorm<std::remove_cvref_t<decltype(norm.of_key)>, Arch>;
};

namespace detail {

/// Norm of one head x (dim) in place.
template <class Arch, bool Query, class Norm>
VLMT_INLINE void norm_head(const Norm& norm, float* x, std::size_t dim) noexcept {
  if constexpr (QkLoopNorm<Norm, Arch>) {
    if constexpr (Query) {
      norm.template query<Arch>(x, dim);
    } else {
      norm.template key<Arch>(x, dim);
    }
  } else if constexpr (!std::same_as<Norm, NoQkNorm>) {
    const auto& of = [&]() -> const auto& {
      if constexpr (Query) {
        return norm.of_query;
      } else {
        return norm.of_key;
      }
    }
    ();
    norm_columns<Arch>(of, norm_stats<Arch>(of, x, dim), x, 0, dim, x);
  }
}

}  // namespace detail

/// Rows of a QKV projection of n tokens: head h of token t is at q[t * stride + h * head_dim]; k and v have the same
/// layout.
struct QkvRows {
  float* q = nullptr;
  float* k = nullptr;
  float* v = nullptr;
  std::size_t stride = 0;
  std::size_t n = 0;
  std::size_t heads = 0;          ///< query heads
  const float* q_bias = nullptr;  ///< (heads * head_dim), or null
  const float* k_bias = nullptr;  ///< (KV heads * head_dim), or null
  const float* v_bias = nullptr;  ///< the same
};

namespace detail {

/// x += the bias of its head, if there are biases.
template <class Arch>
void add_head_bias(const float* bias, std::size_t head, std::size_t dim, float* x) noexcept {
  if (bias == nullptr) return;
  if constexpr (is_reference_v<Arch>) {
    ref::add_row(bias + head * dim, dim, x);
  } else {
    cpu::add_row<Arch>(bias + head * dim, dim, x);
  }
}

template <class Kv>
void assert_qkv(const char* call, const QkvRows& rows, [[maybe_unused]] const float* table,
                [[maybe_unused]] std::size_t half, const Kv& kv, const std::int32_t* start) {
  VLMT_ASSERT_SET(call, start);
  if (rows.n == 0) return;
  [[maybe_unused]] const std::size_t head_dim = kv.head_dim(), kv_heads = kv.kv_heads();
  VLMT_ASSERT_LE(call, 2 * half, head_dim);
  VLMT_ASSERT_SET(call, table);
  VLMT_ASSERT_SET(call, rows.q);
  VLMT_ASSERT_SET(call, rows.k);
  VLMT_ASSERT_SET(call, rows.v);
  if (rows.n > 1) {
    VLMT_ASSERT_LE(call, rows.heads * head_dim, rows.stride);
    VLMT_ASSERT_LE(call, kv_heads * head_dim, rows.stride);
  }
  VLMT_ASSERT_LE(call, 0, *start);
  if constexpr (requires { kv.assert_fits(call, rows.n); }) {
    kv.assert_fits(call, static_cast<std::size_t>(*start) + rows.n);
  }
}

}  // namespace detail

/// Queries: bias, norm and rotation in place. Keys: the same, then stored in the cache in the format of the keys.
/// Values: bias in place, then stored in the cache in the format of the values. Token t goes to slot *start + t, which
/// must exist. `table` has `half` angles per token; elements of a head past 2 * half are not rotated. Heads are split
/// across the team.
template <class Arch, class Pairing, class Norm, KvSource Kv>
void qk_norm_rope_store(const QkvRows& rows, const Norm& norm, const float* table, std::size_t half, const Kv& kv,
                        const std::int32_t* start, Member& m = Solo().member()) {
  static_assert(
      QkNorm<Norm, Arch>,
      "vlmt: a norm of queries and keys needs of_query and of_key, norms of one head, see RmsQkNorm in op/norm.hpp; "
      "or, for the CPU only, loops: query<Arch>(x, dim) and key<Arch>(x, dim), both noexcept");
  const std::size_t dim = kv.head_dim();
  detail::assert_qkv("qk_norm_rope_store", rows, table, half, kv, start);
  const std::size_t groups = rows.heads + 2 * kv.kv_heads();
  const auto first = static_cast<std::size_t>(*start);
  const Range items = m.share(rows.n * groups);
  for (std::size_t i = items.begin; i < items.end; ++i) {
    const std::size_t t = i / groups;
    std::size_t head = i % groups;
    if (head < rows.heads) {
      float* x = rows.q + t * rows.stride + head * dim;
      detail::add_head_bias<Arch>(rows.q_bias, head, dim, x);
      detail::norm_head<Arch, true>(norm, x, dim);
      rope_apply<Arch, Pairing>(table + t * 2 * half, half, x);
      continue;
    }
    head -= rows.heads;
    if (head < kv.kv_heads()) {
      float* x = rows.k + t * rows.stride + head * dim;
      detail::add_head_bias<Arch>(rows.k_bias, head, dim, x);
      detail::norm_head<Arch, false>(norm, x, dim);
      rope_apply<Arch, Pairing>(table + t * 2 * half, half, x);
      kv.key_leaf().store(x, dim, kv.key_row(head, first + t));
      continue;
    }
    head -= kv.kv_heads();
    float* x = rows.v + t * rows.stride + head * dim;
    detail::add_head_bias<Arch>(rows.v_bias, head, dim, x);
    kv.value_leaf().store(x, dim, kv.value_row(head, first + t));
  }
}

VLMT_END_NAMESPACE
