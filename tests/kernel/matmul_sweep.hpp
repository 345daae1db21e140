// The matmul tests that run for every (format, arch). Their bodies are compiled once, in matmul_sweep_test.cpp; files
// such as matmul_q4_k_q5_k_test.cpp compile the leaves of some formats, of which many are the same, and register them.
#pragma once

#include <cstddef>
#include <type_traits>

#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/kernel/packed_matrix.hpp"

#include "matmul_format.hpp"

namespace matmul_test {

/// A format on an arch.
struct Swept {
  const FormatCode& format;
  const MatmulLeaves& leaves;
  std::size_t (*packed_bytes)(std::size_t rows, std::size_t cols) noexcept;
  void (*unpack)(const std::byte* packed, std::size_t rows, std::size_t cols, std::byte* blocks);
};

/// Registers the tests of a format on an arch.
void register_sweep(const Swept& swept);

/// False for leaves that are swept where they are native and nowhere else: on x86-64 AVX2 and the generic arch have
/// builds of their own, and half of all leaves are theirs.
#if defined(__x86_64__)
template <class Arch>
inline constexpr bool is_swept_v =
    std::is_same_v<Arch, arch::native> || !(std::is_same_v<Arch, arch::generic> || std::is_same_v<Arch, arch::avx2>);
#else
template <class Arch>
inline constexpr bool is_swept_v = true;
#endif

/// Defined once for each format: registers its tests on every arch that is swept.
template <QuantFormat Format>
struct Sweep {
  Sweep() {
    for_each_type(arch::compiled{}, []<class Arch>(TypeTag<Arch>) {
      if constexpr (is_swept_v<Arch>) {
        register_sweep({format_code<Format>, matmul_leaves<Format, Arch>(), &packed_bytes<Format, Arch>,
                        [](const std::byte* packed, std::size_t rows, std::size_t cols, std::byte* blocks) {
                          unpack<Format, Arch>(packed, rows, cols, reinterpret_cast<typename Format::Block*>(blocks));
                        }});
      }
    });
  }
};

}  // namespace matmul_test
