// Packed weights whose format is known at run time: a pointer, two sizes, a scale and a table of leaves.
//
// The table is made per (format, arch) and looked up once, when a weight is loaded. Matmul drivers call leaves through
// it. One indirect call multiplies a panel, or an expanded stretch, with a few rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/micro.hpp"
#include "vlmt/kernel/cpu/micro_reference.hpp"
#include "vlmt/kernel/cpu/tile_products.hpp"
#include "vlmt/kernel/packed.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/quant/format.hpp"

VLMT_BEGIN_NAMESPACE

/// One panel of weights times 1, 2 or 4 rows of activations; see kernel/cpu/micro.hpp.
using MatmulLeaf = void (*)(const std::byte* panel, std::size_t blocks, const void* const* rows, float* tile) noexcept;
/// cpu::side_panels panels, `stride` bytes apart, times `count` rows, a multiple of four.
using RowsLeaf = void (*)(const std::byte* panel, std::size_t stride, std::size_t blocks, const void* const* rows,
                          std::size_t count, float* tile) noexcept;
/// Expands a stretch of a panel to the form that all formats share.
using ExpandLeaf = void (*)(const std::byte* panel, std::size_t blocks, std::byte* out) noexcept;
/// Adds an expanded stretch times a few rows of activations to the tile; see kernel/cpu/micro_expanded.hpp.
using ExpandedLeaf = void (*)(const std::byte* expanded, std::size_t count, const void* const* rows, std::size_t at,
                              int zero_bits, cpu::PrefetchRange ahead, float* tile) noexcept;

/// Leaves of one activation form; all null if the weights do not support it.
struct LeafSet {
  /// For few rows: weights are unpacked in registers.
  MatmulLeaf one = nullptr;
  MatmulLeaf two = nullptr;
  MatmulLeaf four = nullptr;
  RowsLeaf fours = nullptr;  ///< for any multiple of four rows; null if unsupported
  /// For more rows: weights are expanded in memory. Null if unsupported.
  ExpandLeaf expand = nullptr;
  cpu::KernelRows expanded_rows = {};
  ExpandedLeaf expanded[cpu::KernelRows{}.size()] = {};  ///< [i] is for expanded_rows[i] rows
  std::size_t stretch_blocks = 0;                        ///< blocks expanded at once
  std::size_t unit_values = 1;                           ///< values per unit of `count` and `at` of an ExpandedLeaf
  std::size_t unit_bytes = 0;                            ///< bytes per such unit in an expanded stretch
  int zero_bits = 32;                                    ///< log2 of the zero point, 32 for none
};

/// Everything that the drivers need to know about a (format, arch).
struct MatmulLeaves {
  std::string_view format;
  std::string_view arch;
  std::uint32_t type_id;
  std::size_t block_values;
  std::size_t panel_block_bytes;
  LeafSet float_form;
  LeafSet int8_form;
  LeafSet bf16_form;  ///< for many rows only
  /// y[0 .. row_blocks * block_values) = row `row`, decoded.
  void (*decode_row)(const std::byte* data, std::size_t row_blocks, std::size_t row, float* y) noexcept;
  /// vlmt::pack_rows of this format.
  void (*pack_rows)(const std::byte* blocks, std::size_t rows, std::size_t cols, std::byte* packed,
                    Range range) noexcept;
};

namespace cpu::detail {

template <QuantFormat Format, class Arch, std::size_t Rows>
constexpr MatmulLeaf float_leaf() noexcept {
  if constexpr (is_reference_v<Arch>) {
    return &micro_reference<Format, float, Rows>;
  } else if constexpr (is_float_format_v<Format>) {
    return &micro_plain<Format, Arch, Rows>;
  } else {
    return &micro_float<Format, Arch, Rows>;
  }
}

template <QuantFormat Format, class Arch>
constexpr LeafSet float_leaves() noexcept {
  LeafSet s{float_leaf<Format, Arch, 1>(), float_leaf<Format, Arch, 2>(), float_leaf<Format, Arch, 4>()};
  if constexpr (!is_reference_v<Arch>) {
    if constexpr (is_float_format_v<Format>) {
      s.expand = &expand_plain<Format, Arch>;
    } else {
      s.expand = &expand_float<Format, Arch, side_panels<Arch>>;
    }
    s.expanded_rows = float_kernel_rows<Arch>;
    for_kernel_rows<float_kernel_rows<Arch>>([&](auto i, auto rows) { s.expanded[i] = &add_floats<Arch, rows>; });
    s.stretch_blocks = float_block / Format::values;
    s.unit_bytes = side_panels<Arch> * Arch::lanes * sizeof(float);
  }
  return s;
}

template <QuantFormat Format, class Arch>
constexpr LeafSet int8_leaves() noexcept {
  if constexpr (is_float_format_v<Format>) {
    return {};
  } else if constexpr (is_reference_v<Arch>) {
    return {&micro_reference<Format, Int8Group, 1>, &micro_reference<Format, Int8Group, 2>,
            &micro_reference<Format, Int8Group, 4>};
  } else if constexpr (!Unpackable<Format, Arch>) {
    return {};
  } else {
    using Kind = IntegerKindOf<Format, Arch>;
    LeafSet s{&micro_int8<Format, Arch, 1>, &micro_int8<Format, Arch, 2>, &micro_int8<Format, Arch, 4>};
    if constexpr (has_rows_leaf_v<Arch>) s.fours = &micro_int8_rows<Format, Arch>;
    s.expand = &expand_int8<Format, Arch>;
    s.expanded_rows = int8_kernel_rows<Arch>;
    for_kernel_rows<int8_kernel_rows<Arch>>([&](auto i, auto rows) {
#if VLMT_HAS_AVX512_AMX
      if constexpr (std::is_base_of_v<arch::avx512_amx_int8, Arch> && rows == tile_rows) {
        s.expanded[i] = &add_expanded_tiles<Kind, Arch>;
        return;
      }
#endif
      s.expanded[i] = &add_expanded<Kind, Arch, rows>;
    });
    s.stretch_blocks = stretch_groups<Arch> * Int8Group::values / Format::values;
    s.unit_values = Int8Group::values;
    s.unit_bytes = expanded_group_bytes<Kind, Arch>;
    s.zero_bits = zero_bits_v<Format, Arch>;
    return s;
  }
}

template <QuantFormat Format, class Arch>
constexpr LeafSet bf16_leaves() noexcept {
  LeafSet s;
#if VLMT_HAS_AVX512_AMX
  if constexpr (arch::rounds_to_bf16_v<Arch> && !std::is_same_v<Format, F32> &&
                (is_float_format_v<Format> || Unpackable<Format, Arch>)) {
    s.expand = &expand_bf16<Format, Arch>;
    s.expanded_rows = bf16_kernel_rows;
    for_kernel_rows<bf16_kernel_rows>([&](auto i, auto rows) { s.expanded[i] = &add_bf16_tiles<Arch, rows>; });
    s.stretch_blocks = bf16_stretch_units * bf16_unit_values / Format::values;
    s.unit_values = bf16_unit_values;
    s.unit_bytes = 16 * side_panels<Arch> * Arch::lanes * sizeof(float);
    static_assert(bf16_stretch_units * 16 * side_panels<Arch> * Arch::lanes * sizeof(float) <= stretch_bytes<Arch>);
  }
#endif
  return s;
}

template <QuantFormat Format, class Arch>
void decode_packed_row(const std::byte* data, std::size_t row_blocks, std::size_t row, float* y) noexcept {
  typename Format::Block block;
  for (std::size_t k = 0; k < row_blocks; ++k) {
    unpack_block<Format, Arch>(data, row_blocks, row, k, block);
    Format::decode(block, y + k * Format::values);
  }
}

}  // namespace cpu::detail

/// The table of a (format, arch). All code that depends on the format is reached through this function, so programs
/// that compile their instances once declare it `extern template`.
template <QuantFormat Format, class Arch>
const MatmulLeaves& matmul_leaves() noexcept {
  static constexpr MatmulLeaves table{Format::name,
                                      Arch::name,
                                      Format::type_id,
                                      Format::values,
                                      panel_block_bytes_v<Format, Arch>,
                                      cpu::detail::float_leaves<Format, Arch>(),
                                      cpu::detail::int8_leaves<Format, Arch>(),
                                      cpu::detail::bf16_leaves<Format, Arch>(),
                                      &cpu::detail::decode_packed_row<Format, Arch>,
                                      &pack_rows<Format, Arch>};
  return table;
}

/// Packed weights (rows, cols) of any format. Non-owning.
template <class Arch>
struct PackedMatrix {
  const std::byte* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  const MatmulLeaves* leaves = nullptr;
  float scale = 1.0f;  ///< multiplies all values: the separate scale tensor of NVFP4 weights

  std::size_t row_blocks() const noexcept { return cols / leaves->block_values; }
  std::size_t panels() const noexcept { return ceil_div(rows, panel_rows_v<Arch>); }
  std::size_t panel_bytes() const noexcept { return row_blocks() * leaves->panel_block_bytes; }
  std::size_t bytes() const noexcept { return panels() * panel_bytes(); }
  std::string_view format() const noexcept { return leaves->format; }
  /// True if these weights have an int8 form.
  bool takes_int8() const noexcept { return leaves->int8_form.one != nullptr; }
  /// y[0..cols) = row r, decoded and scaled: an embedding lookup.
  void decode_row(std::size_t r, float* y) const {
    VLMT_ASSERT_LT("PackedMatrix::decode_row", r, rows);
    leaves->decode_row(data, row_blocks(), r, y);
    if (scale == 1.0f) return;
    for (std::size_t i = 0; i < cols; ++i) y[i] *= scale;
  }
};

/// Packed matrices of all experts, each (rows, cols), one after the other. Non-owning.
template <class Arch>
struct PackedExperts {
  const std::byte* data = nullptr;
  std::size_t experts = 0;
  std::size_t rows = 0;
  std::size_t cols = 0;
  const MatmulLeaves* leaves = nullptr;
  const float* scales = nullptr;  ///< (experts): PackedMatrix::scale of each; null if all are 1

  PackedMatrix<Arch> expert(std::size_t e) const noexcept {
    PackedMatrix<Arch> w{nullptr, rows, cols, leaves};
    if (scales != nullptr) w.scale = scales[e];
    w.data = data + e * w.bytes();
    return w;
  }
};

template <QuantFormat Format, class Arch>
PackedMatrix<Arch> make_packed_matrix(const std::byte* data, std::size_t rows, std::size_t cols) {
  VLMT_ASSERT_MULTIPLE("make_packed_matrix", cols, Format::values);
  return {data, rows, cols, &matmul_leaves<Format, Arch>()};
}

template <QuantFormat Format, class Arch>
PackedMatrix<Arch> make_packed_matrix(const Packed<Format, Arch>& w) {
  return make_packed_matrix<Format, Arch>(w.data, w.rows, w.cols);
}

template <QuantFormat Format, class Arch>
PackedExperts<Arch> make_packed_experts(const std::byte* data, std::size_t experts, std::size_t rows,
                                        std::size_t cols) {
  VLMT_ASSERT_MULTIPLE("make_packed_experts", cols, Format::values);
  return {data, experts, rows, cols, &matmul_leaves<Format, Arch>()};
}

/// Packs a (rows, cols) matrix of a format known at run time; `packed` must have room for packed_bytes of that format.
/// Panels are split across the team.
template <class Arch>
void pack(const MatmulLeaves& leaves, const std::byte* blocks, std::size_t rows, std::size_t cols, std::byte* packed,
          Member& m) {
  VLMT_ASSERT_MULTIPLE("pack", cols, leaves.block_values);
  if (rows * cols != 0) {
    VLMT_ASSERT_SET("pack", blocks);
    VLMT_ASSERT_SET("pack", packed);
  }
  leaves.pack_rows(blocks, rows, cols, packed, m.share(rows, panel_rows_v<Arch>));
}

VLMT_END_NAMESPACE
