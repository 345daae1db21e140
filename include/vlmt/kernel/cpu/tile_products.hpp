// Products of many rows with expanded weights in tile registers (AMX): int8 groups with bytes, and bfloat16 rows with
// weights rounded to bfloat16. Expanded weights have the layout of a tile: rows of 16 columns with four bytes or two
// values each.
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

/// The operand of LDTILECFG: rows, and bytes per row, of every tile register.
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

/// Two sets of tiles that alternate: sums (16 rows of activations, 16 columns) in 0 and 1, activations in 2 and 3,
/// weights in 4 and 5. A product covers `Values` of the inner dimension.
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
VLMT_INLINE void multiply_tiles(const std::byte* a, std::size_t a_step, const std::byte* w, std::size_t w_step,
                                std::int32_t* out) noexcept {
  // The intrinsics take literal tile numbers only.
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

/// Rows of activations with a constant stride, as tile loads need them: `Bytes` of each of `count` units that are
/// `Stride` bytes apart. Evenly spaced rows are read in place; others are copied.
template <std::size_t Rows, std::size_t Bytes, std::size_t Stride, std::size_t MostUnits>
class TileSource {
 public:
  TileSource(const void* const* rows, std::size_t at, std::size_t count) noexcept {
    for (std::size_t r = 0; r < Rows; ++r) row_[r] = static_cast<const std::byte*>(rows[r]) + at * Stride;
    std::ptrdiff_t step = 0;
    if constexpr (Rows > 1) step = row_[1] - row_[0];
    bool even = true;
    for (std::size_t r = 2; r < Rows; ++r) even = even && row_[r] - row_[r - 1] == step;
    if (even) {
      data_ = row_[0];
      row_step_ = static_cast<std::size_t>(step);
      unit_step_ = Stride;
    } else {
      for (std::size_t u = 0; u < count; ++u) {
        for (std::size_t r = 0; r < Rows; ++r) {
          std::memcpy(copy_ + (u * Rows + r) * Bytes, row_[r] + u * Stride, Bytes);
        }
      }
      data_ = copy_;
      row_step_ = Bytes;
      unit_step_ = Rows * Bytes;
    }
  }

  /// Unit u of row r in its original place.
  const std::byte* at(std::size_t r, std::size_t u) const noexcept { return row_[r] + u * Stride; }
  const std::byte* unit(std::size_t u) const noexcept { return data_ + u * unit_step_; }
  std::size_t row_step() const noexcept { return row_step_; }

 private:
  const std::byte* row_[Rows];
  const std::byte* data_;
  std::size_t row_step_;  ///< in bytes, modulo 2^64: rows may be in descending order
  std::size_t unit_step_;
  alignas(64) std::byte copy_[MostUnits * Rows * Bytes];
};

/// Sums of one or two tiles of rows with two panels in tiles 0 to 3, activations in 4 and 5, weights in 6 and 7. A
/// product covers 32 bfloat16 values of the inner dimension.
template <std::size_t Rows>
inline constexpr TileConfig bf16_tiles = [] {
  TileConfig c;
  for (std::size_t tile = 0; tile < 6; ++tile) c.shape(tile, Rows < tile_rows ? Rows : tile_rows, 64);
  c.shape(6, 16, 64);
  c.shape(7, 16, 64);
  return c;
}();

}  // namespace detail

/// add_expanded for 16 rows, bit-equal.
template <class Kind, class Arch>
VLMT_NOINLINE void add_expanded_tiles(const std::byte* groups, std::size_t count, const void* const* rows,
                                      std::size_t at, int zero_bits, PrefetchRange ahead, float* tile) noexcept {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  constexpr std::size_t panels = side_panels<Arch>;
  constexpr std::size_t lanes = Arch::lanes;
  constexpr std::size_t row_bytes = panels * lanes * 4;  // of a stretch
  constexpr std::size_t values = Int8Group::values / Kind::scales;
  const detail::TileSource<tile_rows, Int8Group::values, sizeof(Int8Group), stretch_groups<Arch>> a(rows, at, count);
  _tile_loadconfig(&detail::product_tiles<values>);
  detail::SpreadPrefetch prefetch(ahead, panels * count);
  // Products run this many groups ahead of their scaling: loads cannot be forwarded from a pending tile store.
  constexpr std::size_t lead = 4;
  alignas(64) std::int32_t dot[2 * lead][Kind::scales][tile_rows][lanes];
  for (std::size_t p = 0; p < panels; ++p) {
    const auto multiply = [&](std::size_t g) VLMT_INLINE_LAMBDA {
      const std::byte* w = groups + g * expanded_group_bytes<Kind, Arch> + p * lanes * 4;
      std::int32_t* out = dot[g % (2 * lead)][0][0];
      if constexpr (Kind::scales == 2) {
        detail::multiply_tiles<0>(a.unit(g), a.row_step(), w, row_bytes, out);
        detail::multiply_tiles<1>(a.unit(g) + values, a.row_step(), w + values / 4 * row_bytes, row_bytes,
                                  out + tile_rows * lanes);
      } else if (g % 2 == 0) {
        detail::multiply_tiles<0>(a.unit(g), a.row_step(), w, row_bytes, out);
      } else {
        detail::multiply_tiles<1>(a.unit(g), a.row_step(), w, row_bytes, out);
      }
    };
    F sum[tile_rows];
    VLMT_UNROLL
    for (std::size_t r = 0; r < tile_rows; ++r) sum[r] = F::load(tile + r * tile_columns + p * lanes);
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
      VLMT_UNROLL
      for (std::size_t r = 0; r < tile_rows; ++r) {
        const Int8Group& x = *reinterpret_cast<const Int8Group*>(a.at(r, g));
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
          t = fma(whole(1, x.minus_half_sums[1]), scale[1], whole(0, x.minus_half_sums[0]) * scale[0]);
          if constexpr (Kind::has_bias) t = GroupSums<Kind, Arch>::add_biases(x, bias[0], bias[1], t);
        }
        sum[r] = fma(t, F(x.scale), sum[r]);
      }
    }
    VLMT_UNROLL
    for (std::size_t r = 0; r < tile_rows; ++r) sum[r].store(tile + r * tile_columns + p * lanes);
  }
  _tile_release();
}

/// tile += `count` expanded units of 32 bfloat16 values times units [at, at + count) of each of Rows rows. The
/// signature is that of add_expanded.
template <class Arch, std::size_t Rows>
VLMT_NOINLINE void add_bf16_tiles(const std::byte* units, std::size_t count, const void* const* rows, std::size_t at,
                                  int, PrefetchRange ahead, float* tile) noexcept {
  static_assert(side_panels<Arch> == 2 && (Rows <= tile_rows || Rows == 2 * tile_rows));
  constexpr bool two = Rows > tile_rows;
  constexpr std::size_t panel_bytes = Arch::lanes * sizeof(float);  // of a row of a unit: two values of 16 columns
  constexpr std::size_t row_bytes = 2 * panel_bytes;
  constexpr std::size_t tile_bytes = tile_columns * sizeof(float);
  const detail::TileSource<Rows, bf16_unit_bytes, bf16_unit_bytes, bf16_stretch_units> a(rows, at, count);
  detail::SpreadPrefetch prefetch(ahead, count);
  float* const second = tile + tile_rows * tile_columns;
  _tile_loadconfig(&detail::bf16_tiles<Rows>);
  _tile_loadd(0, tile, tile_bytes);
  _tile_loadd(1, tile + Arch::lanes, tile_bytes);
  if constexpr (two) {
    _tile_loadd(2, second, tile_bytes);
    _tile_loadd(3, second + Arch::lanes, tile_bytes);
  }
  for (std::size_t u = 0; u < count; ++u) {
    prefetch.step();
    const std::byte* w = units + u * 16 * row_bytes;
    _tile_loadd(4, a.unit(u), a.row_step());
    _tile_loadd(6, w, row_bytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, w + panel_bytes, row_bytes);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (two) {
      _tile_loadd(5, a.unit(u) + tile_rows * a.row_step(), a.row_step());
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, tile, tile_bytes);
  _tile_stored(1, tile + Arch::lanes, tile_bytes);
  if constexpr (two) {
    _tile_stored(2, second, tile_bytes);
    _tile_stored(3, second + Arch::lanes, tile_bytes);
  }
  _tile_release();
}

#endif

}  // namespace cpu

VLMT_END_NAMESPACE
