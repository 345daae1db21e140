// The inner products of attention over one tile of keys, with queries along the vector lanes.
//
// Queries are transposed, (dim, queries). A product with a key then broadcasts the key's elements, the softmax of a
// query is lane-wise, and the product with values broadcasts the values' elements. Keys and values are read without
// repacking, any head dimension fits without padding, and only queries are padded to whole vectors.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/unroll.hpp"
#include "vlmt/numeric/multiply_add.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Register blocking of attention: `vectors` vectors of queries times `rows` keys (or elements of values).
template <class Arch>
struct AttentionBlocking {
  static constexpr std::size_t vectors = Arch::registers >= 32 ? 4 : 2;
  static constexpr std::size_t rows = 4;
  static constexpr std::size_t queries = vectors * Arch::lanes;  ///< per tile
};

namespace detail {

/// Initial maximum. Finite, so that a query that has seen no key needs no special case: -inf minus it is -inf.
inline constexpr float lowest_logit = -std::numeric_limits<float>::max();

/// log_sum of a state whose logits are in base 2; -infinity if the sum is 0.
inline double base2_log_sum(float max, float sum) noexcept {
  constexpr double ln_2 = 0.693147180559945309;
  return multiply_add(static_cast<double>(max), ln_2, std::log(static_cast<double>(sum)));
}

/// 2^x for x <= 0 within 2 units in the last place; exactly 0 below -126.5.
template <class Arch>
VLMT_INLINE simd::Floats<Arch> exp2_nonpositive(simd::Floats<Arch> x) noexcept {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  const F c = max(F(-127.0f), x);
  const I n = to_int(c);
  const F r = c - to_float(n);
  // Fit on [-1/2, 1/2], relative error 1.9e-9.
  F p(1.5345807424e-04f);
  p = fma(p, r, F(1.3399931181e-03f));
  p = fma(p, r, F(9.6184889741e-03f));
  p = fma(p, r, F(5.5503287771e-02f));
  p = fma(p, r, F(2.4022646890e-01f));
  p = fma(p, r, F(6.9314720574e-01f));
  p = fma(p, r, F(1.0f));
  // n = -127 gives the bit pattern of 0.
  return p * from_bits(simd::Ints<Arch>(shift_left<23>(n + I(127))));
}

/// Keeps a loaded vector in its register. g++ would repeat the load for each product that uses it, and load ports would
/// become the limit.
template <class Arch>
VLMT_INLINE simd::Floats<Arch> in_register(simd::Floats<Arch> x) noexcept {
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
  auto raw = x.raw();
  asm("" : "+v"(raw));
  return simd::Floats<Arch>(raw);
#else
  return x;
#endif
}

/// Products are summed in runs of this length, then the runs are summed: rounding errors grow with the square roots of
/// the length and of the number of runs.
inline constexpr std::size_t sum_run = 32;

/// s[r, :] = sum_i k[r, i] * qt[i, :] for Rows keys.
template <class Arch, std::size_t Rows>
VLMT_INLINE void logit_rows(const float* qt, const float* k, std::size_t key_stride, std::size_t dim,
                            float* s) noexcept {
  using F = simd::Floats<Arch>;
  using B = AttentionBlocking<Arch>;
  for (std::size_t run = 0; run < dim; run += sum_run) {
    const std::size_t end = dim - run < sum_run ? dim : run + sum_run;
    F sum[Rows][B::vectors];
    unroll<Rows>([&](auto r) VLMT_INLINE_LAMBDA {
      unroll<B::vectors>([&](auto v) VLMT_INLINE_LAMBDA { sum[r][v] = F::zero(); });
    });
    for (std::size_t i = run; i < end; ++i) {
      F q[B::vectors];
      unroll<B::vectors>([&](auto v)
                             VLMT_INLINE_LAMBDA { q[v] = in_register(F::load(qt + i * B::queries + v * F::lanes)); });
      unroll<Rows>([&](auto r) VLMT_INLINE_LAMBDA {
        const F key(k[r * key_stride + i]);
        unroll<B::vectors>([&](auto v) VLMT_INLINE_LAMBDA { sum[r][v] = fma(key, q[v], sum[r][v]); });
      });
    }
    unroll<Rows>([&](auto r) VLMT_INLINE_LAMBDA {
      unroll<B::vectors>([&](auto v) VLMT_INLINE_LAMBDA {
        float* at = s + r * B::queries + v * F::lanes;
        (run == 0 ? sum[r][v] : F::load(at) + sum[r][v]).store(at);
      });
    });
  }
}

/// o[d, :] = o[d, :] * factor[:] + sum_k values[k, d] * p[k, :] for Rows elements d of the values.
template <class Arch, std::size_t Rows>
VLMT_INLINE void value_rows(const float* p, const float* values, std::size_t value_stride, std::size_t keys,
                            const float* factor, float* o) noexcept {
  using F = simd::Floats<Arch>;
  using B = AttentionBlocking<Arch>;
  F sum[Rows][B::vectors];
  unroll<Rows>([&](auto r) VLMT_INLINE_LAMBDA {
    unroll<B::vectors>([&](auto v) VLMT_INLINE_LAMBDA { sum[r][v] = F::zero(); });
  });
  for (std::size_t k = 0; k < keys; ++k) {
    F w[B::vectors];
    unroll<B::vectors>([&](auto v)
                           VLMT_INLINE_LAMBDA { w[v] = in_register(F::load(p + k * B::queries + v * F::lanes)); });
    unroll<Rows>([&](auto r) VLMT_INLINE_LAMBDA {
      const F value(values[k * value_stride + r]);
      unroll<B::vectors>([&](auto v) VLMT_INLINE_LAMBDA { sum[r][v] = fma(value, w[v], sum[r][v]); });
    });
  }
  unroll<Rows>([&](auto r) VLMT_INLINE_LAMBDA {
    unroll<B::vectors>([&](auto v) VLMT_INLINE_LAMBDA {
      float* at = o + r * B::queries + v * F::lanes;
      fma(F::load(at), F::load(factor + v * F::lanes), sum[r][v]).store(at);
    });
  });
}

/// Logits s (keys, queries) of one tile: s = k (keys, dim) * qt (dim, queries).
template <class Arch>
VLMT_NOINLINE void tile_logits(const float* qt, const float* k, std::size_t key_stride, std::size_t keys,
                               std::size_t dim, float* s) noexcept {
  using B = AttentionBlocking<Arch>;
  std::size_t r = 0;
  for (; r + B::rows <= keys; r += B::rows) {
    logit_rows<Arch, B::rows>(qt, k + r * key_stride, key_stride, dim, s + r * B::queries);
  }
  for (; r < keys; ++r) logit_rows<Arch, 1>(qt, k + r * key_stride, key_stride, dim, s + r * B::queries);
}

/// Weighted values ot (dim, queries) of one tile: ot = ot * factor + valuesᵀ (dim, keys) * p (keys, queries).
template <class Arch>
VLMT_NOINLINE void tile_values(const float* p, const float* values, std::size_t value_stride, std::size_t keys,
                               std::size_t dim, const float* factor, float* ot) noexcept {
  using B = AttentionBlocking<Arch>;
  std::size_t d = 0;
  for (; d + B::rows <= dim; d += B::rows) {
    value_rows<Arch, B::rows>(p, values + d, value_stride, keys, factor, ot + d * B::queries);
  }
  for (; d < dim; ++d) value_rows<Arch, 1>(p, values + d, value_stride, keys, factor, ot + d * B::queries);
}

/// s = -inf where slot first + k is outside [begin, end) of its query. Slots are exact in float up to 2^24.
template <class Arch>
VLMT_NOINLINE void tile_mask(float* s, std::size_t keys, float first, const float* begin, const float* end) noexcept {
  using F = simd::Floats<Arch>;
  using B = AttentionBlocking<Arch>;
  const F hidden(-std::numeric_limits<float>::infinity());
  for (std::size_t v = 0; v < B::vectors; ++v) {
    const F low = F::load(begin + v * F::lanes);
    const F high = F::load(end + v * F::lanes);
    for (std::size_t k = 0; k < keys; ++k) {
      const F slot(first + static_cast<float>(k));
      float* at = s + k * B::queries + v * F::lanes;
      select((slot >= low) & (slot < high), F::load(at), hidden).store(at);
    }
  }
}

/// One step of the online softmax for every query of the tile, with base-2 logits (units of ln 2): s becomes
/// 2^(s - max), the running maximum and sum are updated, and the weighted values so far must be multiplied by factor.
template <class Arch>
VLMT_NOINLINE void tile_softmax(float* s, std::size_t keys, float* running_max, float* running_sum,
                                float* factor) noexcept {
  using F = simd::Floats<Arch>;
  using B = AttentionBlocking<Arch>;
  F most[B::vectors];
  F old[B::vectors];
  F sum[B::vectors];
  unroll<B::vectors>([&](auto v) VLMT_INLINE_LAMBDA {
    old[v] = F::load(running_max + v * F::lanes);
    most[v] = old[v];
    sum[v] = F::zero();
  });
  for (std::size_t k = 0; k < keys; ++k) {
    unroll<B::vectors>([&](auto v)
                           VLMT_INLINE_LAMBDA { most[v] = max(most[v], F::load(s + k * B::queries + v * F::lanes)); });
  }
  for (std::size_t k = 0; k < keys; ++k) {
    unroll<B::vectors>([&](auto v) VLMT_INLINE_LAMBDA {
      float* at = s + k * B::queries + v * F::lanes;
      const F e = exp2_nonpositive(F::load(at) - most[v]);
      e.store(at);
      sum[v] += e;
    });
  }
  unroll<B::vectors>([&](auto v) VLMT_INLINE_LAMBDA {
    const F scale = exp2_nonpositive(old[v] - most[v]);
    scale.store(factor + v * F::lanes);
    fma(F::load(running_sum + v * F::lanes), scale, sum[v]).store(running_sum + v * F::lanes);
    most[v].store(running_max + v * F::lanes);
  });
}

}  // namespace detail

}  // namespace cpu

VLMT_END_NAMESPACE
