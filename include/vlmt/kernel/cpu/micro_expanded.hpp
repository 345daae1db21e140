// Products of activations with weights that stand in registers or in the first-level cache: the arithmetic of matmul,
// free of weight formats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/dot.hpp"
#include "vlmt/kernel/cpu/group_sums.hpp"
#include "vlmt/kernel/cpu/prefetch.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/tuning.hpp"
#include "vlmt/kernel/cpu/unpack/unpack.hpp"
#include "vlmt/kernel/cpu/unroll.hpp"
#include "vlmt/kernel/int8_group.hpp"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Floats from row to row of the tile that a leaf writes; its columns are Arch::lanes of them.
inline constexpr std::size_t tile_columns = 32;

/// Sums of float products are moved to a second level this often, in values: errors grow with it plus the number of
/// such blocks.
inline constexpr std::size_t float_block = 256;

/// Products that one chain of multiply-adds sums before it is added to the tile. Errors grow with the root of a chain's
/// length and of the number of chains, so that the root of the usual inner lengths is best.
inline constexpr std::size_t float_chain = 16;

/// Panels that meet the same rows side by side: each activation is loaded once for all of them.
template <class Arch>
inline constexpr std::size_t side_panels = 1;
template <class Arch>
requires std::is_base_of_v<arch::avx512, Arch>
inline constexpr std::size_t side_panels<Arch> = 2;

/// Groups that are expanded at once: with the activations that meet them they fit a first-level cache of 48 KiB.
template <class Arch>
inline constexpr std::size_t stretch_groups = 32 / side_panels<Arch>;

/// Most bytes of an expanded stretch: groups with two scales and biases, or float_block floats a row.
template <class Arch>
inline constexpr std::size_t stretch_bytes = side_panels<Arch>* Arch::lanes * sizeof(float) *
                                             (stretch_groups<Arch> * 12 > float_block ? stretch_groups<Arch> * 12
                                                                                      : float_block);

/// A unit of bfloat16 products is 32 values of a row; so many are expanded at once.
inline constexpr std::size_t bf16_unit_values = 32;
inline constexpr std::size_t bf16_unit_bytes = 2 * bf16_unit_values;
inline constexpr std::size_t bf16_stretch_units = 16;

/// Numbers of rows for which there are kernels over expanded weights, falling and ending with 1, then zeros.
using KernelRows = std::array<std::size_t, 6>;

/// For floats, and for groups of bytes: the largest keeps as many sums in registers as there are registers beside the
/// weights.
template <class Arch>
inline constexpr KernelRows float_kernel_rows = {4, 2, 1};
template <class Arch>
requires std::is_base_of_v<arch::avx512, Arch>
inline constexpr KernelRows float_kernel_rows<Arch> = {6, 4, 2, 1};
template <class Arch>
requires std::is_base_of_v<arch::neon, Arch>
inline constexpr KernelRows float_kernel_rows<Arch> = {8, 4, 2, 1};

template <class Arch>
inline constexpr KernelRows int8_kernel_rows = float_kernel_rows<Arch>;
template <>
inline constexpr KernelRows int8_kernel_rows<arch::avx512_amx_int8> = {16, 6, 4, 2, 1};

/// For bfloat16: one product of tiles takes three times longer to finish than to issue, so that two tiles of rows times
/// two of weights are at work at once.
inline constexpr KernelRows bf16_kernel_rows = {32, 16, 8, 4, 2, 1};

/// Rows in multiples of which a pass goes best.
template <class Arch>
inline constexpr std::size_t row_granule =
    arch::rounds_to_bf16_v<Arch> ? bf16_kernel_rows[0] : int8_kernel_rows<Arch>[0];

/// f(constant index, constant rows) for each of Rows.
template <KernelRows Rows, class F>
constexpr void for_kernel_rows(F&& f) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto one = [&]<std::size_t J>(std::integral_constant<std::size_t, J> index) {
      if constexpr (Rows[J] != 0) f(index, std::integral_constant<std::size_t, Rows[J]>{});
    };
    (one(std::integral_constant<std::size_t, I>{}), ...);
  }
  (std::make_index_sequence<Rows.size()>{});
}

/// An expanded group: eight registers of quants, the scales, the biases; of every panel in turn.
template <class Kind, class Arch>
inline constexpr std::size_t expanded_group_bytes =
    (8 + Kind::scales * (Kind::has_bias ? 2 : 1)) * side_panels<Arch>* Arch::lanes * sizeof(float);

/// How far ahead of its reads a leaf for a few rows asks for weights: what a core reads in about two memory latencies.
inline constexpr std::size_t prefetch_bytes = 4096;

namespace detail {

/// Rows whose sums run side by side: a chain of dependent products takes several times longer to finish than to issue.
template <std::size_t Rows>
inline constexpr std::size_t interleaved_rows = Rows % 4 == 0   ? 4
                                                : Rows % 3 == 0 ? 3
                                                : Rows % 2 == 0 ? 2
                                                                : 1;

/// The sums of some rows in registers.
template <class Arch, std::size_t Rows>
class RegisterSums {
  using F = simd::Floats<Arch>;

 public:
  VLMT_INLINE RegisterSums() noexcept {
    VLMT_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) sum_[r] = F::zero();
  }
  VLMT_INLINE F get(std::size_t r) const noexcept { return sum_[r]; }
  VLMT_INLINE void set(std::size_t r, F x) noexcept { sum_[r] = x; }
  VLMT_INLINE void store(float* tile) const noexcept {
    VLMT_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) sum_[r].store(tile + r * tile_columns);
  }

 private:
  F sum_[Rows];
};

/// The sums of rows in the tile itself.
template <class Arch>
class TileSums {
  using F = simd::Floats<Arch>;

 public:
  VLMT_INLINE explicit TileSums(float* tile) noexcept : tile_(tile) {}
  VLMT_INLINE F get(std::size_t r) const noexcept { return F::load(tile_ + r * tile_columns); }
  VLMT_INLINE void set(std::size_t r, F x) const noexcept { x.store(tile_ + r * tile_columns); }

 private:
  float* tile_;
};

/// f(constant panel, constant row) for each.
template <std::size_t Panels, std::size_t Rows, class F>
VLMT_INLINE void for_sums(F&& f) noexcept {
  unroll<Panels * Rows>([&](auto i) VLMT_INLINE_LAMBDA {
    f(std::integral_constant<std::size_t, i % Panels>{}, std::integral_constant<std::size_t, i / Panels>{});
  });
}

}  // namespace detail

/// Sum r += the group `at` of row r times a group of weights. Per scale an exact int32 dot product that starts at
/// -zero * sum of the activations; then sum += act_scale * (scale * dot [+ bias * act_sum]) in float.
template <class Kind, class Arch, std::size_t Rows, class Target>
VLMT_INLINE void add_group(const simd::Ints<Arch> (&q)[8], const simd::Floats<Arch>* scale,
                           const simd::Floats<Arch>* bias, int zero_bits, const void* const* rows, std::size_t at,
                           Target& sum) noexcept {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  using Raw = typename I::Ops::I;
  using D = Dot<Arch>;
  using Sums = GroupSums<Kind, Arch>;
  constexpr std::size_t step = detail::interleaved_rows<Rows>;
  const Raw first[4] = {q[0].raw(), q[1].raw(), q[2].raw(), q[3].raw()};
  const Raw second[4] = {q[4].raw(), q[5].raw(), q[6].raw(), q[7].raw()};
  const Sums sums(zero_bits);
  const F base = Sums::base(scale[0]);
  detail::unroll<Rows / step>([&](auto i) VLMT_INLINE_LAMBDA {
    const Int8Group* a[step];
    const std::int8_t* low[step];
    const std::int8_t* high[step];
    VLMT_UNROLL
    for (std::size_t r = 0; r < step; ++r) {
      a[r] = static_cast<const Int8Group*>(rows[i * step + r]) + at;
      low[r] = a[r]->q;
      high[r] = a[r]->q + 16;
    }
    Raw dot[step];
    if constexpr (Kind::scales == 1) {
      VLMT_UNROLL
      for (std::size_t r = 0; r < step; ++r) dot[r] = sums.whole(*a[r]).raw();
      D::template dot16<Kind::max_quant, Kind::is_signed>(dot, first, low);
      // Two chains a row: four rows have too few of one for the latency of a product.
      Raw rest[step];
      VLMT_UNROLL
      for (std::size_t r = 0; r < step; ++r) rest[r] = I(0).raw();
      D::template dot16<Kind::max_quant, Kind::is_signed>(rest, second, high);
      VLMT_UNROLL
      for (std::size_t r = 0; r < step; ++r) {
        F t = Sums::scaled(I(dot[r]) + I(rest[r]), scale[0], base);
        if constexpr (Kind::has_bias) t = fma(F(a[r]->sum), bias[0], t);
        sum.set(i * step + r, fma(t, F(a[r]->scale), sum.get(i * step + r)));
      }
    } else {
      Raw dot2[step];
      VLMT_UNROLL
      for (std::size_t r = 0; r < step; ++r) {
        dot[r] = sums.first_half(*a[r]).raw();
        dot2[r] = sums.second_half(*a[r]).raw();
      }
      D::template dot16<Kind::max_quant, Kind::is_signed>(dot, first, low);
      D::template dot16<Kind::max_quant, Kind::is_signed>(dot2, second, high);
      VLMT_UNROLL
      for (std::size_t r = 0; r < step; ++r) {
        F t = Sums::add_scaled(I(dot2[r]), scale[1], Sums::scaled(I(dot[r]), scale[0], base));
        if constexpr (Kind::has_bias) t = Sums::add_biases(*a[r], bias[0], bias[1], t);
        sum.set(i * step + r, fma(t, F(a[r]->scale), sum.get(i * step + r)));
      }
    }
  });
}

/// Zeros in the columns of one panel.
template <class Arch>
VLMT_INLINE void clear_tile(float* tile, std::size_t rows) noexcept {
  for (std::size_t r = 0; r < rows; ++r) simd::Floats<Arch>::zero().store(tile + r * tile_columns);
}

/// tile += `count` expanded groups times groups [at, at + count) of each row. The same sums as those of add_group.
template <class Kind, class Arch, std::size_t Rows>
VLMT_NOINLINE void add_expanded(const std::byte* groups, std::size_t count, const void* const* rows, std::size_t at,
                                int zero_bits, Ahead ahead, float* tile) noexcept {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  using Raw = typename I::Ops::I;
  using D = Dot<Arch>;
  constexpr std::size_t panels = side_panels<Arch>;
  constexpr std::size_t lanes = Arch::lanes;
  using Sums = GroupSums<Kind, Arch>;
  const Sums sums(zero_bits);
  detail::SpreadPrefetch prefetch(ahead, count);
  F sum[panels][Rows];
  detail::for_sums<panels, Rows>([&](auto p, auto r)
                                     VLMT_INLINE_LAMBDA { sum[p][r] = F::load(tile + r * tile_columns + p * lanes); });
  for (std::size_t g = 0; g < count; ++g, groups += expanded_group_bytes<Kind, Arch>) {
    const auto* quants = reinterpret_cast<const std::int32_t*>(groups);
    const float* constants = reinterpret_cast<const float*>(groups) + 8 * panels * lanes;
    prefetch.step();
    const Int8Group* a[Rows];
    VLMT_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) a[r] = static_cast<const Int8Group*>(rows[r]) + at + g;
    const auto scale = [&](std::size_t p, std::size_t i)
                           VLMT_INLINE_LAMBDA { return F::load(constants + (i * panels + p) * lanes); };
    const auto bias = [&](std::size_t p, std::size_t i)
                          VLMT_INLINE_LAMBDA { return F::load(constants + ((Kind::scales + i) * panels + p) * lanes); };

    Raw dot[panels][Rows];
    const auto start = [&](auto first) VLMT_INLINE_LAMBDA {
      detail::for_sums<panels, Rows>([&](auto p, auto r) VLMT_INLINE_LAMBDA { dot[p][r] = first(*a[r]).raw(); });
    };
    // The first or the last 16 values of the group.
    const auto multiply = [&](std::size_t half) VLMT_INLINE_LAMBDA {
      const std::int32_t* from = quants + 4 * half * panels * lanes;
      const std::int8_t* q[Rows];
      VLMT_UNROLL
      for (std::size_t r = 0; r < Rows; ++r) q[r] = a[r]->q + 16 * half;
      if constexpr (D::has_step) {
        VLMT_UNROLL
        for (std::size_t u = 0; u < 4; ++u) {
          Raw w[panels];
          VLMT_UNROLL
          for (std::size_t p = 0; p < panels; ++p) w[p] = I::load(from + (u * panels + p) * lanes).raw();
          VLMT_UNROLL
          for (std::size_t r = 0; r < Rows; ++r) {
            const Raw v = D::broadcast(q[r] + 4 * u);
            VLMT_UNROLL
            for (std::size_t p = 0; p < panels; ++p) dot[p][r] = D::step(dot[p][r], w[p], v);
          }
        }
      } else {
        VLMT_UNROLL
        for (std::size_t p = 0; p < panels; ++p) {
          Raw w[4];
          VLMT_UNROLL
          for (std::size_t u = 0; u < 4; ++u) w[u] = I::load(from + (u * panels + p) * lanes).raw();
          D::template dot16<Kind::max_quant, Kind::is_signed>(dot[p], w, q);
        }
      }
    };
    F base[panels];
    VLMT_UNROLL
    for (std::size_t p = 0; p < panels; ++p) base[p] = Sums::base(scale(p, 0));
    if constexpr (Kind::scales == 1) {
      start([&](const Int8Group& x) VLMT_INLINE_LAMBDA { return sums.whole(x); });
      multiply(0);
      multiply(1);
      detail::for_sums<panels, Rows>([&](auto p, auto r) VLMT_INLINE_LAMBDA {
        F t = Sums::scaled(I(dot[p][r]), scale(p, 0), base[p]);
        if constexpr (Kind::has_bias) t = fma(F(a[r]->sum), bias(p, 0), t);
        sum[p][r] = fma(t, F(a[r]->scale), sum[p][r]);
      });
    } else {
      F t[panels][Rows];
      start([&](const Int8Group& x) VLMT_INLINE_LAMBDA { return sums.first_half(x); });
      multiply(0);
      detail::for_sums<panels, Rows>(
          [&](auto p, auto r) VLMT_INLINE_LAMBDA { t[p][r] = Sums::scaled(I(dot[p][r]), scale(p, 0), base[p]); });
      start([&](const Int8Group& x) VLMT_INLINE_LAMBDA { return sums.second_half(x); });
      multiply(1);
      detail::for_sums<panels, Rows>([&](auto p, auto r) VLMT_INLINE_LAMBDA {
        F s = Sums::add_scaled(I(dot[p][r]), scale(p, 1), t[p][r]);
        if constexpr (Kind::has_bias) s = Sums::add_biases(*a[r], bias(p, 0), bias(p, 1), s);
        sum[p][r] = fma(s, F(a[r]->scale), sum[p][r]);
      });
    }
  }
  detail::for_sums<panels, Rows>([&](auto p, auto r)
                                     VLMT_INLINE_LAMBDA { sum[p][r].store(tile + r * tile_columns + p * lanes); });
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

/// tile += the products of `count` columns of weights w (count, Panels, lanes) with values [at, at + count) of each
/// row. Each output is a sum of chains of float_chain multiply-adds, in order. Weights that come from memory are asked
/// for Ahead bytes before they are read.
template <class Format, class Arch, std::size_t Panels, std::size_t Rows, std::size_t Ahead = 0>
VLMT_INLINE void add_products(const std::byte* w, std::size_t count, const void* const* rows, std::size_t at,
                              float* tile) noexcept {
  using F = simd::Floats<Arch>;
  constexpr std::size_t bytes = Arch::lanes * sizeof(typename Format::Block);
  F sum[Panels][Rows];
  const float* a[Rows];
  VLMT_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) a[r] = static_cast<const float*>(rows[r]) + at;
  [[maybe_unused]] const std::size_t far = tuning.far_bytes;
  const auto column = [&](std::size_t k) VLMT_INLINE_LAMBDA {
    F v[Panels];
    VLMT_UNROLL
    for (std::size_t p = 0; p < Panels; ++p) v[p] = detail::load_elements<Arch>(w + (k * Panels + p) * bytes, Format{});
    VLMT_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) {
      const F x(a[r][k]);
      VLMT_UNROLL
      for (std::size_t p = 0; p < Panels; ++p) sum[p][r] = fma(v[p], x, sum[p][r]);
    }
  };
  for (std::size_t k = 0; k < count;) {
    const std::size_t end = count - k < float_chain ? count : k + float_chain;
    detail::for_sums<Panels, Rows>([&](auto p, auto r) VLMT_INLINE_LAMBDA { sum[p][r] = F::zero(); });
    for (; k + 4 <= end; k += 4) {
      if constexpr (Ahead != 0) {
        constexpr std::size_t share = 4 * Panels * bytes;
        detail::prefetch<share, detail::Near::first_level>(w + k * Panels * bytes + Ahead);
        if (far != 0) detail::prefetch<share, detail::Near::second_level>(w + k * Panels * bytes + far);
      }
      detail::unroll<4>([&](auto i) VLMT_INLINE_LAMBDA { column(k + i); });
    }
    for (; k < end; ++k) column(k);
    detail::for_sums<Panels, Rows>([&](auto p, auto r) VLMT_INLINE_LAMBDA {
      float* out = tile + r * tile_columns + p * Arch::lanes;
      (F::load(out) + sum[p][r]).store(out);
    });
  }
}

/// The same for expanded weights; the signature is that of add_expanded.
template <class Arch, std::size_t Rows>
VLMT_NOINLINE void add_floats(const std::byte* w, std::size_t count, const void* const* rows, std::size_t at, int,
                              Ahead ahead, float* tile) noexcept {
  detail::prefetch<detail::Near::second_level>(ahead.data, ahead.bytes);
  add_products<F32, Arch, side_panels<Arch>, Rows>(w, count, rows, at, tile);
}

}  // namespace cpu

VLMT_END_NAMESPACE
