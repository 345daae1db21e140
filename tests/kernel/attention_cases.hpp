// Random queries and KV caches for attention tests, and the error measure of their results.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/kernel/attention.hpp"
#include "vlmt/kernel/attention_instances.hpp"

#include "kernel_check.hpp"
#include "kv_leaves.hpp"

namespace vlmt_test {

/// n queries at slots start, start + 1, ... over a KV cache of `capacity` slots.
struct AttentionCase {
  std::size_t n = 1;
  std::size_t heads = 1;
  std::size_t kv_heads = 1;
  std::size_t dim = 64;
  std::int32_t start = 0;
  std::size_t capacity = 0;
  const vlmt::KvLeaf* key = nullptr;
  const vlmt::KvLeaf* value = nullptr;

  std::vector<float> queries;
  std::vector<std::byte> cache;
  vlmt::KvView kv;
  float scale = 0.0f;

  /// Two heads share a KV head, with more queries than a block and more keys than a tile.
  template <class Arch>
  static AttentionCase example() {
    AttentionCase c;
    c.n = 70, c.kv_heads = 1, c.heads = 2, c.dim = 32, c.start = 290;
    c.key = c.value = &kv_leaf<vlmt::F32, Arch>();
    c.fill(11);
    return c;
  }

  /// Fills slots [0, start + n) with random rows; the rest of the cache holds NaN and must not be read.
  void fill(unsigned seed) {
    capacity = std::max(capacity, static_cast<std::size_t>(start) + n);
    scale = 1.0f / std::sqrt(static_cast<float>(dim));
    queries = gaussian(n * heads * dim, seed, 2.0f);
    const std::size_t key_bytes = vlmt::round_up(vlmt::kv_rows_bytes(*key, kv_heads, dim, capacity), std::size_t{64});
    cache.assign(key_bytes + vlmt::kv_rows_bytes(*value, kv_heads, dim, capacity), std::byte{0xff});
    kv = {vlmt::kv_rows(cache.data(), *key, dim, capacity),
          vlmt::kv_rows(cache.data() + key_bytes, *value, dim, capacity), kv_heads, dim, capacity};
    const std::size_t used = static_cast<std::size_t>(start) + n;
    const auto rows = gaussian(2 * kv_heads * used * dim, seed + 1);
    for (std::size_t h = 0; h < kv_heads; ++h) {
      for (std::size_t s = 0; s < used; ++s) {
        key->store(rows.data() + (h * used + s) * dim, dim, kv.key_row(h, s));
        value->store(rows.data() + ((kv_heads + h) * used + s) * dim, dim, kv.value_row(h, s));
      }
    }
  }

  vlmt::QueryRows rows() const { return {queries.data(), heads * dim, n, heads}; }

  template <class Arch, class Variant>
  std::vector<float> prefill(const Variant& variant, vlmt::Member& m, std::vector<float>& tiles) const {
    std::vector<float> out(n * heads * dim, -1.0f);
    vlmt::attention<Arch>(variant, rows(), kv, scale, &start, vlmt::F32Rows{out.data(), heads * dim},
                          {tiles.data(), nullptr, 0}, m);
    return out;
  }
  template <class Arch, class Variant>
  std::vector<float> prefill(const Variant& variant) const {
    std::vector<float> tiles(vlmt::attention_tile_floats(dim), NAN);
    vlmt::Solo solo;
    return prefill<Arch>(variant, solo.member(), tiles);
  }
  template <class Arch, class Variant>
  std::vector<float> split(const Variant& variant) const {
    std::vector<float> tiles(vlmt::attention_tile_floats(dim), NAN);
    std::vector<float> partials(vlmt::attention_partial_floats(n, heads, dim, capacity), NAN);
    std::vector<float> out(n * heads * dim, -1.0f);
    const vlmt::AttentionScratch scratch{tiles.data(), partials.data(), capacity};
    vlmt::attention_split<Arch>(variant, rows(), kv, scale, &start, scratch);
    vlmt::attention_merge<Arch>(variant, rows(), kv, scale, &start, vlmt::F32Rows{out.data(), heads * dim}, scratch);
    return out;
  }
};

/// For tests whose code is the same on every arch and where each variant is another kernel to compile.
using Best = ::testing::Types<vlmt::arch::native>;

/// Relative L2 error, as in the parity requirement; infinite if `got` has a NaN.
inline double relative_l2(const std::vector<float>& got, const std::vector<float>& want) {
  double error = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double e = static_cast<double>(got[i]) - static_cast<double>(want[i]);
    error += e * e;
    norm += static_cast<double>(want[i]) * static_cast<double>(want[i]);
  }
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : std::sqrt(error / std::max(norm, 1e-30));
}

/// Logits carry about sqrt(dim) roundings of terms of size 2, which changes probabilities by as much. Sums of values
/// add about the same again.
inline constexpr double attention_tolerance = 6 * eps;

}  // namespace vlmt_test
