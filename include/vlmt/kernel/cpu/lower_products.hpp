// Lowering of products to kernels of the CPU.
//
// The form of the rows that an epilogue writes is known when the step is issued, not when it is compiled: the sink is
// chosen here, once for each op.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/backend_types.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/kernel/grouped_matmul.hpp"
#include "vlmt/kernel/low_rank.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/low_rank.hpp"
#include "vlmt/op/product.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Calls f with the epilogue of the kernels that does what the value says.
template <class Arch, class F>
void with_epilogue(const op::Store& e, F&& f) {
  f(Store<Arch>{e.y, e.stride});
}
template <class Arch, class F>
void with_epilogue(const op::Add& e, F&& f) {
  f(AddTo<Arch>{e.y, e.stride});
}
template <class Arch, class F>
void with_epilogue(const op::StoreBiased& e, F&& f) {
  f(BiasStore<Arch>{e.y, e.stride, e.bias});
}
template <class Arch, class F>
void with_epilogue(const op::AddBiased& e, F&& f) {
  f(BiasAddTo<Arch>{e.y, e.stride, e.bias});
}
template <class Arch, class Act, class F>
void with_epilogue(const op::Activate<Act, FormedRows>& e, F&& f) {
  e.out.template write<Arch>([&]<class Sink>(const Sink& sink) { f(SinkStore<Arch, Sink, Act>{sink, e.bias}); });
}
template <class Arch, class Act, class F>
void with_epilogue(const op::Gate<Act, FormedRows>& e, F&& f) {
  e.out.template write<Arch>([&]<class Sink>(const Sink& sink) { f(GatedStore<Arch, Sink, Act>{sink}); });
}
template <class Arch, class Inner, class T, class F>
void with_epilogue(const op::Adapted<Inner, T, 1>& e, F&& f) {
  with_epilogue<Arch>(e.inner, [&]<class E>(const E& inner) { f(DeltaEpilogue<Arch, E, T>{inner, e.deltas[0]}); });
}
template <class Arch, class Inner, class T, class F>
void with_epilogue(const op::Adapted<Inner, T, 2>& e, F&& f) {
  with_epilogue<Arch>(
      e.inner, [&]<class E>(const E& inner) { f(DeltaPairEpilogue<Arch, E, T>{inner, e.deltas[0], e.deltas[1]}); });
}

/// Queries, keys and values, then their heads: a product computes tiles of 32 columns, less than a head. with(i, store)
/// is the epilogue of product i that ends with `store`.
template <class A, class Norm, class Pairing, class Sequences, class Pass, class With>
void lower_qkv(const FormedRows& rows, const op::Qkv<PackedMatrix<A>>& w,
               const op::RotateAndCache<Norm, Pairing, Sequences>& e, const Pass& pass, const With& with) {
  const std::size_t q_width = e.heads * e.head_dim;
  const std::size_t kv_width = e.kv_heads * e.head_dim;
  const std::size_t width = q_width + 2 * kv_width;
  const std::size_t half = e.head_dim / 2;
  const Activations x = rows.activations();
  pass([&](Member& m) {
    const auto q = with(0, Store<A>{e.qkv, width});
    const auto k = with(1, Store<A>{e.qkv + q_width, width});
    const auto v = with(2, Store<A>{e.qkv + q_width + kv_width, width});
    matmul_many(x, m, MatmulJob{w.q, q}, MatmulJob{w.k, k}, MatmulJob{w.v, v});
  });
  pass([&](Member& m) {
    e.sequences.for_each(e.layer, [&](const auto& s) {
      float* at = e.qkv + s.first * width;
      const QkvRows mine{at,       at + q_width, at + q_width + kv_width, width, s.rows, e.heads, e.q_bias,
                         e.k_bias, e.v_bias};
      qk_norm_rope_store<A, Pairing>(mine, e.norm, e.angles + s.first * 2 * half, half, s.kv, s.start, m);
    });
  });
}

}  // namespace cpu

template <class A, class T, class Pass>
void lower(Cpu<A>, const op::LowRank<cpu::FormedRows, T>& o, const Pass& pass) {
  VLMT_ASSERT(o.rows.forms.floats);
  const cpu::FormedRows& rows = o.rows;
  pass([&](Member& m) {
    low_rank_rows<A>(rows.buffer.x, rows.n, rows.cols, rows.cols, o.down, o.adapter, o.adapters, o.rank, o.t, m);
  });
}

template <class A, class Epilogue, class Pass>
void lower(Cpu<A>, const op::Product<cpu::FormedRows, op::One<PackedMatrix<A>>, Epilogue>& o, const Pass& pass) {
  const Activations x = o.rows.activations();
  cpu::with_epilogue<A>(o.epilogue,
                        [&](const auto& epilogue) { pass([&](Member& m) { matmul(o.weights.w, x, epilogue, m); }); });
}

template <class A, class Epilogue, class Pass>
void lower(Cpu<A>, const op::Product<cpu::FormedRows, op::Pair<PackedMatrix<A>>, Epilogue>& o, const Pass& pass) {
  const Activations x = o.rows.activations();
  cpu::with_epilogue<A>(o.epilogue, [&](const auto& epilogue) {
    pass([&](Member& m) { matmul_pair(o.weights.first, o.weights.second, x, epilogue, m); });
  });
}

template <class A, class Epilogue, class Pass>
void lower(Cpu<A>, const op::Product<cpu::FormedRows, op::Grouped<PackedExperts<A>>, Epilogue>& o, const Pass& pass) {
  const Activations x = o.rows.activations();
  const ExpertGroups& groups = o.weights.groups;
  const std::int32_t* rows = o.weights.rows_of_tokens ? groups.tokens : nullptr;
  cpu::with_epilogue<A>(o.epilogue, [&](const auto& epilogue) {
    pass([&](Member& m) { grouped_matmul(o.weights.w, groups, rows, x, epilogue, m); });
  });
}

template <class A, class Epilogue, class Pass>
void lower(Cpu<A>, const op::Product<cpu::FormedRows, op::GroupedPair<PackedExperts<A>>, Epilogue>& o,
           const Pass& pass) {
  const Activations x = o.rows.activations();
  const ExpertGroups& groups = o.weights.groups;
  const std::int32_t* rows = o.weights.rows_of_tokens ? groups.tokens : nullptr;
  cpu::with_epilogue<A>(o.epilogue, [&](const auto& epilogue) {
    pass([&](Member& m) { grouped_matmul_pair(o.weights.first, o.weights.second, groups, rows, x, epilogue, m); });
  });
}

template <class A, class Norm, class Pairing, class Sequences, class Pass>
void lower(
    Cpu<A>,
    const op::Product<cpu::FormedRows, op::Qkv<PackedMatrix<A>>, op::RotateAndCache<Norm, Pairing, Sequences>>& o,
    const Pass& pass) {
  cpu::lower_qkv(o.rows, o.weights, o.epilogue, pass, [](std::size_t, const Store<A>& store) { return store; });
}

template <class A, class Norm, class Pairing, class Sequences, class T, class Pass>
void lower(Cpu<A>,
           const op::Product<cpu::FormedRows, op::Qkv<PackedMatrix<A>>,
                             op::Adapted<op::RotateAndCache<Norm, Pairing, Sequences>, T, 3>>& o,
           const Pass& pass) {
  cpu::lower_qkv(o.rows, o.weights, o.epilogue.inner, pass, [&](std::size_t i, const Store<A>& store) {
    return DeltaEpilogue<A, Store<A>, T>{store, o.epilogue.deltas[i]};
  });
}

VLMT_END_NAMESPACE
