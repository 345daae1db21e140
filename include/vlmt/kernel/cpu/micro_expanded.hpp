// Products of activations with weights in registers or in the first-level cache: the arithmetic of matmul, independent
// of weight formats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/dot.hpp"
#include "vlmt/kernel/cpu/expanded_sizes.hpp"
#include "vlmt/kernel/cpu/group_sums.hpp"
#include "vlmt/kernel/cpu/pin.hpp"
#include "vlmt/kernel/cpu/prefetch.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/tuning.hpp"
#include "vlmt/kernel/cpu/unpack/unpack.hpp"
#include "vlmt/kernel/int8_group.hpp"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Prefetch distance, in bytes, of leaves for a few rows: what a core reads in about two memory latencies.
inline constexpr std::size_t prefetch_bytes = 4096;

namespace detail {

/// f(panel, row) for each pair, unrolled.
template <std::size_t Panels, std::size_t Rows, class F>
VLMT_INLINE void for_sums(F&& f) noexcept {
  VLMT_UNROLL
  for (std::size_t i = 0; i < Panels * Rows; ++i) f(i % Panels, i / Panels);
}

/// x, pinned if Ordered.
template <bool Ordered, class Arch>
VLMT_INLINE simd::Floats<Arch> pinned(simd::Floats<Arch> x) noexcept {
  if constexpr (!Ordered) return x;
  auto raw = x.raw();
  pin(raw);
  return simd::Floats<Arch>(raw);
}

/// Sums of some rows, kept in registers.
template <class Arch, std::size_t Panels, std::size_t Rows>
class RegisterSums {
  using F = simd::Floats<Arch>;

 public:
  VLMT_INLINE RegisterSums() noexcept {
    for_sums<Panels, Rows>([&](std::size_t p, std::size_t r) VLMT_INLINE_LAMBDA { sum_[p][r] = F::zero(); });
  }
  VLMT_INLINE explicit RegisterSums(const float* tile) noexcept {
    for_sums<Panels, Rows>([&](std::size_t p, std::size_t r)
                               VLMT_INLINE_LAMBDA { sum_[p][r] = F::load(tile + r * tile_columns + p * Arch::lanes); });
  }
  VLMT_INLINE F get(std::size_t p, std::size_t r) const noexcept { return sum_[p][r]; }
  VLMT_INLINE void set(std::size_t p, std::size_t r, F x) noexcept { sum_[p][r] = x; }
  VLMT_INLINE void store(float* tile) const noexcept {
    for_sums<Panels, Rows>([&](std::size_t p, std::size_t r)
                               VLMT_INLINE_LAMBDA { sum_[p][r].store(tile + r * tile_columns + p * Arch::lanes); });
  }
  /// Call after all sums have been updated.
  VLMT_INLINE void settle() const noexcept {}

 private:
  F sum_[Panels][Rows];
};

/// Sums of rows, kept in the tile itself.
template <class Arch>
class TileSums {
  using F = simd::Floats<Arch>;

 public:
  VLMT_INLINE explicit TileSums(float* tile) noexcept : tile_(tile) {}
  VLMT_INLINE F get(std::size_t p, std::size_t r) const noexcept {
    return F::load(tile_ + r * tile_columns + p * Arch::lanes);
  }
  VLMT_INLINE void set(std::size_t p, std::size_t r, F x) const noexcept {
    x.store(tile_ + r * tile_columns + p * Arch::lanes);
  }
  VLMT_INLINE void store(float*) const noexcept {}  // already in the tile
  VLMT_INLINE void settle() const noexcept { settle_memory(); }

 private:
  float* tile_;
};

/// Totals next to as many chain sums: in registers if both fit with one register of weights per panel and one of
/// activations, else in the tile.
template <class Arch, std::size_t Panels, std::size_t Rows>
using TotalSums = std::conditional_t<(2 * Panels * Rows + Panels + 1 <= Arch::registers),
                                     RegisterSums<Arch, Panels, Rows>, TileSums<Arch>>;

}  // namespace detail

/// A group of weights of some panels: eight registers of quants per panel, and its scales and biases.
template <class Arch, std::size_t Panels>
struct GroupInRegisters {
  static constexpr bool splits_signs = false;
  simd::Ints<Arch> q[Panels][8];
  const simd::Floats<Arch>* scales[Panels];
  const simd::Floats<Arch>* biases[Panels];

  VLMT_INLINE simd::Ints<Arch> quants(std::size_t p, std::size_t u) const noexcept { return q[p][u]; }
  VLMT_INLINE simd::Floats<Arch> scale(std::size_t p, std::size_t i) const noexcept { return scales[p][i]; }
  VLMT_INLINE simd::Floats<Arch> bias(std::size_t p, std::size_t i) const noexcept { return biases[p][i]; }
};

/// A group of weights of side_panels panels, expanded in memory.
template <class Kind, class Arch>
class ExpandedGroup {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;

 public:
  static constexpr bool splits_signs = splits_signs_v<Kind, Arch>;

  VLMT_INLINE explicit ExpandedGroup(const std::byte* data) noexcept : data_(data) {}
  VLMT_INLINE I quants(std::size_t p, std::size_t u) const noexcept {
    return I::load(reinterpret_cast<const std::int32_t*>(data_) + (u * side_panels<Arch> + p) * Arch::lanes);
  }
  VLMT_INLINE F scale(std::size_t p, std::size_t i) const noexcept { return constant(p, i); }
  VLMT_INLINE F bias(std::size_t p, std::size_t i) const noexcept { return constant(p, Kind::scales + i); }
  /// With split signs: Dot::negative of register u, and the sum of |w| over w < 0.
  VLMT_INLINE I negative(std::size_t p, std::size_t u) const noexcept { return quants(p, 8 + u); }
  VLMT_INLINE I below_zero(std::size_t p) const noexcept {
    static_assert(splits_signs && !Kind::has_bias);
    return quants(p, 16 + Kind::scales);
  }

 private:
  VLMT_INLINE F constant(std::size_t p, std::size_t i) const noexcept {
    return F::load(reinterpret_cast<const float*>(data_) +
                   ((expanded_quants<Kind, Arch> + i) * side_panels<Arch> + p) * Arch::lanes);
  }

  const std::byte* data_;
};

namespace detail {

/// dot[p][r] += quants of registers [First, Last) of panel p times the matching activations of row r.
template <class Kind, std::size_t First, std::size_t Last, class Arch, std::size_t Panels, std::size_t Rows,
          class Group>
VLMT_INLINE void add_quants(typename simd::Ints<Arch>::Ops::I (&dot)[Panels][Rows], const Group& w,
                            const Int8Group* const (&a)[Rows]) noexcept {
  using I = simd::Ints<Arch>;
  using Raw = typename I::Ops::I;
  using D = Dot<Arch>;
  constexpr bool ordered = !D::has_step && Arch::registers < 32 && Panels * Rows >= 4;
  // f(p, r, quants, activations) for each product with the quants of register u.
  const auto products = [&](std::size_t u, auto&& f) VLMT_INLINE_LAMBDA {
    Raw v[Panels];
    VLMT_UNROLL
    for (std::size_t p = 0; p < Panels; ++p) {
      v[p] = w.quants(p, u).raw();
      if constexpr (ordered) pin(v[p]);
    }
    VLMT_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) {
      const Raw x = D::broadcast(a[r]->q + 4 * u);
      VLMT_UNROLL
      for (std::size_t p = 0; p < Panels; ++p) {
        if constexpr (Group::splits_signs) {
          f(p, r, v[p], (I(x) ^ w.negative(p, u)).raw());
        } else {
          f(p, r, v[p], x);
        }
      }
    }
  };
  if constexpr (D::has_step) {
    VLMT_UNROLL
    for (std::size_t u = First; u < Last; ++u) {
      products(u, [&](std::size_t p, std::size_t r, Raw v, Raw x)
                      VLMT_INLINE_LAMBDA { dot[p][r] = D::template step<Kind::is_signed>(dot[p][r], v, x); });
    }
  } else {
    constexpr std::size_t most = D::template run<Kind::max_quant>;
    constexpr std::size_t run = most < Last - First ? most : Last - First;
    static_assert((Last - First) % run == 0);
    constexpr bool by_sign = Kind::is_signed && !Group::splits_signs;
    VLMT_UNROLL
    for (std::size_t first = First; first < Last; first += run) {
      Raw pairs[Panels][Rows];
      VLMT_UNROLL
      for (std::size_t j = 0; j < run; ++j) {
        products(first + j, [&](std::size_t p, std::size_t r, Raw v, Raw x) VLMT_INLINE_LAMBDA {
          const Raw product = D::template products<by_sign>(v, x);
          pairs[p][r] = j == 0 ? product : D::add16(pairs[p][r], product);
          if (j == run - 1) {
            dot[p][r] = (I(dot[p][r]) + I(D::widen(pairs[p][r]))).raw();
            if constexpr (ordered) pin(dot[p][r]);
          } else {
            if constexpr (ordered) pin(pairs[p][r]);
          }
        });
      }
    }
  }
}

}  // namespace detail

/// sum(p, r) += group `at` of row r times a group of weights of panel p. Per scale, an exact int32 dot product starts
/// at -zero * sum of the activations; then sum += act_scale * (scale * dot [+ bias * act_sum]) in float.
template <class Kind, class Arch, std::size_t Panels, std::size_t Rows, class Group, class Target>
VLMT_INLINE void add_group(const Group& w, int zero_bits, const void* const* rows, std::size_t at,
                           Target&& sum) noexcept {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  using Raw = typename I::Ops::I;
  using Sums = GroupSums<Kind, Arch>;
  const Sums sums(zero_bits);
  const Int8Group* a[Rows];
  VLMT_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) a[r] = static_cast<const Int8Group*>(rows[r]) + at;
  Raw dot[Panels][Rows];
  F base[Panels];
  VLMT_UNROLL
  for (std::size_t p = 0; p < Panels; ++p) base[p] = Sums::base(w.scale(p, 0));
  if constexpr (Kind::scales == 1) {
    // With few sums, two chains each hide the latency of a product.
    constexpr bool two_chains = Dot<Arch>::has_step && Panels * Rows < 8;
    detail::for_sums<Panels, Rows>([&](std::size_t p, std::size_t r) VLMT_INLINE_LAMBDA {
      I start = sums.whole(*a[r]);
      if constexpr (Group::splits_signs) start = start + w.below_zero(p);
      dot[p][r] = start.raw();
    });
    if constexpr (two_chains) {
      detail::add_quants<Kind, 0, 4, Arch>(dot, w, a);
      Raw rest[Panels][Rows];
      detail::for_sums<Panels, Rows>([&](std::size_t p, std::size_t r) VLMT_INLINE_LAMBDA { rest[p][r] = I(0).raw(); });
      detail::add_quants<Kind, 4, 8, Arch>(rest, w, a);
      detail::for_sums<Panels, Rows>([&](std::size_t p, std::size_t r)
                                         VLMT_INLINE_LAMBDA { dot[p][r] = (I(dot[p][r]) + I(rest[p][r])).raw(); });
    } else {
      detail::add_quants<Kind, 0, 8, Arch>(dot, w, a);
    }
    detail::for_sums<Panels, Rows>([&](std::size_t p, std::size_t r) VLMT_INLINE_LAMBDA {
      F t = Sums::scaled(I(dot[p][r]), w.scale(p, 0), base[p]);
      if constexpr (Kind::has_bias) t = fma(F(a[r]->sum), w.bias(p, 0), t);
      sum.set(p, r, fma(t, F(a[r]->scale), sum.get(p, r)));
    });
  } else {
    F t[Panels][Rows];
    detail::for_sums<Panels, Rows>([&](std::size_t p, std::size_t r)
                                       VLMT_INLINE_LAMBDA { dot[p][r] = sums.first_half(*a[r]).raw(); });
    detail::add_quants<Kind, 0, 4, Arch>(dot, w, a);
    detail::for_sums<Panels, Rows>([&](std::size_t p, std::size_t r) VLMT_INLINE_LAMBDA {
      t[p][r] = Sums::scaled(I(dot[p][r]), w.scale(p, 0), base[p]);
      dot[p][r] = sums.second_half(*a[r]).raw();
    });
    detail::add_quants<Kind, 4, 8, Arch>(dot, w, a);
    detail::for_sums<Panels, Rows>([&](std::size_t p, std::size_t r) VLMT_INLINE_LAMBDA {
      F s = Sums::add_scaled(I(dot[p][r]), w.scale(p, 1), t[p][r]);
      if constexpr (Kind::has_bias) s = Sums::add_biases(*a[r], w.bias(p, 0), w.bias(p, 1), s);
      sum.set(p, r, fma(s, F(a[r]->scale), sum.get(p, r)));
    });
  }
}

/// Zeroes the columns of one panel.
template <class Arch>
VLMT_INLINE void clear_tile(float* tile, std::size_t rows) noexcept {
  for (std::size_t r = 0; r < rows; ++r) simd::Floats<Arch>::zero().store(tile + r * tile_columns);
}

/// tile += `count` expanded groups times groups [at, at + count) of each row. Prefetches `ahead`.
template <class Kind, class Arch, std::size_t Rows>
VLMT_NOINLINE void add_expanded(const std::byte* groups, std::size_t count, const void* const* rows, std::size_t at,
                                int zero_bits, PrefetchRange ahead, float* tile) noexcept {
  constexpr std::size_t panels = side_panels<Arch>;
  detail::SpreadPrefetch prefetch(ahead, count);
  detail::RegisterSums<Arch, panels, Rows> sum(tile);
  for (std::size_t g = 0; g < count; ++g, groups += expanded_group_bytes<Kind, Arch>) {
    prefetch.step();
    add_group<Kind, Arch, panels, Rows>(ExpandedGroup<Kind, Arch>(groups), zero_bits, rows, at + g, sum);
  }
  sum.store(tile);
}

namespace detail {

template <class Arch>
VLMT_INLINE simd::Floats<Arch> load_elements(const std::byte* p, F16) noexcept {
  return simd::Floats<Arch>::load(reinterpret_cast<const float16*>(p));
}
template <class Arch>
VLMT_INLINE simd::Floats<Arch> load_elements(const std::byte* p, BF16) noexcept {
  return simd::Floats<Arch>::load(reinterpret_cast<const bfloat16*>(p));
}
template <class Arch>
VLMT_INLINE simd::Floats<Arch> load_elements(const std::byte* p, F32) noexcept {
  return simd::Floats<Arch>::load(reinterpret_cast<const float*>(p));
}

}  // namespace detail

/// tile += `count` columns of weights w (count, Panels, lanes) times values [at, at + count) of each row. Each output
/// is a sum of chains of float_chain multiply-adds, in order. With PrefetchRange != 0, weights come from memory and are
/// prefetched PrefetchRange bytes before they are read, and into the second level far_bytes before.
template <class Format, class Arch, std::size_t Panels, std::size_t Rows, std::size_t PrefetchRange = 0>
VLMT_INLINE void add_products(const std::byte* w, std::size_t count, const void* const* rows, std::size_t at,
                              float* tile) noexcept {
  using F = simd::Floats<Arch>;
  constexpr std::size_t bytes = Arch::lanes * sizeof(typename Format::Block);
  detail::TotalSums<Arch, Panels, Rows> total(tile);
  constexpr bool ordered = Arch::registers < 32;
  F sum[Panels][Rows];
  const float* a[Rows];
  VLMT_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) a[r] = static_cast<const float*>(rows[r]) + at;
  [[maybe_unused]] const std::size_t far = far_bytes();
  const auto column = [&](std::size_t k) VLMT_INLINE_LAMBDA {
    F v[Panels];
    VLMT_UNROLL
    for (std::size_t p = 0; p < Panels; ++p) {
      v[p] = detail::pinned<ordered>(detail::load_elements<Arch>(w + (k * Panels + p) * bytes, Format{}));
    }
    VLMT_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) {
      const F x(a[r][k]);
      VLMT_UNROLL
      for (std::size_t p = 0; p < Panels; ++p) sum[p][r] = fma(v[p], x, sum[p][r]);
    }
  };
  for (std::size_t k = 0; k < count;) {
    const std::size_t end = count - k < float_chain ? count : k + float_chain;
    detail::for_sums<Panels, Rows>([&](std::size_t p, std::size_t r)
                                       VLMT_INLINE_LAMBDA { sum[p][r] = detail::pinned<ordered>(F::zero()); });
    for (; k + 4 <= end; k += 4) {
      if constexpr (PrefetchRange != 0) {
        constexpr std::size_t share = 4 * Panels * bytes;
        detail::prefetch<share, detail::CacheLevel::first_level>(w + k * Panels * bytes + PrefetchRange);
        if (far != 0) detail::prefetch<share, detail::CacheLevel::second_level>(w + k * Panels * bytes + far);
      }
      VLMT_UNROLL
      for (std::size_t i = 0; i < 4; ++i) column(k + i);
    }
    for (; k < end; ++k) column(k);
    detail::for_sums<Panels, Rows>([&](std::size_t p, std::size_t r)
                                       VLMT_INLINE_LAMBDA { total.set(p, r, total.get(p, r) + sum[p][r]); });
    total.settle();
  }
  total.store(tile);
}

/// add_products for expanded weights, with the signature of add_expanded.
template <class Arch, std::size_t Rows>
VLMT_NOINLINE void add_floats(const std::byte* w, std::size_t count, const void* const* rows, std::size_t at, int,
                              PrefetchRange ahead, float* tile) noexcept {
  detail::prefetch<detail::CacheLevel::second_level>(ahead.data, ahead.bytes);
  add_products<F32, Arch, side_panels<Arch>, Rows>(w, count, rows, at, tile);
}

}  // namespace cpu

VLMT_END_NAMESPACE
