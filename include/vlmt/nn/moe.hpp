// The mixture of experts of a decoder layer: router, tokens grouped by expert, gated MLPs. Weights of experts without
// tokens are never read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/kernel/expert_groups.hpp"
#include "vlmt/kernel/grouped_matmul.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/kernel/router.hpp"
#include "vlmt/kernel/rows.hpp"
#include "vlmt/nn/input_rows.hpp"
#include "vlmt/nn/router.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one mixture. A stacked matrix stores its experts one after the other.
template <class Arch>
struct MoeWeights {
  const float* norm = nullptr;  ///< (hidden)
  PackedMatrix<Arch> router;    ///< (experts, hidden)
  PackedExperts<Arch> gate;     ///< experts x (expert_ffn, hidden)
  PackedExperts<Arch> up;       ///< experts x (expert_ffn, hidden)
  PackedExperts<Arch> down;     ///< experts x (hidden, expert_ffn)
};

/// Workspace of a mixture for up to `rows` tokens with k experts each.
struct MoeBuffers {
  float* logits = nullptr;      ///< (rows, experts)
  std::int32_t* ids = nullptr;  ///< (rows, k)
  float* weights = nullptr;     ///< (rows, k)
  ExpertGroups groups;
  InputRows inner;           ///< (rows * k, expert_ffn), in the order of the groups
  float* outputs = nullptr;  ///< (rows * k, hidden), in the order of the groups

  template <class Arch, class Shapes>
  static MoeBuffers take(Carver& carver, const Shapes& s, std::size_t rows, std::size_t k) {
    MoeBuffers b;
    b.logits = carver.take<float>(rows * s.experts);
    b.ids = carver.take<std::int32_t>(rows * k);
    b.weights = carver.take<float>(rows * k);
    b.groups.offsets = carver.take<std::int32_t>(s.experts + 1);
    b.groups.tokens = carver.take<std::int32_t>(rows * k);
    b.groups.positions = carver.take<std::int32_t>(rows * k);
    b.groups.experts = s.experts;
    b.inner = InputRows::take<Arch>(carver, rows * k, s.expert_ffn);
    b.outputs = carver.take<float>(rows * k * s.hidden);
    return b;
  }
};

/// x (n, hidden) += sum over the k chosen experts e of weight_e * down_e(act(gate_e(norm x)) * up_e(norm x)).
template <class M, Step S, class Shapes, class Arch>
void moe_block(S& step, const Shapes& s, const MoeWeights<Arch>& w, const InputRows& input, const MoeBuffers& b,
               float* x, std::size_t n, std::size_t k, float eps, Numerics numerics, const typename M::Router& router) {
  static_assert(RouterPolicy<typename M::Router, Arch>,
                "vlmt: a router needs a static used(in_file) and route<Arch>(logits, n, experts, k, ids, weights, m) "
                "const, both noexcept; see TopKRouter in nn/router.hpp");
  const auto hidden = s.hidden;
  const auto ffn = s.expert_ffn;
  const auto experts = s.experts;
  // Mean rows per expert. The router multiplies all n rows, but its weights are float32 and take floats in any case.
  const std::size_t expert_rows = n * k / experts;
  const RowForms in =
      activation_forms<Arch>(numerics, expert_rows, hidden, {w.router.leaves, w.gate.leaves, w.up.leaves});
  const typename M::Norm norm{w.norm, eps};
  input.write<Arch>(hidden, in, [&](const auto& sink) {
    step("moe norm", [=](Member& m) noexcept { norm_rows<Arch>(norm, x, n, hidden, hidden, sink, m); });
  });

  const MoeWeights<Arch>* weights = &w;
  const Activations rows = input.rows(n, hidden, in);
  step("router", [=](Member& m) noexcept { matmul(weights->router, rows, Store<Arch>{b.logits, experts}, m); });
  step("choice of experts",
       [=](Member& m) noexcept { router.template route<Arch>(b.logits, n, experts, k, b.ids, b.weights, m); });
  step("groups of experts", [=](Member& m) noexcept { group_by_expert(b.ids, n, k, b.groups, m); });
  const RowForms out = activation_forms<Arch>(numerics, expert_rows, ffn, {w.down.leaves});
  b.inner.write<Arch>(ffn, out, [&]<class Sink>(const Sink& sink) {
    const GatedStore<Arch, Sink, typename M::Activation> gated{sink};
    step("expert gate and up", [=](Member& m) noexcept {
      grouped_matmul_pair(weights->gate, weights->up, b.groups, b.groups.tokens, rows, gated, m);
    });
  });
  const Activations product = b.inner.rows(n * k, ffn, out);
  step("expert down", [=](Member& m) noexcept {
    grouped_matmul(weights->down, b.groups, nullptr, product, Store<Arch>{b.outputs, hidden}, m);
  });
  step("sum of experts", [=](Member& m) noexcept {
    add_weighted_rows<Arch>(b.outputs, b.groups.positions, b.weights, n, k, hidden, x, m);
  });
}

VLMT_END_NAMESPACE
