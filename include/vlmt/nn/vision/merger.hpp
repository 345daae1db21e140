// The patch merger of Qwen3-VL: each square of patches becomes one row of the decoder's width.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/nn/vision/block.hpp"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/op/product.hpp"
#include "vlmt/op/rows.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of a merger. `group` = merge * merge patches of width h become one row.
template <class B>
struct MergerWeights {
  LayerNormWeights norm;          ///< (h), or (group * h) if norm_after_merge
  bool norm_after_merge = false;  ///< true for DeepStack mergers: concatenate, then normalise; false for the main one
  AffineWeights<B> fc1;           ///< (group * h, group * h)
  AffineWeights<B> fc2;           ///< (out, group * h)
};

/// y (n / group, out) = fc2(gelu(fc1(x))), x (n / group, group * h) being b.x (n, h) normalised and concatenated.
/// Patches of one square must be consecutive rows.
template <Step S, class B = typename S::Backend>
void merger(S& step, const VisionShape& s, const MergerWeights<B>& w, const VisionBuffers<B>& b, std::size_t n,
            std::size_t group, float* y, std::size_t out, float eps, Numerics numerics) {
  using Types = BackendTypes<B>;
  const std::size_t wide = group * s.hidden;
  const std::size_t norm_width = w.norm_after_merge ? wide : s.hidden;
  const std::size_t tokens = n / group;
  const LayerNorm norm{w.norm.weight, w.norm.bias, eps};
  for_row_chunks(tokens, Types::row_chunk / group, [&](std::size_t first, std::size_t rows) {
    const RowsOf<B> in = Types::rows(b.input, numerics, rows, wide, tokens, w.fc1.matrix);
    const RowsOf<B> inner = Types::rows(b.inner, numerics, rows, wide, tokens, w.fc2.matrix);
    // The norm may run on narrower rows than fc1 reads. Both are the same contiguous floats.
    step("merger norm",
         op::NormaliseFloats{norm, b.x + first * wide, Types::floats(b.input), rows * wide / norm_width, norm_width});
    step("merger rounding", op::Convert{in});
    step("merger fc1", op::Product{in, op::One{w.fc1.matrix}, op::Activate<GeluErf, RowsOf<B>>{inner, w.fc1.bias}});
    step("merger fc2", op::Product{inner, op::One{w.fc2.matrix}, op::StoreBiased{y + first * out, out, w.fc2.bias}});
  });
}

VLMT_END_NAMESPACE
