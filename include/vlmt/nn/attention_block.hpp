// The attention half of a decoder layer: norm, QKV projections, rope and KV cache write, attention, output projection.
#pragma once

#include <cstddef>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/nn/parts.hpp"
#include "vlmt/op/attend.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/op/product.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one attention block on backend B. All matrices are (out, in).
template <class B>
struct AttentionWeights {
  const float* norm = nullptr;    ///< (hidden)
  const float* q_norm = nullptr;  ///< (head_dim)
  const float* k_norm = nullptr;  ///< (head_dim)
  MatrixOf<B> q;                  ///< (heads * head_dim, hidden)
  MatrixOf<B> k;                  ///< (kv_heads * head_dim, hidden)
  MatrixOf<B> v;                  ///< (kv_heads * head_dim, hidden)
  MatrixOf<B> out;                ///< (hidden, heads * head_dim)
  const float* q_bias = nullptr;  ///< (heads * head_dim), or null
  const float* k_bias = nullptr;  ///< (kv_heads * head_dim), or null
  const float* v_bias = nullptr;  ///< the same
};

/// Workspace shared by all layers of a decoder, for up to `rows` tokens.
template <class B>
struct AttentionBuffers {
  float* qkv = nullptr;      ///< (rows, (heads + 2 kv_heads) * head_dim)
  RowBufferOf<B> out;        ///< (rows, heads * head_dim): input of the output projection
  float* weights = nullptr;  ///< (heads, rows, slots) for probes of attention; null without one
  AttendScratchOf<B> scratch;

  /// `capacity`: slots of each KV cache. `sequences`: maximum decoded in one step. `members`: maximum threads.
  /// `probed_slots`: of attention weights, 0 without a probe of attention.
  template <class Shapes>
  static AttentionBuffers take(Carver& carver, const Shapes& s, std::size_t rows, std::size_t capacity,
                               std::size_t sequences, std::size_t members, std::size_t probed_slots = 0) {
    AttentionBuffers b;
    if (probed_slots != 0) b.weights = carver.take<float>(s.heads * rows * probed_slots);
    b.qkv = carver.take<float>(rows * (s.heads + 2 * s.kv_heads) * s.head_dim);
    b.out = BackendTypes<B>::take_rows(carver, rows, s.heads * s.head_dim);
    b.scratch = BackendTypes<B>::take_attend(carver, s.heads, s.head_dim, capacity, sequences, members);
    return b;
  }
};

/// x (n, hidden) += attention(norm(x)) in layer `layer` of the caches. M names norms and the pairing of rotary angles;
/// `variant` and `scale` are those of the layer (nn/parts.hpp). The n rows belong to `sequences`; their keys and values
/// are written to and read from the KV caches of these sequences. `angles` (n, head_dim) holds the rotary cosines and
/// sines of the rows.
template <class M, Step S, class Shapes, class Variant, class B = typename S::Backend>
void attention_block(S& step, const Shapes& s, const AttentionWeights<B>& w, const AttentionBuffers<B>& b,
                     const RowBufferOf<B>& input, float* x, std::size_t n, const SequencesOf<B>& sequences,
                     std::size_t layer, const float* angles, float eps, Numerics numerics, float scale,
                     const Variant& variant) {
  const std::size_t hidden = s.hidden;
  const std::size_t q_width = s.heads * s.head_dim;
  const std::size_t width = q_width + 2 * s.kv_heads * s.head_dim;

  const RowsOf<B> rows = BackendTypes<B>::rows(input, numerics, n, hidden, n, w.q, w.k, w.v);
  step("attention norm", op::Normalise{norm_of<M>(w.norm, eps), x, n, hidden, rows});

  const auto norms = qk_norm_of<M>(w.q_norm, w.k_norm, eps);
  using Heads = op::RotateAndCache<std::remove_const_t<decltype(norms)>, typename M::Rotary::Pairing, SequencesOf<B>>;
  step("qkv", op::Product{rows, op::Qkv{w.q, w.k, w.v},
                          Heads{norms, angles, b.qkv, s.heads, s.kv_heads, s.head_dim, sequences, layer, w.q_bias,
                                w.k_bias, w.v_bias}});

  const RowsOf<B> merged = BackendTypes<B>::rows(b.out, numerics, n, q_width, n, w.out);
  step("attention", op::Attend{variant, b.qkv, width, s.heads, s.head_dim, scale, sequences, layer, merged, b.scratch});
  step("attention out", op::Product{merged, op::One{w.out}, op::Add{x, hidden}});
}

VLMT_END_NAMESPACE
