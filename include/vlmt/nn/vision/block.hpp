// One transformer block of a vision encoder: pre-norm attention within segments, then a two-layer MLP. All matrices
// have biases.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/attend.hpp"
#include "vlmt/op/attention_variant.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/op/product.hpp"
#include "vlmt/op/rope_policy.hpp"
#include "vlmt/op/rotary.hpp"
#include "vlmt/op/rows.hpp"

VLMT_BEGIN_NAMESPACE

/// A matrix (out, in) and a bias (out).
template <class B>
struct AffineWeights {
  MatrixOf<B> matrix;
  const float* bias = nullptr;
};

/// Weight and bias of a layer norm.
struct LayerNormWeights {
  const float* weight = nullptr;
  const float* bias = nullptr;
};

/// What a family chooses in the blocks of its vision encoder: the activation of the MLP. The norm is a layer norm.
template <class ActivationType>
struct VisionBlockParts {
  using Activation = ActivationType;
};

/// Weights of one block of a vision encoder of width h.
template <class B>
struct VisionBlockWeights {
  LayerNormWeights norm1;
  LayerNormWeights norm2;
  AffineWeights<B> qkv;   ///< (3h, h): rows of queries, keys, values
  AffineWeights<B> out;   ///< (h, h)
  AffineWeights<B> up;    ///< (ffn, h)
  AffineWeights<B> down;  ///< (h, ffn)
};

/// Sizes of a vision encoder.
struct VisionShape {
  std::size_t hidden = 0;
  std::size_t heads = 0;
  std::size_t ffn = 0;
  std::size_t head_dim() const noexcept { return hidden / heads; }
};

/// Workspace shared by all blocks of a vision encoder, for up to `rows` patches. A merger reads `group` patches as one
/// row.
template <class B>
struct VisionBuffers {
  float* x = nullptr;     ///< (rows, hidden): the residual stream
  float* qkv = nullptr;   ///< (rows, 3 hidden)
  RowBufferOf<B> merged;  ///< (rows, hidden): output of attention
  RowBufferOf<B> input;   ///< output of a norm: (chunk, hidden), or (chunk / group, group * hidden) in a merger
  RowBufferOf<B> inner;   ///< output of an activation: (chunk, ffn), or (chunk / group, group * hidden)
  AttendScratchOf<B> scratch;
};

/// Calls f(first, n) for chunks of [0, rows).
template <class F>
void for_row_chunks(std::size_t rows, std::size_t chunk, F&& f) {
  for (std::size_t first = 0; first < rows; first += chunk) f(first, std::min(chunk, rows - first));
}

/// Computes one block on b.x (n, h) in place. `angles` holds the 2-D rotary angles of the n patches, or is null: no
/// rotation. Patches attend only within their segment of `segments`.
template <class Parts, Step S, class B = typename S::Backend>
void vision_block(S& step, const VisionShape& s, const VisionBlockWeights<B>& w, const VisionBuffers<B>& b,
                  std::size_t n, const SegmentedAttention& segments, const float* angles, float eps,
                  Numerics numerics) {
  using Types = BackendTypes<B>;
  const std::size_t h = s.hidden;
  const std::size_t dim = s.head_dim();
  float* x = b.x;

  const LayerNorm norm1{w.norm1.weight, w.norm1.bias, eps};
  for_row_chunks(n, Types::row_chunk, [&](std::size_t first, std::size_t rows) {
    const RowsOf<B> in = Types::rows(b.input, numerics, rows, h, n, w.qkv.matrix);
    step("vision norm", op::Normalise{norm1, x + first * h, rows, h, in});
    step("vision qkv",
         op::Product{in, op::One{w.qkv.matrix}, op::StoreBiased{b.qkv + first * 3 * h, 3 * h, w.qkv.bias}});
  });
  if (angles != nullptr) step("vision rope", op::Rotate<Rope2d::Pairing>{b.qkv, n, 2 * s.heads, dim, 3 * h, angles});

  // Attention writes floats: the width of a head need not be a multiple of the int8 group of 32.
  const RowsOf<B> merged = Types::rows(b.merged, numerics, n, h, n, w.out.matrix);
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  step("vision attention", op::AttendRows{segments, b.qkv, n, s.heads, dim, scale, Types::floats(b.merged), b.scratch});
  step("vision rounding", op::Convert{merged});
  step("vision attention out", op::Product{merged, op::One{w.out.matrix}, op::AddBiased{x, h, w.out.bias}});

  const LayerNorm norm2{w.norm2.weight, w.norm2.bias, eps};
  for_row_chunks(n, Types::row_chunk, [&](std::size_t first, std::size_t rows) {
    const RowsOf<B> in = Types::rows(b.input, numerics, rows, h, n, w.up.matrix);
    const RowsOf<B> inner = Types::rows(b.inner, numerics, rows, s.ffn, n, w.down.matrix);
    step("vision norm", op::Normalise{norm2, x + first * h, rows, h, in});
    step("vision up",
         op::Product{in, op::One{w.up.matrix}, op::Activate<typename Parts::Activation, RowsOf<B>>{inner, w.up.bias}});
    step("vision down", op::Product{inner, op::One{w.down.matrix}, op::AddBiased{x + first * h, h, w.down.bias}});
  });
}

VLMT_END_NAMESPACE
