// The patch merger of Qwen3-VL: each square of patches becomes one row of the decoder's width.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/kernel/activation.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/nn/vision/block.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of a merger. `group` = merge * merge patches of width h become one row.
template <class Arch>
struct MergerWeights {
  LayerNormWeights norm;          ///< (h), or (group * h) if norm_after_merge
  bool norm_after_merge = false;  ///< true for DeepStack mergers: concatenate, then normalise; false for the main one
  AffineWeights<Arch> fc1;        ///< (group * h, group * h)
  AffineWeights<Arch> fc2;        ///< (out, group * h)
};

/// y (n / group, out) = fc2(gelu(fc1(x))), x (n / group, group * h) being b.x (n, h) normalised and concatenated.
/// Patches of one square must be consecutive rows.
template <Step S, class Arch>
void merger(S& step, const VisionShape& s, const MergerWeights<Arch>& w, const VisionBuffers& b, std::size_t n,
            std::size_t group, float* y, std::size_t out, float eps, Numerics numerics) {
  const std::size_t wide = group * s.hidden;
  const std::size_t norm_width = w.norm_after_merge ? wide : s.hidden;
  const RowForms fc1_in = activation_forms<Arch>(numerics, n / group, wide, {w.fc1.matrix.leaves});
  const RowForms fc2_in = activation_forms<Arch>(numerics, n / group, wide, {w.fc2.matrix.leaves});
  const MergerWeights<Arch>* weights = &w;
  const LayerNorm norm{w.norm.weight, w.norm.bias, eps};
  for_row_chunks(n / group, vision_row_chunk / group, [&](std::size_t first, std::size_t rows) {
    const float* x = b.x + first * wide;
    // The norm may run on narrower rows than fc1 reads. Both are the same contiguous floats.
    const F32Rows normed{b.input.x, norm_width};
    const std::size_t norm_count = rows * wide / norm_width;
    step("merger norm",
         [=](Member& m) noexcept { norm_rows<Arch>(norm, x, norm_count, norm_width, norm_width, normed, m); });
    detail::round_rows<Arch>(step, b.input, rows, wide, fc1_in);
    const Activations in = b.input.rows(rows, wide, fc1_in);
    b.inner.write<Arch>(wide, fc2_in, [&]<class Sink>(const Sink& sink) {
      const SinkStore<Arch, Sink, GeluErf> activated{sink, weights->fc1.bias};
      step("merger fc1", [=](Member& m) noexcept { matmul(weights->fc1.matrix, in, activated, m); });
    });
    const Activations activated = b.inner.rows(rows, wide, fc2_in);
    float* target = y + first * out;
    step("merger fc2", [=](Member& m) noexcept {
      matmul(weights->fc2.matrix, activated, BiasStore<Arch>{target, out, weights->fc2.bias}, m);
    });
  });
}

VLMT_END_NAMESPACE
