// Lowering of attention and rotary positions to kernels of the CPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/attention.hpp"
#include "vlmt/kernel/attention_weights.hpp"
#include "vlmt/kernel/copy_cells.hpp"
#include "vlmt/kernel/cpu/backend_types.hpp"
#include "vlmt/kernel/kv_pages.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/log_sums.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/op/attend.hpp"
#include "vlmt/op/copy_cells.hpp"
#include "vlmt/op/rotary.hpp"

VLMT_BEGIN_NAMESPACE

/// Rows of prompts are computed in tiles. Generated rows, one of a sequence, are split over the cache, and then merged
/// in a second pass, which is issued in any case: what the rows are is read when the op runs.
/// Sequences write disjoint rows and partial results, so no barrier is needed between them.
template <class A, class Variant, class Sequences, class Pass>
void lower(Cpu<A>, const op::Attend<Variant, Sequences, cpu::FormedRows, AttentionScratch>& o, const Pass& pass) {
  const std::size_t partials = attention_partial_floats(1, o.heads, o.head_dim, o.scratch.capacity);
  const auto queries = [&](const auto& s) { return QueryRows{o.qkv + s.first * o.stride, o.stride, s.rows, o.heads}; };
  const auto scratch = [&](const auto& s) {
    AttentionScratch own = o.scratch;
    own.partials += s.index * partials;
    return own;
  };
  o.out.template write<A>([&]<class Sink>(const Sink& sink) {
    const WithLogSums<Sink> all{sink, o.log_sums, o.heads};
    pass([&](Member& m) {
      o.sequences.for_each(o.layer, [&](const auto& s) {
        if (s.kind == RowKind::generated) {
          VLMT_DASSERT(s.rows == 1);
          attention_split<A>(o.variant, queries(s), s.kv, o.scale, s.start, scratch(s), m);
        } else {
          const RowOffsetSink<WithLogSums<Sink>> mine{all, s.first};
          attention<A>(o.variant, queries(s), s.kv, o.scale, s.start, mine, o.scratch, m);
        }
      });
    });
    pass([&](Member& m) {
      o.sequences.for_each(o.layer, [&](const auto& s) {
        if (s.kind != RowKind::generated) return;
        const RowOffsetSink<WithLogSums<Sink>> mine{all, s.first};
        attention_merge<A>(o.variant, queries(s), s.kv, o.scale, s.start, mine, scratch(s), m);
      });
    });
  });
}

template <class A, class Variant, class Pass>
void lower(Cpu<A>, const op::AttendRows<Variant, AttentionScratch>& o, const Pass& pass) {
  const std::size_t width = o.heads * o.head_dim;
  const std::size_t stride = 3 * width;
  const QueryRows queries{o.qkv, stride, o.rows, o.heads};
  const KvView kv{kv_rows_of_activations<A>(o.qkv + width, o.head_dim, stride),
                  kv_rows_of_activations<A>(o.qkv + 2 * width, o.head_dim, stride), o.heads, o.head_dim, o.rows};
  const WithLogSums<F32Rows> out{{o.out, width}, o.log_sums, o.heads};
  pass([&](Member& m) { attention<A>(o.variant, queries, kv, o.scale, nullptr, out, o.scratch, m); });
}

template <class A, class Variant, class Sequences, class Pass>
void lower(Cpu<A>, const op::AttentionWeights<Variant, Sequences, AttentionScratch>& o, const Pass& pass) {
  pass([&](Member& m) {
    o.sequences.for_each(o.layer, [&](const auto& s) {
      attention_weights(o.variant, QueryRows{o.qkv + s.first * o.stride, o.stride, s.rows, o.heads}, s.kv, o.scale,
                        s.start, o.slots, o.rows * o.slots, o.weights + s.first * o.slots, o.scratch, m);
    });
  });
}

template <class A, class Rotary, class Pass>
void lower(Cpu<A>, const op::Angles<Rotary>& o, const Pass& pass) {
  pass([&](Member& m) { rope_table(o.rotary, o.positions, o.rows, o.frequencies, o.half, o.table, m); });
}

template <class A, class Pairing, class Pass>
void lower(Cpu<A>, const op::Rotate<Pairing>& o, const Pass& pass) {
  pass([&](Member& m) {
    rope_rows<A, Pairing>(o.x, o.rows, o.heads, o.head_dim, o.stride, o.table, o.head_dim / 2, m);
  });
}

template <class A, class Pass>
void lower(Cpu<A>, const op::CopyCells<KvPageLayout>& o, const Pass& pass) {
  pass([&](Member& m) { copy_cells(o.layout, o.from, o.to, o.layers, o.slots, m); });
}

VLMT_END_NAMESPACE
