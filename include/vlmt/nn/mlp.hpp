// The gated MLP of a decoder layer: norm, gate and up projections, activation, down projection.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/nn/parts.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/op/product.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one gated MLP on backend B. All matrices are (out, in).
template <class B>
struct MlpWeights {
  const float* norm = nullptr;  ///< (hidden)
  MatrixOf<B> gate;             ///< (ffn, hidden)
  MatrixOf<B> up;               ///< (ffn, hidden)
  MatrixOf<B> down;             ///< (hidden, ffn)
};

/// x (n, hidden) += down(act(gate(norm x)) * up(norm x)). `inner` has room for (n, ffn).
template <class M, Step S, class Shapes, class B = typename S::Backend>
void mlp_block(S& step, const Shapes& s, const MlpWeights<B>& w, const RowBufferOf<B>& input,
               const RowBufferOf<B>& inner, float* x, std::size_t n, float eps, Numerics numerics) {
  const std::size_t hidden = s.hidden;
  const std::size_t ffn = s.ffn;
  const RowsOf<B> rows = BackendTypes<B>::rows(input, numerics, n, hidden, n, w.gate, w.up);
  step("mlp norm", op::Normalise{norm_of<M>(w.norm, eps), x, n, hidden, rows});
  const RowsOf<B> product = BackendTypes<B>::rows(inner, numerics, n, ffn, n, w.down);
  step("gate and up", op::Product{rows, op::Pair{w.gate, w.up}, op::Gate<typename M::Activation, RowsOf<B>>{product}});
  step("down", op::Product{product, op::One{w.down}, op::Add{x, hidden}});
}

VLMT_END_NAMESPACE
