// A custom weight format: one sign per weight and one scale per 128 weights, 1.125 bits per weight.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <vlmt/kernel/cpu/unpack/unpack.hpp>
#include <vlmt/numeric/float16.hpp>
#include <vlmt/quant/format.hpp>

struct Signs {
  struct Block {
    unsigned char d[2];    // binary16 scale
    unsigned char qs[16];  // bit i of the block is the sign of weight i
  };
  static constexpr std::string_view name = "SIGNS";
  static constexpr std::size_t values = 128;
  static constexpr std::uint32_t type_id = 41;  // the number of this type in GGUF files
  // Fields that packing moves as units: the scale, then words of 32 signs.
  static constexpr std::array<vlmt::BlockField, 2> fields = {{{0, 2, 2}, {2, 16, 4}}};

  static void decode(const Block& block, float* y) noexcept {
    vlmt::float16 d;
    std::memcpy(&d, block.d, 2);
    for (std::size_t i = 0; i < values; ++i) {
      y[i] = (block.qs[i / 8] >> (i % 8) & 1) != 0 ? static_cast<float>(d) : -static_cast<float>(d);
    }
  }
  static void encode(const float* x, Block& block) noexcept {
    block = Block{};
    double sum = 0.0;
    for (std::size_t i = 0; i < values; ++i) {
      sum += std::fabs(static_cast<double>(x[i]));
      if (x[i] >= 0.0f) block.qs[i / 8] = static_cast<unsigned char>(block.qs[i / 8] | 1 << (i % 8));
    }
    const vlmt::float16 d(static_cast<float>(std::min(sum / values, 65504.0)));
    std::memcpy(block.d, &d, 2);
  }
};

// Unpacking in SIMD kernels: groups of 32 values, as quants 0 and 2 around a zero point of 1.
template <class Arch>
struct vlmt::cpu::Unpack<Signs, Arch> {
  using F = vlmt::simd::Floats<Arch>;
  using I = vlmt::simd::Ints<Arch>;
  static constexpr std::size_t scales = 1;
  static constexpr bool has_bias = false, is_signed = false;
  static constexpr int zero = 1, max_quant = 2;

  static VLMT_INLINE void load_scales(PanelBlock<Arch> b, F* scale, F*) noexcept {
    for (std::size_t group = 0; group < 4; ++group) scale[group] = b.halves(0);
  }
  static VLMT_INLINE void quants(PanelBlock<Arch> b, std::size_t group, I (&q)[8]) noexcept {
    const I bits = b.words(2 + 4 * group);
    for (int u = 0; u < 8; ++u) q[u] = shift_left<1>(spread4(shift_right(bits, 4 * u)));
  }
};
// Without it, or with another name, the format would work, but slower.
static_assert(vlmt::cpu::Unpackable<Signs, vlmt::arch::native>);
