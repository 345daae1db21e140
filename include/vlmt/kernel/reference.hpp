// The arch tag that selects the scalar kernels of kernel/ref.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace arch {

/// Not an instruction set: `Cpu<arch::reference>` runs the scalar kernels of kernel/ref, which accumulate in double.
struct reference {
  static constexpr std::string_view name = "reference";
  static constexpr std::size_t lanes = 1;
};

}  // namespace arch

/// True for arch::reference.
template <class Arch>
inline constexpr bool is_reference_v = std::is_base_of_v<arch::reference, Arch>;

VLMT_END_NAMESPACE
