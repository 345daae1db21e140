// Products of 16 rows of int8 groups with expanded weights in tile registers (AMX). An expanded group is a tile as it
// stands: eight rows of 16 columns with four bytes each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/micro_expanded.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/int8_group.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Rows of activations that a tile register holds.
inline constexpr std::size_t tile_rows = 16;

#if VLMT_HAS_AVX512_AMX

namespace detail {

/// The operand of LDTILECFG: rows and bytes of a row of every tile register.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  constexpr void shape(std::size_t tile, std::size_t n, std::size_t bytes) noexcept {
    rows[tile] = static_cast<std::uint8_t>(n);
    row_bytes[tile] = static_cast<std::uint16_t>(bytes);
  }
};
static_assert(sizeof(TileConfig) == 64);

/// Two sets of tiles that take turns: sums (16 rows of activations, 16 columns) in 0 and 1, activations in 2 and 3,
/// weights in 4 and 5; `Values` of the inner dimension meet in one product.
template <std::size_t Values>
inline constexpr TileConfig product_tiles = [] {
  TileConfig c;
  for (std::size_t set = 0; set < 2; ++set) {
    c.shape(set, tile_rows, 64);
    c.shape(2 + set, tile_rows, Values);
    c.shape(4 + set, Values / 4, 64);
  }
  return c;
}();

/// out (16, 16) = products of activations with weights, through the tiles of a set.
template <int Set>
VLMT_INLINE void multiply_tiles(const std::int8_t* a, std::size_t a_step, const std::byte* w, std::size_t w_step,
                                std::int32_t* out) noexcept {
  // The intrinsics want literal numbers.
  if constexpr (Set == 0) {
    _tile_loadd(2, a, a_step);
    _tile_loadd(4, w, w_step);
    _tile_zero(0);
    _tile_dpbsud(0, 2, 4);
    _tile_stored(0, out, 64);
  } else {
    _tile_loadd(3, a, a_step);
    _tile_loadd(5, w, w_step);
    _tile_zero(1);
    _tile_dpbsud(1, 3, 5);
    _tile_stored(1, out, 64);
  }
}

/// The quants of 16 rows with one distance from row to row, as a tile is loaded: those of the groups themselves where
/// the rows are evenly spaced, else a copy.
template <class Arch>
class TileSource {
 public:
  TileSource(const void* const* rows, std::size_t at, std::size_t count) noexcept {
    for (std::size_t r = 0; r < tile_rows; ++r) group_[r] = static_cast<const Int8Group*>(rows[r]) + at;
    const std::ptrdiff_t step = rows_apart(1);
    bool even = true;
    for (std::size_t r = 2; r < tile_rows; ++r) even = even && rows_apart(r) == step;
    if (even) {
      data_ = group_[0]->q;
      row_step_ = static_cast<std::size_t>(step);
      group_step_ = sizeof(Int8Group);
    } else {
      for (std::size_t g = 0; g < count; ++g) {
        for (std::size_t r = 0; r < tile_rows; ++r) {
          std::memcpy(copy_ + (g * tile_rows + r) * Int8Group::values, group_[r][g].q, Int8Group::values);
        }
      }
      data_ = copy_;
      row_step_ = Int8Group::values;
      group_step_ = tile_rows * Int8Group::values;
    }
  }

  const Int8Group& group(std::size_t r, std::size_t g) const noexcept { return group_[r][g]; }
  const std::int8_t* quants(std::size_t g) const noexcept { return data_ + g * group_step_; }
  std::size_t row_step() const noexcept { return row_step_; }

 private:
  std::ptrdiff_t rows_apart(std::size_t r) const noexcept {
    return reinterpret_cast<const std::byte*>(group_[r]) - reinterpret_cast<const std::byte*>(group_[r - 1]);
  }

  const Int8Group* group_[tile_rows];
  const std::int8_t* data_;
  std::size_t row_step_;  ///< in bytes, modulo 2^64: rows may stand in falling order
  std::size_t group_step_;
  alignas(64) std::int8_t copy_[stretch_groups<Arch> * tile_rows * Int8Group::values];
};

}  // namespace detail

/// add_expanded for 16 rows: the same sums, bit for bit.
template <class Kind, class Arch>
VLMT_NOINLINE void add_expanded_tiles(const std::byte* groups, std::size_t count, const void* const* rows,
                                      std::size_t at, int zero_bits, Ahead ahead, float* tile) noexcept {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  constexpr std::size_t panels = side_panels<Arch>;
  constexpr std::size_t lanes = Arch::lanes;
  constexpr std::size_t row_bytes = panels * lanes * 4;  // of a stretch
  constexpr std::size_t values = Int8Group::values / Kind::scales;
  const detail::TileSource<Arch> a(rows, at, count);
  _tile_loadconfig(&detail::product_tiles<values>);
  detail::SpreadPrefetch prefetch(ahead, panels * count);
  // Products are made this many groups before they are scaled: loads cannot take what a tile store has not written yet.
  constexpr std::size_t lead = 4;
  alignas(64) std::int32_t dot[2 * lead][Kind::scales][tile_rows][lanes];
  for (std::size_t p = 0; p < panels; ++p) {
    const auto multiply = [&](std::size_t g) VLMT_INLINE_LAMBDA {
      const std::byte* w = groups + g * expanded_group_bytes<Kind, Arch> + p * lanes * 4;
      std::int32_t* out = dot[g % (2 * lead)][0][0];
      if constexpr (Kind::scales == 2) {
        detail::multiply_tiles<0>(a.quants(g), a.row_step(), w, row_bytes, out);
        detail::multiply_tiles<1>(a.quants(g) + values, a.row_step(), w + values / 4 * row_bytes, row_bytes,
                                  out + tile_rows * lanes);
      } else if (g % 2 == 0) {
        detail::multiply_tiles<0>(a.quants(g), a.row_step(), w, row_bytes, out);
      } else {
        detail::multiply_tiles<1>(a.quants(g), a.row_step(), w, row_bytes, out);
      }
    };
    F sum[tile_rows];
    detail::unroll<tile_rows>([&](auto r)
                                  VLMT_INLINE_LAMBDA { sum[r] = F::load(tile + r * tile_columns + p * lanes); });
    for (std::size_t g = 0; g < lead && g < count; ++g) multiply(g);
    for (std::size_t g = 0; g < count; ++g) {
      prefetch.step();
      if (g + lead < count) multiply(g + lead);
      const auto& d = dot[g % (2 * lead)];
      const float* constants =
          reinterpret_cast<const float*>(groups + g * expanded_group_bytes<Kind, Arch>) + (8 * panels + p) * lanes;
      F scale[Kind::scales], bias[Kind::scales];
      VLMT_UNROLL
      for (std::size_t i = 0; i < Kind::scales; ++i) {
        scale[i] = F::load(constants + i * panels * lanes);
        if constexpr (Kind::has_bias) bias[i] = F::load(constants + (Kind::scales + i) * panels * lanes);
      }
      detail::unroll<tile_rows>([&](auto r) VLMT_INLINE_LAMBDA {
        const Int8Group& x = a.group(r, g);
        const auto whole = [&](std::size_t i, std::int32_t minus_sum) VLMT_INLINE_LAMBDA {
          const I products = I::load(d[i][r]);
          // Formats with minima have no zero point.
          if constexpr (Kind::has_bias) return to_float(products);
          return to_float(products + shift_left(I(minus_sum), zero_bits));
        };
        F t;
        if constexpr (Kind::scales == 1) {
          t = whole(0, x.minus_sum) * scale[0];
          if constexpr (Kind::has_bias) t = fma(F(x.sum), bias[0], t);
        } else {
          t = fma(whole(1, x.minus_half[1]), scale[1], whole(0, x.minus_half[0]) * scale[0]);
          if constexpr (Kind::has_bias) t = GroupSums<Kind, Arch>::add_biases(x, bias[0], bias[1], t);
        }
        sum[r] = fma(t, F(x.scale), sum[r]);
      });
    }
    detail::unroll<tile_rows>([&](auto r) VLMT_INLINE_LAMBDA { sum[r].store(tile + r * tile_columns + p * lanes); });
  }
  _tile_release();
}

#endif

}  // namespace cpu

VLMT_END_NAMESPACE
