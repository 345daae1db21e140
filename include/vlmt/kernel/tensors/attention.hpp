// Attention of tensors: queries over keys and values, without a cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/attention.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

template <class T>
using PlainFormat =
    std::conditional_t<std::is_same_v<T, float>, F32, std::conditional_t<std::is_same_v<T, float16>, F16, BF16>>;

/// Keys or values (slots, heads, dim), read in place in their own type. Attention does not write them.
template <class Arch, class T>
KvRows kv_rows_of(const StridedView<const T, 3>& v) noexcept {
  auto* base = reinterpret_cast<std::byte*>(const_cast<T*>(v.data()));
  return {base, v.stride(1) * sizeof(T), v.stride(0) * sizeof(T), &kv_leaf_v<PlainFormat<T>, Arch>};
}

}  // namespace detail

/// out[t, h] = sum over s of softmax_s(scale q[t, h] . k[s, g]) v[s, g] with g = h / (heads / kv_heads), for q and out
/// (n, heads, dim), k and v (slots, kv_heads, dim), slots >= n. Query t is in slot slots - n + t, so CausalAttention
/// lets the last query see all slots. Elements of a head of k and of v are contiguous; other strides are free, as in
/// (heads, slots, dim) with transposed(k, 0, 1). k and v are read in their own types. out may be q. For any variant of
/// op/attention_variant.hpp or of a user. Queries and heads are split across the team.
template <class Arch = arch::native, class Variant, TensorArgument Q, TensorArgument K, TensorArgument V,
          TensorArgument Out, TensorPlace... Places>
void attention(const Variant& variant, const Q& q, const K& k, const V& v, float scale, Out&& out, Places&... places) {
  const auto queries = detail::float_input<3>("attention", "q", q);
  const auto keys = detail::float_input<3>("attention", "k", k);
  const auto values = detail::float_input<3>("attention", "v", v);
  const auto to = detail::float_output<3>("attention", "out", out);
  const std::size_t n = queries.extent(0), heads = queries.extent(1), dim = queries.extent(2);
  const std::size_t slots = keys.extent(0), kv_heads = keys.extent(1);
  detail::assert_sizes("attention", "q", queries, dynamic, dynamic, dynamic);
  detail::assert_sizes("attention", "k", keys, dynamic, dynamic, dim);
  detail::assert_sizes("attention", "v", values, slots, kv_heads, dim);
  detail::assert_sizes("attention", "out", to, n, heads, dim);
  detail::assert_argument("attention", "q", queries, dim != 0, "heads of at least one element");
  detail::assert_argument("attention", "k", keys, slots >= n, "a slot for each query");
  detail::assert_argument("attention", "k", keys, slots <= attention_max_slots, "at most 2^24 slots");
  detail::assert_argument("attention", "k", keys, kv_heads != 0 && heads % kv_heads == 0,
                          "a number of heads that divides those of q");
  detail::assert_argument("attention", "k", keys, keys.stride(2) == 1 || dim == 1,
                          "contiguous heads, found a stride: copy it");
  detail::assert_argument("attention", "v", values, values.stride(2) == 1 || dim == 1,
                          "contiguous heads, found a stride: copy it");
  if (n == 0 || heads == 0) return;
  // Queries in place if heads follow each other, and if the output does not overwrite those still to be read.
  const bool shares = static_cast<const void*>(to.data()) == static_cast<const void*>(queries.data());
  const bool in_place = !shares && detail::has_float_rows(queries) && (heads == 1 || queries.stride(1) == dim) &&
                        (n == 1 || queries.stride(0) >= heads * dim);
  struct Memory {
    float* tiles;
    float* queries;
  };
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) {
        return Memory{carver.take<float>(members * attention_tile_floats(dim)),
                      in_place ? nullptr : carver.take<float>(n * heads * dim)};
      },
      [&](Member& m, const Memory& memory) {
        QueryRows rows{memory.queries, heads * dim, n, heads};
        if (in_place) {
          if constexpr (std::is_same_v<typename decltype(queries)::Elem, const float>) {
            rows.data = queries.data();
            rows.stride = n == 1 ? heads * dim : queries.stride(0);
          }
        } else {
          const Range mine = m.share(n * heads);
          for (std::size_t i = mine.begin; i < mine.end; ++i) {
            detail::load_elements<Arch>(queries.data() + i / heads * queries.stride(0) + i % heads * queries.stride(1),
                                        queries.stride(2), dim, memory.queries + i * dim);
          }
          m.barrier();
        }
        const KvView kv{detail::kv_rows_of<Arch>(keys), detail::kv_rows_of<Arch>(values), kv_heads, dim, slots};
        const auto start = static_cast<std::int32_t>(slots - n);
        attention<Arch>(variant, rows, kv, scale, &start, TensorRows<typename decltype(to)::Elem>::of(to),
                        AttentionScratch{memory.tiles, nullptr, 0}, m);
      },
      places...);
}

VLMT_END_NAMESPACE
