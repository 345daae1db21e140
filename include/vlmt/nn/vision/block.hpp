// One transformer block of a vision encoder: pre-norm attention within segments, then a two-layer MLP. All matrices
// have biases.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/kernel/activation.hpp"
#include "vlmt/kernel/attention.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/nn/input_rows.hpp"

VLMT_BEGIN_NAMESPACE

/// A matrix (out, in) and a bias (out).
template <class Arch>
struct AffineWeights {
  PackedMatrix<Arch> matrix;
  const float* bias = nullptr;
};

/// Weight and bias of a layer norm.
struct LayerNormWeights {
  const float* weight = nullptr;
  const float* bias = nullptr;
};

/// Weights of one block of a vision encoder of width h.
template <class Arch>
struct VisionBlockWeights {
  LayerNormWeights norm1;
  LayerNormWeights norm2;
  AffineWeights<Arch> qkv;   ///< (3h, h): rows of queries, keys, values
  AffineWeights<Arch> out;   ///< (h, h)
  AffineWeights<Arch> up;    ///< (ffn, h)
  AffineWeights<Arch> down;  ///< (h, ffn)
};

/// Sizes of a vision encoder.
struct VisionShape {
  std::size_t hidden = 0;
  std::size_t heads = 0;
  std::size_t ffn = 0;
  std::size_t head_dim() const noexcept { return hidden / heads; }
};

/// Rows per chunk where rows are independent: enough for full matmul speed, and it bounds the workspace.
inline constexpr std::size_t vision_row_chunk = 1024;

/// Workspace shared by all blocks of a vision encoder, for up to `rows` patches. A merger reads `group` patches as one
/// row.
struct VisionBuffers {
  float* x = nullptr;    ///< (rows, hidden): the residual stream
  float* qkv = nullptr;  ///< (rows, 3 hidden)
  InputRows merged;      ///< (rows, hidden): output of attention
  InputRows input;       ///< output of a norm: (chunk, hidden), or (chunk / group, group * hidden) in a merger
  InputRows inner;       ///< output of an activation: (chunk, ffn), or (chunk / group, group * hidden)
  AttentionScratch scratch;
};

/// Calls f(first, n) for chunks of [0, rows).
template <class F>
void for_row_chunks(std::size_t rows, std::size_t chunk, F&& f) {
  for (std::size_t first = 0; first < rows; first += chunk) f(first, std::min(chunk, rows - first));
}

namespace detail {

/// Rounds n float rows, rows.x (n, cols), to the form that the next matmul reads: rows.q or rows.b.
template <class Arch, Step S>
void round_rows(S& step, const InputRows& rows, std::size_t n, std::size_t cols, RowForms forms) {
  const float* x = rows.x;
  if (forms.groups) {
    const QuantizedRows groups = rows.quantized(cols);
    step("vision quantize", [=](Member& m) noexcept { quantize_rows<Arch>(x, n, cols, cols, groups, m); });
  } else if (forms.halves) {
    const Bf16Rows halves = rows.halves(cols);
    step("vision rounding", [=](Member& m) noexcept { round_rows_to<Arch>(x, n, cols, halves, m); });
  }
}

}  // namespace detail

/// Computes one block on b.x (n, h) in place. `table` holds the 2-D rotary angles of the n patches. Patches attend only
/// within their segment of `segments`.
template <Step S, class Arch>
void vision_block(S& step, const VisionShape& s, const VisionBlockWeights<Arch>& w, const VisionBuffers& b,
                  std::size_t n, const SegmentedAttention& segments, const float* table, float eps, Numerics numerics) {
  const std::size_t h = s.hidden;
  const std::size_t dim = s.head_dim();
  const VisionBlockWeights<Arch>* weights = &w;
  float* x = b.x;
  float* qkv = b.qkv;

  const RowForms qkv_in = activation_forms<Arch>(numerics, n, h, {w.qkv.matrix.leaves});
  const LayerNorm norm1{w.norm1.weight, w.norm1.bias, eps};
  for_row_chunks(n, vision_row_chunk, [&](std::size_t first, std::size_t rows) {
    b.input.write<Arch>(h, qkv_in, [&](const auto& sink) {
      step("vision norm", [=](Member& m) noexcept { norm_rows<Arch>(norm1, x + first * h, rows, h, h, sink, m); });
    });
    const Activations in = b.input.rows(rows, h, qkv_in);
    step("vision qkv", [=](Member& m) noexcept {
      matmul(weights->qkv.matrix, in, BiasStore<Arch>{qkv + first * 3 * h, 3 * h, weights->qkv.bias}, m);
    });
  });
  step("vision rope", [=](Member& m) noexcept {
    rope_rows<Arch, Rope2d::Pairing>(qkv, n, 2 * s.heads, dim, 3 * h, table, dim / 2, m);
  });

  const QueryRows queries{qkv, 3 * h, n, s.heads};
  const KvView kv{kv_rows_of_activations<Arch>(qkv + h, dim, 3 * h),
                  kv_rows_of_activations<Arch>(qkv + 2 * h, dim, 3 * h), s.heads, dim, n};
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  const AttentionScratch scratch = b.scratch;
  // Attention writes floats: the width of a head need not be a multiple of the int8 group of 32.
  const F32Rows merged{b.merged.x, h};
  step("vision attention",
       [=](Member& m) noexcept { attention<Arch>(segments, queries, kv, scale, nullptr, merged, scratch, m); });
  const RowForms out_in = activation_forms<Arch>(numerics, n, h, {w.out.matrix.leaves});
  detail::round_rows<Arch>(step, b.merged, n, h, out_in);
  const Activations attended = b.merged.rows(n, h, out_in);
  step("vision attention out", [=](Member& m) noexcept {
    matmul(weights->out.matrix, attended, BiasAddTo<Arch>{x, h, weights->out.bias}, m);
  });

  const RowForms up_in = activation_forms<Arch>(numerics, n, h, {w.up.matrix.leaves});
  const RowForms down_in = activation_forms<Arch>(numerics, n, s.ffn, {w.down.matrix.leaves});
  const LayerNorm norm2{w.norm2.weight, w.norm2.bias, eps};
  const std::size_t ffn = s.ffn;
  for_row_chunks(n, vision_row_chunk, [&](std::size_t first, std::size_t rows) {
    b.input.write<Arch>(h, up_in, [&](const auto& sink) {
      step("vision norm", [=](Member& m) noexcept { norm_rows<Arch>(norm2, x + first * h, rows, h, h, sink, m); });
    });
    const Activations in = b.input.rows(rows, h, up_in);
    b.inner.write<Arch>(ffn, down_in, [&]<class Sink>(const Sink& sink) {
      const SinkStore<Arch, Sink, GeluTanh> activated{sink, weights->up.bias};
      step("vision up", [=](Member& m) noexcept { matmul(weights->up.matrix, in, activated, m); });
    });
    const Activations inner = b.inner.rows(rows, ffn, down_in);
    step("vision down", [=](Member& m) noexcept {
      matmul(weights->down.matrix, inner, BiasAddTo<Arch>{x + first * h, h, weights->down.bias}, m);
    });
  });
}

VLMT_END_NAMESPACE
