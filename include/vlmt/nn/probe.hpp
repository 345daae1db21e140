// Probes: a look inside a running model, chosen by type and costing nothing when absent.
//
// A probe is a type of the user's with any of these members, called by one thread between two ops:
//   void hidden(std::size_t layer, TensorView<const float, 2> x)      input of layer 0, output of layer - 1 (before
//                                                                     DeepStack), and last the states behind the final
//                                                                     norm
//   void router(std::size_t layer, TensorView<const std::int32_t, 2> experts, TensorView<const float, 2> weights)
//   void vision(std::size_t block, TensorView<const float, 2> x)      output of a block of the tower
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/nn/moe.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// Looks at nothing.
struct NoProbe {};

template <class P>
concept ProbesHidden = requires(P& p, TensorView<const float, 2> x) {
  p.hidden(std::size_t{}, x);
};
template <class P>
concept ProbesRouter = requires(P& p, TensorView<const std::int32_t, 2> ids, TensorView<const float, 2> w) {
  p.router(std::size_t{}, ids, w);
};
template <class P>
concept ProbesVision = requires(P& p, TensorView<const float, 2> x) {
  p.vision(std::size_t{}, x);
};

/// Shows x (n, width) as the hidden states of `layer`.
template <Step S, class Probe>
void probe_hidden([[maybe_unused]] S& step, [[maybe_unused]] Probe& probe, [[maybe_unused]] std::size_t layer,
                  [[maybe_unused]] const float* x, [[maybe_unused]] std::size_t n, [[maybe_unused]] std::size_t width) {
  if constexpr (ProbesHidden<Probe>) {
    Probe* p = &probe;
    step([=](Member& m) {
      if (m.rank() == 0) p->hidden(layer, view(x, n, width));
    });
  }
}

/// Shows the experts (n, k) that a router chose in `layer`, and their weights.
template <Step S, class Probe>
void probe_router([[maybe_unused]] S& step, [[maybe_unused]] Probe& probe, [[maybe_unused]] std::size_t layer,
                  [[maybe_unused]] const MoeBuffers& b, [[maybe_unused]] std::size_t n,
                  [[maybe_unused]] std::size_t k) {
  if constexpr (ProbesRouter<Probe>) {
    Probe* p = &probe;
    const std::int32_t* ids = b.ids;
    const float* weights = b.weights;
    step([=](Member& m) {
      if (m.rank() == 0) p->router(layer, view(ids, n, k), view(weights, n, k));
    });
  }
}

/// Shows x (n, width) as the output of a block of the vision tower.
template <Step S, class Probe>
void probe_vision([[maybe_unused]] S& step, [[maybe_unused]] Probe& probe, [[maybe_unused]] std::size_t block,
                  [[maybe_unused]] const float* x, [[maybe_unused]] std::size_t n, [[maybe_unused]] std::size_t width) {
  if constexpr (ProbesVision<Probe>) {
    Probe* p = &probe;
    step([=](Member& m) {
      if (m.rank() == 0) p->vision(block, view(x, n, width));
    });
  }
}

VLMT_END_NAMESPACE
