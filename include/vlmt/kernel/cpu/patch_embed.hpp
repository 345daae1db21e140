// Patch convolution on SIMD registers: outputs along the lanes, several patches per load of the weights.
#pragma once

#include <algorithm>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/op/patch_kernel.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// Writes the columns of one panel of y (Rows, w.outputs) for Rows patches.
template <class Arch, std::size_t Rows>
VLMT_INLINE void patch_tile(const PatchKernel& w, std::size_t panel, const float* patches, float* y) noexcept {
  using F = simd::Floats<Arch>;
  constexpr std::size_t vectors = PatchKernel::panel / F::lanes;
  const std::size_t pixels = w.times * w.side * w.side;
  const std::size_t values = w.values();
  const float* weight = w.weight + panel * values * PatchKernel::panel;
  F sum[Rows][vectors];
  VLMT_UNROLL
  for (std::size_t s = 0; s < Rows * vectors; ++s) sum[s / vectors][s % vectors] = F::zero();
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < w.channels; ++c, weight += PatchKernel::panel) {
      F k[vectors];
      VLMT_UNROLL
      for (std::size_t v = 0; v < vectors; ++v) k[v] = F::load(weight + v * F::lanes);
      VLMT_UNROLL
      for (std::size_t r = 0; r < Rows; ++r) {
        const F x(patches[r * values + c * pixels + i]);
        VLMT_UNROLL
        for (std::size_t v = 0; v < vectors; ++v) sum[r][v] = fma(k[v], x, sum[r][v]);
      }
    }
  }
  VLMT_UNROLL
  for (std::size_t v = 0; v < vectors; ++v) {
    const std::size_t o = panel * PatchKernel::panel + v * F::lanes;
    const std::size_t count = o < w.outputs ? std::min(F::lanes, w.outputs - o) : 0;
    VLMT_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) {
      if (count != 0) (sum[r][v] + F::load(w.bias + o, count)).store(y + r * w.outputs + o, count);
    }
  }
}

}  // namespace detail

/// Writes the columns of one panel of y (n, w.outputs) for patches (n, w.values()).
template <class Arch>
VLMT_NOINLINE void patch_panel(const PatchKernel& w, std::size_t panel, const float* patches, std::size_t n,
                               float* y) noexcept {
  // Enough independent sums to hide the latency of a multiply-add.
  constexpr std::size_t rows = Arch::lanes == PatchKernel::panel ? 8 : 4;
  std::size_t p = 0;
  for (; p + rows <= n; p += rows) {
    detail::patch_tile<Arch, rows>(w, panel, patches + p * w.values(), y + p * w.outputs);
  }
  for (; p < n; ++p) detail::patch_tile<Arch, 1>(w, panel, patches + p * w.values(), y + p * w.outputs);
}

}  // namespace cpu

VLMT_END_NAMESPACE
