// The QuantFormat concept: a block struct as laid out in files, its constants, and scalar decode and encode.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/quant/ggml_type.hpp"

VLMT_BEGIN_NAMESPACE

/// A run of equal units inside a block. Packing interleaves the rows of a panel unit by unit, so a unit is the amount
/// one vector lane loads at once: 2 bytes for a binary16 scale, 1 for a packed small scale, 4 for quants.
struct BlockField {
  std::size_t offset;  ///< byte offset in the block
  std::size_t bytes;   ///< length, a multiple of unit
  std::size_t unit;    ///< 1, 2 or 4
};

/// True if the fields are in order and tile a block of `bytes` bytes without a gap.
template <std::size_t N>
constexpr bool fields_tile(const std::array<BlockField, N>& fields, std::size_t bytes) noexcept {
  std::size_t at = 0;
  for (const BlockField& f : fields) {
    if (f.offset != at || f.unit == 0 || f.bytes % f.unit != 0) return false;
    at += f.bytes;
  }
  return at == bytes;
}

/// A weight format. `decode` writes `values` floats. `encode` reads `values` floats and favours accuracy over speed.
template <class F>
concept QuantFormat = requires(const typename F::Block& block, typename F::Block& out, const float* x, float* y) {
  requires std::is_trivially_copyable_v<typename F::Block>;
  { F::name } -> std::convertible_to<std::string_view>;
  { F::values } -> std::convertible_to<std::size_t>;
  { F::type_id } -> std::convertible_to<std::uint32_t>;
  { F::decode(block, y) }
  noexcept;
  { F::encode(x, out) }
  noexcept;
  requires fields_tile(F::fields, sizeof(typename F::Block));
};

/// Bytes of one block of the format, as in the file.
template <QuantFormat F>
inline constexpr std::size_t block_bytes_v = sizeof(typename F::Block);

/// True if tensors of type F::type_id in files consist of blocks of F, or if no file can have that type. The sizes in
/// files are those of quant/ggml_type.hpp, whatever a format says.
template <QuantFormat F>
inline constexpr bool fits_files_v = ggml_type_info(F::type_id).values == 0 ||
                                     (ggml_type_info(F::type_id).values == F::values &&
                                      ggml_type_info(F::type_id).bytes == block_bytes_v<F>);

/// Bits per weight.
template <QuantFormat F>
inline constexpr double bits_per_weight_v = 8.0 * static_cast<double>(block_bytes_v<F>) /
                                            static_cast<double>(F::values);

VLMT_END_NAMESPACE
