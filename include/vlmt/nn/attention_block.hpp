// The attention half of a decoder layer: norm, QKV projections, rope and KV cache write, attention, output projection.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/kernel/attention.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/nn/input_rows.hpp"
#include "vlmt/nn/step_sequences.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one attention block. All matrices are (out, in).
template <class Arch>
struct AttentionWeights {
  const float* norm = nullptr;    ///< (hidden)
  const float* q_norm = nullptr;  ///< (head_dim)
  const float* k_norm = nullptr;  ///< (head_dim)
  PackedMatrix<Arch> q;           ///< (heads * head_dim, hidden)
  PackedMatrix<Arch> k;           ///< (kv_heads * head_dim, hidden)
  PackedMatrix<Arch> v;           ///< (kv_heads * head_dim, hidden)
  PackedMatrix<Arch> out;         ///< (hidden, heads * head_dim)
};

/// Workspace shared by all layers of a decoder, for up to `rows` tokens.
struct AttentionBuffers {
  float* qkv = nullptr;  ///< (rows, (heads + 2 kv_heads) * head_dim)
  InputRows out;         ///< (rows, heads * head_dim): input of the output projection
  AttentionScratch scratch;

  /// `capacity`: slots of each KV cache. `sequences`: maximum decoded in one step. `members`: maximum threads.
  template <class Arch, class Shapes>
  static AttentionBuffers take(Carver& carver, const Shapes& s, std::size_t rows, std::size_t capacity,
                               std::size_t sequences, std::size_t members) {
    AttentionBuffers b;
    b.qkv = carver.take<float>(rows * (s.heads + 2 * s.kv_heads) * s.head_dim);
    b.out = InputRows::take<Arch>(carver, rows, s.heads * s.head_dim);
    b.scratch.tiles = carver.take<float>(members * attention_tile_floats(s.head_dim));
    b.scratch.partials = carver.take<float>(attention_partial_floats(sequences, s.heads, s.head_dim, capacity));
    b.scratch.capacity = capacity;
    return b;
  }
};

/// x (n, hidden) += attention(norm(x)) in layer `layer`. M names Norm, Rotary, Attention and the factory qk_norm. The n
/// rows belong to `count` sequences; their keys and values are written to and read from the KV caches of these
/// sequences. `table` (n, head_dim) holds the rotary cosines and sines of the rows. With one row per sequence (decode)
/// attention is split over the cache and then merged.
template <class M, Step S, class Shapes, class Arch>
void attention_block(S& step, const Shapes& s, const AttentionWeights<Arch>& w, const AttentionBuffers& b,
                     const InputRows& input, float* x, std::size_t n, const StepSequences& sequences, std::size_t count,
                     std::size_t layer, const float* table, float eps, Numerics numerics,
                     const typename M::Attention& variant) {
  const auto hidden = s.hidden;
  const std::size_t q_width = s.heads * s.head_dim;
  const std::size_t kv_width = s.kv_heads * s.head_dim;
  const std::size_t width = q_width + 2 * kv_width;
  const RowForms in = activation_forms<Arch>(numerics, n, hidden, {w.q.leaves, w.k.leaves, w.v.leaves});
  const typename M::Norm norm{w.norm, eps};
  input.write<Arch>(hidden, in, [&](const auto& sink) {
    step("attention norm", [=](Member& m) noexcept { norm_rows<Arch>(norm, x, n, hidden, hidden, sink, m); });
  });

  const Activations rows = input.rows(n, hidden, in);
  const AttentionWeights<Arch>* weights = &w;
  float* qkv = b.qkv;
  step("qkv", [=](Member& m) noexcept {
    const Store<Arch> q{qkv, width};
    const Store<Arch> k{qkv + q_width, width};
    const Store<Arch> v{qkv + q_width + kv_width, width};
    matmul_many(rows, m, MatmulJob{weights->q, q}, MatmulJob{weights->k, k}, MatmulJob{weights->v, v});
  });

  const std::size_t heads = s.heads;
  const std::size_t half = s.head_dim / 2;
  const auto qk_norm = M::qk_norm(w.q_norm, w.k_norm, eps);
  step("rope and cache", [=](Member& m) noexcept {
    sequences.for_each(
        count, layer,
        [&](std::size_t, std::size_t first, std::size_t rows_of, const KvView& kv, const std::int32_t* start) noexcept {
          float* at = qkv + first * width;
          const QkvRows mine{at, at + q_width, at + q_width + kv_width, width, rows_of, heads};
          qk_norm_rope_store<Arch, typename M::Rotary::Pairing>(mine, qk_norm, table + first * 2 * half, half, kv,
                                                                start, m);
        });
  });

  const float scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim));
  const AttentionScratch shared = b.scratch;
  const std::size_t partials = attention_partial_floats(1, heads, s.head_dim, shared.capacity);
  // Calls f(queries, cache, start, first row, scratch) for each sequence. Sequences write disjoint rows and partials,
  // so no barrier is needed between them.
  const auto for_sequences = [=](auto&& f) noexcept {
    sequences.for_each(count, layer,
                       [&](std::size_t i, std::size_t first, std::size_t rows_of, const KvView& kv,
                           const std::int32_t* start) noexcept {
                         AttentionScratch scratch = shared;
                         scratch.partials += i * partials;
                         f(QueryRows{qkv + first * width, width, rows_of, heads}, kv, start, first, scratch);
                       });
  };
  const RowForms out = activation_forms<Arch>(numerics, n, q_width, {w.out.leaves});
  const bool one_each = n == count;
  if (one_each) {
    step("attention split", [=](Member& m) noexcept {
      for_sequences([&](const QueryRows& q, const KvView& kv, const std::int32_t* start, std::size_t,
                        const AttentionScratch& scratch) noexcept {
        attention_split<Arch>(variant, q, kv, scale, start, scratch, m);
      });
    });
  }
  b.out.write<Arch>(q_width, out, [&]<class Sink>(const Sink& sink) {
    step(one_each ? "attention merge" : "attention", [=](Member& m) noexcept {
      for_sequences([&](const QueryRows& q, const KvView& kv, const std::int32_t* start, std::size_t first,
                        const AttentionScratch& scratch) noexcept {
        const RowOffsetSink<Sink> mine{sink, first};
        if (one_each) {
          attention_merge<Arch>(variant, q, kv, scale, start, mine, scratch, m);
        } else {
          attention<Arch>(variant, q, kv, scale, start, mine, scratch, m);
        }
      });
    });
  });

  const Activations merged = b.out.rows(n, q_width, out);
  step("attention out", [=](Member& m) noexcept { matmul(weights->out, merged, AddTo<Arch>{x, hidden}, m); });
}

VLMT_END_NAMESPACE
