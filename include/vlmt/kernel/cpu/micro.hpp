// The leaves of matmul over packed weights: templates over the weight format, which drivers call through a table
// (kernel/packed_matrix.hpp).
//
// For a few rows, a leaf unpacks the weights once, over the whole inner length of a panel (micro_int8, micro_plain;
// through a buffer: micro_float), or of two panels for any number of rows (micro_int8_rows). For more rows, a stretch
// of weights is expanded once into the first-level cache, in a form that all formats share (expand_int8, expand_float,
// expand_plain, expand_bf16), and multiplied with the rows by the kernels of micro_expanded.hpp and tile_products.hpp.
// If both ways can take a number of rows, kernel/cpu/tuning.hpp decides.
//
// For one form of activations, all ways compute an output element by the same operations in the same order. Results
// therefore do not depend on how a prompt is cut into pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/micro_expanded.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/tuning.hpp"
#include "vlmt/kernel/cpu/unpack/all.hpp"
#include "vlmt/kernel/cpu/unpack/unpack.hpp"
#include "vlmt/kernel/int8_group.hpp"
#include "vlmt/kernel/packed.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// True if four rows fit into the registers besides a group of weights, so that one leaf takes any number of them.
template <class Arch>
inline constexpr bool has_rows_leaf_v = std::is_base_of_v<arch::avx512_vnni, Arch>;

namespace detail {

template <class Unpack>
constexpr std::size_t groups_together() noexcept {
  if constexpr (requires { Unpack::groups_together; }) {
    return Unpack::groups_together;
  } else {
    return 1;
  }
}

/// Blocks of side-by-side panels.
template <std::size_t Panels>
struct BlocksInMemory {
  const std::byte* data[Panels];
  std::size_t left;  ///< bytes from here to the end of a panel
  std::size_t skip;  ///< bytes from a panel's end to the panel that the leaf reads after it

  /// Address that is read `bytes` after the first byte of block p.
  VLMT_INLINE const std::byte* ahead(std::size_t p, std::size_t bytes) const noexcept {
    return data[p] + bytes + (bytes < left ? 0 : skip);
  }
};

/// f(group) for each group of 32 values of such blocks. Prefetches what is prefetch_bytes ahead into the first-level
/// cache and, if `far` is not 0, what is `far` bytes ahead into the second. A loop, because the prefetches of a whole
/// block at once would be more than a core keeps open.
template <QuantFormat Format, class Arch, std::size_t Panels, class F>
VLMT_INLINE void for_groups_of_memory(const BlocksInMemory<Panels>& blocks, std::size_t far, F&& f) noexcept {
  using U = Unpack<Format, Arch>;
  using V = simd::Floats<Arch>;
  constexpr std::size_t groups = Format::values / Int8Group::values;
  constexpr std::size_t together = groups_together<U>();
  static_assert(groups % together == 0);
  constexpr std::size_t share = Arch::lanes * sizeof(typename Format::Block) / groups * together;
  V scale[Panels][groups * U::scales];
  V bias[Panels][groups * U::scales];  // unused, and optimised away, if the format has none
  VLMT_UNROLL
  for (std::size_t p = 0; p < Panels; ++p) U::load_scales(PanelBlock<Arch>{blocks.data[p]}, scale[p], bias[p]);
  for (std::size_t i = 0; i < groups / together; ++i) {
    // Two loops: g++ drops a prefetch between two equal conditions.
    VLMT_UNROLL
    for (std::size_t p = 0; p < Panels; ++p) {
      prefetch<share, CacheLevel::first_level>(blocks.ahead(p, i * share + prefetch_bytes));
    }
    if (far != 0) {
      VLMT_UNROLL
      for (std::size_t p = 0; p < Panels; ++p) {
        prefetch<share, CacheLevel::second_level>(blocks.ahead(p, i * share + far));
      }
    }
    VLMT_UNROLL
    for (std::size_t j = 0; j < together; ++j) {
      const std::size_t g = i * together + j;
      GroupInRegisters<Arch, Panels> group;
      VLMT_UNROLL
      for (std::size_t p = 0; p < Panels; ++p) {
        U::quants(PanelBlock<Arch>{blocks.data[p]}, g, group.q[p]);
        group.scales[p] = scale[p] + g * U::scales;
        group.biases[p] = bias[p] + g * U::scales;
      }
      f(group);
    }
  }
}

/// The same for a block that is in a near cache. Unrolled, scales stay in registers and shifts are constants: a third
/// less run time, a third more compile time.
template <bool Unrolled, QuantFormat Format, class Arch, class F>
VLMT_INLINE void for_groups(const std::byte* data, F&& f) noexcept {
  using U = Unpack<Format, Arch>;
  using V = simd::Floats<Arch>;
  constexpr std::size_t groups = Format::values / Int8Group::values;
  const PanelBlock<Arch> block{data};
  V scale[groups * U::scales];
  V bias[groups * U::scales];
  U::load_scales(block, scale, bias);
  const auto group = [&](std::size_t g) VLMT_INLINE_LAMBDA {
    simd::Ints<Arch> q[8];
    U::quants(block, g, q);
    f(q, scale + g * U::scales, bias + g * U::scales);
  };
  if constexpr (Unrolled) {
    VLMT_UNROLL
    for (std::size_t g = 0; g < groups; ++g) group(g);
  } else {
    for (std::size_t g = 0; g < groups; ++g) group(g);
  }
}

}  // namespace detail

/// Int8 form: tile[r * tile_columns + lane] = row `lane` of the panel times the Int8Groups at rows[r].
template <QuantFormat Format, class Arch, std::size_t Rows>
VLMT_NOINLINE void micro_int8(const std::byte* panel, std::size_t blocks, const void* const* rows,
                              float* tile) noexcept {
  using Kind = IntegerKindOf<Format, Arch>;
  detail::RegisterSums<Arch, 1, Rows> sum;
  const std::size_t far = far_bytes();
  std::size_t at = 0;  // index of the group in a row
  for (std::size_t k = 0; k < blocks; ++k, panel += Arch::lanes * sizeof(typename Format::Block)) {
    detail::for_groups_of_memory<Format, Arch, 1>({{panel}, 0, 0}, far, [&](const auto& w) VLMT_INLINE_LAMBDA {
      add_group<Kind, Arch, 1, Rows>(w, zero_bits_v<Format, Arch>, rows, at, sum);
      ++at;
    });
  }
  sum.store(tile);
}

/// The same for side_panels panels, `stride` bytes apart, and `count` rows, a multiple of four. The sums are kept in
/// the tile.
template <QuantFormat Format, class Arch>
VLMT_NOINLINE void micro_int8_rows(const std::byte* panel, std::size_t stride, std::size_t blocks,
                                   const void* const* rows, std::size_t count, float* tile) noexcept {
  using Kind = IntegerKindOf<Format, Arch>;
  constexpr std::size_t panels = side_panels<Arch>;
  constexpr std::size_t block_bytes = Arch::lanes * sizeof(typename Format::Block);
  // As many rows at once as leave registers for the weights.
  constexpr std::size_t step = Kind::scales == 1 ? 4 : 2;
  static_assert(panels == 2);
  clear_tile<Arch>(tile, count);
  clear_tile<Arch>(tile + Arch::lanes, count);
  const std::size_t far = far_bytes();
  std::size_t at = 0;
  for (std::size_t k = 0; k < blocks; ++k, panel += block_bytes) {
    detail::for_groups_of_memory<Format, Arch, panels>(
        {{panel, panel + stride}, (blocks - k) * block_bytes, stride}, far, [&](const auto& w) VLMT_INLINE_LAMBDA {
          for (std::size_t r = 0; r < count; r += step) {
            add_group<Kind, Arch, panels, step>(w, zero_bits_v<Format, Arch>, rows + r, at,
                                                detail::TileSums<Arch>(tile + r * tile_columns));
          }
          ++at;
        });
  }
}

namespace detail {

/// Stores signed quants in the form of splits_signs_v, `stride` int32 from register to register. Returns the sum of |w|
/// over w < 0.
template <class Arch>
VLMT_INLINE simd::Ints<Arch> split_signs(const simd::Ints<Arch> (&q)[8], std::int32_t* out,
                                         std::size_t stride) noexcept {
  using I = simd::Ints<Arch>;
  using D = Dot<Arch>;
  I pairs(0);
  VLMT_UNROLL
  for (std::size_t u = 0; u < 8; ++u) {
    const I magnitude(D::magnitude(q[u].raw()));
    const I negative(D::negative(q[u].raw()));
    magnitude.store(out + u * stride);
    negative.store(out + (8 + u) * stride);
    const I one = negative & I(four(1));
    pairs = I(D::add16(pairs.raw(), D::template products<false>(magnitude.raw(), one.raw())));
  }
  return I(D::widen(pairs.raw()));
}

}  // namespace detail

/// Expands `blocks` panel blocks of one of the side_panels panels to groups from `out` on.
template <QuantFormat Format, class Arch>
VLMT_NOINLINE void expand_int8(const std::byte* panel, std::size_t blocks, std::byte* out) noexcept {
  using Kind = IntegerKindOf<Format, Arch>;
  using F = simd::Floats<Arch>;
  constexpr std::size_t stride = side_panels<Arch> * Arch::lanes;
  for (std::size_t k = 0; k < blocks; ++k) {
    detail::for_groups<true, Format, Arch>(
        panel + k * Arch::lanes * sizeof(typename Format::Block),
        [&](const simd::Ints<Arch>(&q)[8], const F* scale, const F* bias) VLMT_INLINE_LAMBDA {
          auto* quants = reinterpret_cast<std::int32_t*>(out);
          float* constants = reinterpret_cast<float*>(out) + expanded_quants<Kind, Arch> * stride;
          if constexpr (splits_signs_v<Kind, Arch>) {
            detail::split_signs<Arch>(q, quants, stride)
                .store(reinterpret_cast<std::int32_t*>(constants) + Kind::scales * stride);
          } else {
            VLMT_UNROLL
            for (std::size_t u = 0; u < 8; ++u) q[u].store(quants + u * stride);
          }
          VLMT_UNROLL
          for (std::size_t i = 0; i < Kind::scales; ++i) {
            scale[i].store(constants + i * stride);
            if constexpr (Kind::has_bias) bias[i].store(constants + (Kind::scales + i) * stride);
          }
          out += expanded_group_bytes<Kind, Arch>;
        });
  }
}

namespace detail {

/// The four values of each lane of q, as floats.
template <class U, class Arch>
VLMT_INLINE void four_floats(simd::Ints<Arch> q, simd::Floats<Arch> scale, simd::Floats<Arch> bias,
                             simd::Floats<Arch> (&y)[4]) noexcept {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  constexpr int zero = U::is_signed ? 128 : U::zero;  // signed bytes are shifted to 0..255
  if constexpr (!U::has_bias) bias = scale * F(-static_cast<float>(zero));
  if constexpr (U::is_signed) q = q ^ I(four(0x80));
  const I byte(255);
  y[0] = fma(to_float(q & byte), scale, bias);
  y[1] = fma(to_float(shift_right<8>(q) & byte), scale, bias);
  y[2] = fma(to_float(shift_right<16>(q) & byte), scale, bias);
  y[3] = fma(to_float(shift_right<24>(q)), scale, bias);
}

}  // namespace detail

/// Expands `blocks` panel blocks of one of the panels to floats (blocks * Format::values, Panels, lanes).
template <QuantFormat Format, class Arch, std::size_t Panels>
  requires Unpackable<Format, Arch>
VLMT_NOINLINE void expand_float(const std::byte* panel, std::size_t blocks, std::byte* out) noexcept {
  using U = Unpack<Format, Arch>;
  using F = simd::Floats<Arch>;
  constexpr std::size_t stride = Panels * Arch::lanes;
  auto* w = reinterpret_cast<float*>(out);
  for (std::size_t k = 0; k < blocks; ++k) {
    detail::for_groups<false, Format, Arch>(panel + k * Arch::lanes * sizeof(typename Format::Block),
                                            [&](const simd::Ints<Arch>(&q)[8], const F* scale, const F* bias)
                                                VLMT_INLINE_LAMBDA {
                                                  VLMT_UNROLL
                                                  for (std::size_t u = 0; u < 8; ++u) {
                                                    const std::size_t part = U::scales == 2 ? u / 4 : 0;
                                                    F y[4];
                                                    detail::four_floats<U>(q[u], scale[part], bias[part], y);
                                                    VLMT_UNROLL
                                                    for (std::size_t i = 0; i < 4; ++i) y[i].store(w + i * stride);
                                                    w += 4 * stride;
                                                  }
                                                });
  }
}

/// The same for a format without Unpack, through its scalar decoder.
template <QuantFormat Format, class Arch, std::size_t Panels>
  requires(!Unpackable<Format, Arch>)
VLMT_NOINLINE void expand_float(const std::byte* panel, std::size_t blocks, std::byte* out) noexcept {
  typename Format::Block block;
  float y[Format::values];
  auto* w = reinterpret_cast<float*>(out);
  for (std::size_t k = 0; k < blocks; ++k) {
    for (std::size_t lane = 0; lane < Arch::lanes; ++lane) {
      unpack_block<Format, Arch>(panel, blocks, lane, k, block);
      Format::decode(block, y);
      for (std::size_t i = 0; i < Format::values; ++i) {
        w[(k * Format::values + i) * Panels * Arch::lanes + lane] = y[i];
      }
    }
  }
}

/// Products with one decoded panel; one instance for all formats.
template <class Arch, std::size_t Rows>
VLMT_NOINLINE void add_decoded(const std::byte* w, std::size_t count, const void* const* rows, std::size_t at,
                               float* tile) noexcept {
  add_products<F32, Arch, 1, Rows>(w, count, rows, at, tile);
}

/// Float form of quantised weights for a few rows: decodes float_block values at a time.
template <QuantFormat Format, class Arch, std::size_t Rows>
void micro_float(const std::byte* panel, std::size_t blocks, const void* const* rows, float* tile) noexcept {
  static_assert(Format::values <= float_block,
                "vlmt: matmul takes formats of up to 256 values a block; a longer block needs a larger float_block in "
                "kernel/cpu/micro_expanded.hpp");
  constexpr std::size_t many = float_block / Format::values;
  constexpr std::size_t bytes = Arch::lanes * sizeof(typename Format::Block);
  alignas(64) std::byte w[float_block * Arch::lanes * sizeof(float)];
  clear_tile<Arch>(tile, Rows);
  for (std::size_t k = 0; k < blocks; k += many) {
    const std::size_t n = blocks - k < many ? blocks - k : many;
    detail::prefetch<detail::CacheLevel::second_level>(panel + k * bytes + prefetch_bytes, n * bytes);
    expand_float<Format, Arch, 1>(panel + k * bytes, n, w);
    add_decoded<Arch, Rows>(w, n * Format::values, rows, k * Format::values, tile);
  }
}

/// Formats whose blocks are single floating-point numbers.
template <class Format>
inline constexpr bool is_float_format_v =
    std::is_same_v<Format, F16> || std::is_same_v<Format, BF16> || std::is_same_v<Format, F32>;

/// Float form of floating-point weights, any inner length.
template <QuantFormat Format, class Arch, std::size_t Rows>
  requires is_float_format_v<Format>
VLMT_NOINLINE void micro_plain(const std::byte* panel, std::size_t blocks, const void* const* rows,
                               float* tile) noexcept {
  constexpr std::size_t bytes = Arch::lanes * sizeof(typename Format::Block);
  clear_tile<Arch>(tile, Rows);
  for (std::size_t k = 0; k < blocks; k += float_block) {
    const std::size_t n = blocks - k < float_block ? blocks - k : float_block;
    add_products<Format, Arch, 1, Rows, prefetch_bytes>(panel + k * bytes, n, rows, k, tile);
  }
}

/// The same for floating-point weights: only a conversion.
template <QuantFormat Format, class Arch>
  requires is_float_format_v<Format>
VLMT_NOINLINE void expand_plain(const std::byte* panel, std::size_t blocks, std::byte* out) noexcept {
  constexpr std::size_t bytes = Arch::lanes * sizeof(typename Format::Block);
  for (std::size_t k = 0; k < blocks; ++k) {
    detail::load_elements<Arch>(panel + k * bytes, Format{})
        .store(reinterpret_cast<float*>(out) + k * side_panels<Arch> * Arch::lanes);
  }
}

#if VLMT_HAS_AVX512_AMX

namespace detail {

/// Two values per lane, rounded to bfloat16, the first in the lower half. Ties are rounded away from zero.
template <class Arch>
VLMT_INLINE simd::Ints<Arch> bf16_pair(simd::Floats<Arch> first, simd::Floats<Arch> second) noexcept {
  using I = simd::Ints<Arch>;
  const I half(0x8000);
  const I upper(static_cast<std::int32_t>(0xffff0000u));
  return shift_right<16>(bits_of(first) + half) | ((bits_of(second) + half) & upper);
}

}  // namespace detail

/// Expands `blocks` panel blocks of one of the panels to pairs of bfloat16 (blocks * Format::values / 2, side_panels,
/// lanes).
template <QuantFormat Format, class Arch>
  requires Unpackable<Format, Arch>
VLMT_NOINLINE void expand_bf16(const std::byte* panel, std::size_t blocks, std::byte* out) noexcept {
  using U = Unpack<Format, Arch>;
  using F = simd::Floats<Arch>;
  constexpr std::size_t stride = side_panels<Arch> * Arch::lanes;
  auto* w = reinterpret_cast<std::int32_t*>(out);
  for (std::size_t k = 0; k < blocks; ++k) {
    detail::for_groups<true, Format, Arch>(panel + k * Arch::lanes * sizeof(typename Format::Block),
                                           [&](const simd::Ints<Arch>(&q)[8], const F* scale, const F* bias)
                                               VLMT_INLINE_LAMBDA {
                                                 VLMT_UNROLL
                                                 for (std::size_t u = 0; u < 8; ++u) {
                                                   const std::size_t part = U::scales == 2 ? u / 4 : 0;
                                                   F y[4];
                                                   detail::four_floats<U>(q[u], scale[part], bias[part], y);
                                                   detail::bf16_pair<Arch>(y[0], y[1]).store(w);
                                                   detail::bf16_pair<Arch>(y[2], y[3]).store(w + stride);
                                                   w += 2 * stride;
                                                 }
                                               });
  }
}

/// The same for floating-point weights; `blocks` is even.
template <QuantFormat Format, class Arch>
  requires is_float_format_v<Format>
VLMT_NOINLINE void expand_bf16(const std::byte* panel, std::size_t blocks, std::byte* out) noexcept {
  constexpr std::size_t bytes = Arch::lanes * sizeof(typename Format::Block);
  auto* w = reinterpret_cast<std::int32_t*>(out);
  for (std::size_t k = 0; k < blocks; k += 2, w += side_panels<Arch> * Arch::lanes) {
    detail::bf16_pair<Arch>(detail::load_elements<Arch>(panel + k * bytes, Format{}),
                            detail::load_elements<Arch>(panel + (k + 1) * bytes, Format{}))
        .store(w);
  }
}

#endif

}  // namespace cpu

VLMT_END_NAMESPACE
