// The mixture of experts of a decoder layer: router, tokens grouped by expert, gated MLPs. Weights of experts without
// tokens are never read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/nn/parts.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/expert_groups.hpp"
#include "vlmt/op/experts.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/op/product.hpp"
#include "vlmt/op/rows.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one mixture on backend B. A stacked matrix stores its experts one after the other.
template <class B>
struct MoeWeights {
  const float* norm = nullptr;  ///< (hidden)
  MatrixOf<B> router;           ///< (experts, hidden)
  ExpertsOf<B> gate;            ///< experts x (expert_ffn, hidden)
  ExpertsOf<B> up;              ///< experts x (expert_ffn, hidden)
  ExpertsOf<B> down;            ///< experts x (hidden, expert_ffn)
};

/// Workspace of a mixture for up to `rows` tokens with k experts each.
template <class B>
struct MoeBuffers {
  float* logits = nullptr;      ///< (rows, experts)
  std::int32_t* ids = nullptr;  ///< (rows, k)
  float* weights = nullptr;     ///< (rows, k)
  ExpertGroups groups;
  RowBufferOf<B> inner;      ///< (rows * k, expert_ffn), in the order of the groups
  float* outputs = nullptr;  ///< (rows * k, hidden), in the order of the groups

  template <class Shapes>
  static MoeBuffers take(Carver& carver, const Shapes& s, std::size_t rows, std::size_t k) {
    MoeBuffers b;
    b.logits = carver.take<float>(rows * s.experts);
    b.ids = carver.take<std::int32_t>(rows * k);
    b.weights = carver.take<float>(rows * k);
    b.groups.offsets = carver.take<std::int32_t>(s.experts + 1);
    b.groups.tokens = carver.take<std::int32_t>(rows * k);
    b.groups.positions = carver.take<std::int32_t>(rows * k);
    b.groups.experts = s.experts;
    b.inner = BackendTypes<B>::take_rows(carver, rows * k, s.expert_ffn);
    b.outputs = carver.take<float>(rows * k * s.hidden);
    return b;
  }
};

/// x (n, hidden) += sum over the k chosen experts e of weight_e * down_e(act(gate_e(norm x)) * up_e(norm x)). `router`
/// is that of the layer (nn/parts.hpp).
template <class M, Step S, class Shapes, class Router, class B = typename S::Backend>
void moe_block(S& step, const Shapes& s, const MoeWeights<B>& w, const RowBufferOf<B>& input, const MoeBuffers<B>& b,
               float* x, std::size_t n, std::size_t k, float eps, Numerics numerics, const Router& router) {
  using Types = BackendTypes<B>;
  const std::size_t hidden = s.hidden;
  const std::size_t ffn = s.expert_ffn;
  const std::size_t experts = s.experts;
  // Mean rows per expert. The router multiplies all n rows, but its weights are float32 and take floats in any case.
  const std::size_t expert_rows = n * k / experts;
  const RowsOf<B> rows = Types::rows(input, numerics, n, hidden, expert_rows, w.router, w.gate, w.up);
  step("moe norm", op::Normalise{norm_of<M>(w.norm, eps), x, n, hidden, rows});
  step("router", op::Product{rows, op::One{w.router}, op::Store{b.logits, experts}});
  step("choice of experts", op::Route{router, b.logits, n, experts, k, b.ids, b.weights});
  step("groups of experts", op::Group{b.ids, n, k, b.groups});

  const RowsOf<B> product = Types::rows(b.inner, numerics, n * k, ffn, expert_rows, w.down);
  step("expert gate and up", op::Product{rows, op::GroupedPair{w.gate, w.up, b.groups, true},
                                         op::Gate<typename M::Activation, RowsOf<B>>{product}});
  step("expert down", op::Product{product, op::Grouped{w.down, b.groups, false}, op::Store{b.outputs, hidden}});
  step("sum of experts", op::AddWeighted{b.outputs, b.groups.positions, b.weights, x, n, k, hidden});
}

VLMT_END_NAMESPACE
