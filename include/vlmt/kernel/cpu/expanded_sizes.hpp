// Sizes of products: tiles, panels side by side, stretches of expanded weights, and the rows that kernels take at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/cpu/dot.hpp"
#include "vlmt/kernel/int8_group.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Row stride, in floats, of the tile that a leaf writes; a panel fills Arch::lanes of its columns.
inline constexpr std::size_t tile_columns = 32;

/// Values of a row that are expanded to floats at a time, and the maximum values per block of a format.
inline constexpr std::size_t float_block = 256;

/// Multiply-adds in a chain before its sum is added to the tile. Errors grow with the square roots of the length of a
/// chain and of the number of chains.
inline constexpr std::size_t float_chain = 16;

/// Panels that are multiplied side by side: each activation is loaded once for all of them.
template <class Arch>
inline constexpr std::size_t side_panels = 1;
template <class Arch>
requires std::is_base_of_v<arch::avx2, Arch>
inline constexpr std::size_t side_panels<Arch> = 2;

/// Groups that are expanded at once: with their activations they fit a first-level cache of 48 KiB.
template <class Arch>
inline constexpr std::size_t stretch_groups = 32 / side_panels<Arch>;

/// Maximum bytes of an expanded stretch: groups with two scales and biases, groups of magnitudes and signs
/// (splits_signs_v), or float_block floats per row.
template <class Arch>
inline constexpr std::size_t stretch_bytes = [] {
  constexpr std::size_t registers = stretch_groups<Arch> * (Dot<Arch>::has_step ? 12 : 18);
  return side_panels<Arch> * Arch::lanes * sizeof(float) * (registers > float_block ? registers : float_block);
}();

/// A unit of bfloat16 products is 32 values of a row; bf16_stretch_units of them are expanded at once.
inline constexpr std::size_t bf16_unit_values = 32;
inline constexpr std::size_t bf16_unit_bytes = 2 * bf16_unit_values;
inline constexpr std::size_t bf16_stretch_units = 16;

/// Numbers of rows that have kernels over expanded weights: descending, ending with 1, then zeros.
using KernelRows = std::array<std::size_t, 6>;

/// For floats: as many rows as have registers for their sums besides the weights.
template <class Arch>
inline constexpr KernelRows float_kernel_rows = {4, 2, 1};
template <class Arch>
requires std::is_base_of_v<arch::avx2, Arch>
inline constexpr KernelRows float_kernel_rows<Arch> = {6, 4, 2, 1};
template <class Arch>
requires std::is_base_of_v<arch::neon, Arch>
inline constexpr KernelRows float_kernel_rows<Arch> = {8, 4, 2, 1};

/// For int8 groups. Where registers are few, they hold the integer sums; the float sums, needed once per group, are in
/// memory.
template <class Arch>
inline constexpr KernelRows int8_kernel_rows = float_kernel_rows<Arch>;
template <class Arch>
requires(std::is_base_of_v<arch::avx2, Arch>&& Arch::registers <
         32) inline constexpr KernelRows int8_kernel_rows<Arch> = {4, 2, 1};
template <>
inline constexpr KernelRows int8_kernel_rows<arch::avx512_amx_int8> = {16, 6, 4, 2, 1};

/// For bfloat16. The latency of a tile product is three times its issue interval, so two tiles of rows times two of
/// weights are in flight.
inline constexpr KernelRows bf16_kernel_rows = {32, 16, 8, 4, 2, 1};

/// A pass is fastest with a multiple of this many rows.
template <class Arch>
inline constexpr std::size_t row_granule =
    arch::rounds_to_bf16_v<Arch> ? bf16_kernel_rows[0] : int8_kernel_rows<Arch>[0];

/// f(constant index, constant rows) for each number in Rows.
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

/// True if signed quants are expanded to magnitudes and signs: eight registers of |w|, eight of Dot::negative(w), and
/// in every lane the sum of |w| over w < 0, which products with them lack.
template <class Kind, class Arch>
inline constexpr bool splits_signs_v = Kind::is_signed && !Dot<Arch>::has_step;

/// Registers of quants per panel in an expanded group.
template <class Kind, class Arch>
inline constexpr std::size_t expanded_quants = splits_signs_v<Kind, Arch> ? 16 : 8;

/// Bytes of an expanded group: registers of quants, scales, biases, and the int32 sum of splits_signs_v, each for every
/// panel in turn.
template <class Kind, class Arch>
inline constexpr std::size_t expanded_group_bytes = (expanded_quants<Kind, Arch> +
                                                     Kind::scales * (Kind::has_bias ? 2 : 1) +
                                                     (splits_signs_v<Kind, Arch> ? 1 : 0)) *
                                                    side_panels<Arch>* Arch::lanes * sizeof(float);

}  // namespace cpu

VLMT_END_NAMESPACE
