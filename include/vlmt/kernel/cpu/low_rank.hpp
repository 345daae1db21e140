// Low-rank deltas on SIMD registers.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/expanded_sizes.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/unroll.hpp"
#include "vlmt/op/low_rank.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// The sum of a[i] * x[i] over n values, in four partial sums of vectors.
template <class Arch, class T>
float dot_row(const T* a, const float* x, std::size_t n) noexcept {
  using F = simd::Floats<Arch>;
  constexpr std::size_t sums = 4;
  F s[sums] = {F::zero(), F::zero(), F::zero(), F::zero()};
  std::size_t i = 0;
  for (; i + sums * F::lanes <= n; i += sums * F::lanes) {
    detail::unroll<sums>([&](auto k) VLMT_INLINE_LAMBDA {
      s[k] = fma(F::load(a + i + k * F::lanes), F::load(x + i + k * F::lanes), s[k]);
    });
  }
  for (; i + F::lanes <= n; i += F::lanes) s[0] = fma(F::load(a + i), F::load(x + i), s[0]);
  if (i < n) s[1] = fma(F::load(a + i, n - i), F::load(x + i, n - i), s[1]);
  return reduce_add((s[0] + s[1]) + (s[2] + s[3]));
}

/// y = v + sum over i < rank of t[i] * up[i, c], for the columns c of a tile; `up` is their panel (rank, tile_columns).
template <class Arch, class T>
void add_low_rank(const float* v, const float* t, const T* up, std::size_t rank, float* y) noexcept {
  using F = simd::Floats<Arch>;
  constexpr std::size_t vectors = tile_columns / F::lanes;
  static_assert(tile_columns == low_rank_panel);
  F sum[vectors];
  detail::unroll<vectors>([&](auto k) VLMT_INLINE_LAMBDA { sum[k] = F::zero(); });
  for (std::size_t i = 0; i < rank; ++i, up += tile_columns) {
    const F factor(t[i]);
    detail::unroll<vectors>([&](auto k)
                                VLMT_INLINE_LAMBDA { sum[k] = fma(factor, F::load(up + k * F::lanes), sum[k]); });
  }
  detail::unroll<vectors>([&](auto k)
                              VLMT_INLINE_LAMBDA { (F::load(v + k * F::lanes) + sum[k]).store(y + k * F::lanes); });
}

}  // namespace cpu

VLMT_END_NAMESPACE
