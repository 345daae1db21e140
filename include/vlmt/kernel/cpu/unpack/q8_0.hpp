// Unpack of Q8_0: groups of 32 signed bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/unpack/unpack.hpp"
#include "vlmt/quant/q8_0.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

template <class Arch>
struct Unpack<Q8_0, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = false;
  static constexpr bool is_signed = !Dot<Arch>::unsigned_only;
  static constexpr int zero = is_signed ? 0 : 128;
  static constexpr int max_quant = is_signed ? 128 : 255;
  static constexpr int scale_bits = 11;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept { scale[0] = b.halves(0); }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t, I (&q)[8]) noexcept {
    VLMT_UNROLL
    for (std::size_t u = 0; u < 8; ++u) {
      q[u] = b.words(2 + 4 * u);
      if constexpr (!is_signed) q[u] = q[u] ^ I(four(0x80));
    }
  }
};

}  // namespace cpu

VLMT_END_NAMESPACE
