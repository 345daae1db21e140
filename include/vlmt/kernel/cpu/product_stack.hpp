// The arrays that matrix products keep on the stack.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/cpu/micro_expanded.hpp"
#include "vlmt/kernel/kernel_stack.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Maximum rows of activations that are multiplied with one expanded stretch of weights. Enough that expansion costs
/// little: the stretch stays in the first-level cache while the rows stream in from further away.
inline constexpr std::size_t max_pass_rows = 264;

/// Arrays on the stack of a pair of products: two tiles, the addresses of their rows (twice, for corrections), an
/// expanded stretch, and what a leaf keeps: rows that it copies for tile registers, or a panel of decoded floats.
template <class Arch>
inline constexpr std::size_t product_stack_bytes = [] {
  constexpr std::size_t addresses = 2 * max_pass_rows * sizeof(void*);
  constexpr std::size_t copied = arch::rounds_to_bf16_v<Arch> ? bf16_stretch_units * 32 * bf16_unit_bytes : 0;
  constexpr std::size_t decoded = Arch::lanes * float_block * sizeof(float);
  return 2 * max_pass_rows * tile_columns * sizeof(float) + addresses + stretch_bytes<Arch> +
         (copied > decoded ? copied : decoded);
}();

/// True if 16 KiB of kernel_stack_bytes are left for frames and the epilogue.
template <class Arch>
inline constexpr bool fits_kernel_stack_v = product_stack_bytes<Arch> + (std::size_t{16} << 10) <= kernel_stack_bytes;

}  // namespace cpu

VLMT_END_NAMESPACE
