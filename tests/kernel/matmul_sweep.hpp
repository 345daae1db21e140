// Matmul tests for every (format, arch). Their bodies are compiled once, in matmul_sweep_test.cpp. Files such as
// matmul_q4_k_q5_k_test.cpp compile the leaves of a few similar formats and register them.
#pragma once

#include <cstddef>

#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/kernel/packed_matrix.hpp"

#include "matmul_format.hpp"
#include "swept_archs.hpp"

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

/// Defined once per format. The constructor registers its tests on every swept arch.
template <QuantFormat Format>
struct Sweep {
  Sweep() {
    for_each_type(vlmt_test::SweptArchs{}, []<class Arch>(TypeTag<Arch>) {
      register_sweep({format_code<Format>, matmul_leaves<Format, Arch>(), &packed_bytes<Format, Arch>,
                      [](const std::byte* packed, std::size_t rows, std::size_t cols, std::byte* blocks) {
                        unpack<Format, Arch>(packed, rows, cols, reinterpret_cast<typename Format::Block*>(blocks));
                      }});
    });
  }
};

}  // namespace matmul_test
