// A weight format of our own: 32 signed bytes and one float scale. Good as a KV cache, too.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <vlmt/kernel/cpu/unpack/unpack.hpp>

namespace lab {

struct Int8_32 {
  struct Block {
    float scale;
    std::int8_t q[32];
  };
  static constexpr std::string_view name = "INT8_32";
  static constexpr std::size_t values = 32;
  static constexpr std::uint32_t type_id = 1000;  // no type of GGUF
  static constexpr std::array<vlmt::BlockField, 2> fields = {{{0, 4, 4}, {4, 32, 4}}};

  static void decode(const Block& block, float* y) noexcept {
    for (int i = 0; i < 32; ++i) y[i] = block.scale * static_cast<float>(block.q[i]);
  }
  static void encode(const float* x, Block& block) noexcept {
    float largest = 0;
    for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(x[i]));
    block.scale = largest / 127;
    const float inverse = block.scale > 0 ? 1 / block.scale : 0;
    for (int i = 0; i < 32; ++i) {
      block.q[i] = static_cast<std::int8_t>(std::clamp(std::nearbyint(x[i] * inverse), -127.0f, 127.0f));
    }
  }
};

}  // namespace lab

// How SIMD kernels read it.
template <class Arch>
struct vlmt::cpu::Unpack<lab::Int8_32, Arch> {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = false;
  static constexpr bool is_signed = !Dot<Arch>::unsigned_only;
  static constexpr int zero = is_signed ? 0 : 128;
  static constexpr int max_quant = is_signed ? 127 : 255;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept {
    scale[0] = F::load(reinterpret_cast<const float*>(b.data));
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t, I (&q)[8]) noexcept {
    for (std::size_t u = 0; u < 8; ++u) {
      q[u] = b.words(4 + 4 * u);
      if constexpr (!is_signed) q[u] = q[u] ^ I(four(0x80));  // to unsigned bytes around 128
    }
  }
};
