// The gated MLP of a decoder layer: norm, gate and up projections, activation, down projection.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/nn/input_rows.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one gated MLP. All matrices are (out, in).
template <class Arch>
struct MlpWeights {
  const float* norm = nullptr;  ///< (hidden)
  PackedMatrix<Arch> gate;      ///< (ffn, hidden)
  PackedMatrix<Arch> up;        ///< (ffn, hidden)
  PackedMatrix<Arch> down;      ///< (hidden, ffn)
};

/// x (n, hidden) += down(act(gate(norm x)) * up(norm x)). `inner` has room for (n, ffn).
template <class M, Step S, class Shapes, class Arch>
void mlp_block(S& step, const Shapes& s, const MlpWeights<Arch>& w, const InputRows& input, const InputRows& inner,
               float* x, std::size_t n, float eps, Numerics numerics) {
  const auto hidden = s.hidden;
  const auto ffn = s.ffn;
  const RowForms in = activation_forms<Arch>(numerics, n, hidden, {w.gate.leaves, w.up.leaves});
  const typename M::Norm norm{w.norm, eps};
  input.write<Arch>(hidden, in, [&](const auto& sink) {
    step("mlp norm", [=](Member& m) noexcept { norm_rows<Arch>(norm, x, n, hidden, hidden, sink, m); });
  });

  const MlpWeights<Arch>* weights = &w;
  const Activations rows = input.rows(n, hidden, in);
  const RowForms out = activation_forms<Arch>(numerics, n, ffn, {w.down.leaves});
  inner.write<Arch>(ffn, out, [&]<class Sink>(const Sink& sink) {
    const GatedStore<Arch, Sink, typename M::Activation> gated{sink};
    step("gate and up", [=](Member& m) noexcept { matmul_pair(weights->gate, weights->up, rows, gated, m); });
  });
  const Activations product = inner.rows(n, ffn, out);
  step("down", [=](Member& m) noexcept { matmul(weights->down, product, AddTo<Arch>{x, hidden}, m); });
}

VLMT_END_NAMESPACE
