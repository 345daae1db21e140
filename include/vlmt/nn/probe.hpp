// Probes observe the intermediate values of a running model. They are chosen by type; an absent hook costs nothing.
//
// A probe is a user's type with any of these members. One thread calls them between two ops; the views are of the
// host's memory and valid during the call only.
//   void hidden(std::size_t layer, TensorView<const float, 2> x)
//       x (tokens, hidden). layer 0: input of the first layer; layer l < layers: output of layer l - 1, before
//       DeepStack features are added; layer = layers: output of the final norm.
//   void router(std::size_t layer, TensorView<const std::int32_t, 2> experts, TensorView<const float, 2> weights)
//       both (tokens, experts used)
//   void attention(std::size_t layer, TensorView<const float, 3> weights)
//       weights (heads, tokens, slots): how much of the value of each slot a token takes, computed again in double for
//       the probe; the slots are those of the cache, this step included. Takes room for (heads, chunk, context) floats.
//   void vision(std::size_t block, TensorView<const float, 2> x)
//       x (patches, hidden): output of a block of the vision encoder
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/nn/moe.hpp"
#include "vlmt/op/host.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// The default probe, without hooks.
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
concept ProbesAttention = requires(P& p, TensorView<const float, 3> w) {
  p.attention(std::size_t{}, w);
};
template <class P>
concept ProbesVision = requires(P& p, TensorView<const float, 2> x) {
  p.vision(std::size_t{}, x);
};

/// Passes x (n, width) to probe.hidden, if there is one.
template <Step S, class Probe>
void probe_hidden([[maybe_unused]] S& step, [[maybe_unused]] Probe& probe, [[maybe_unused]] std::size_t layer,
                  [[maybe_unused]] const float* x, [[maybe_unused]] std::size_t n, [[maybe_unused]] std::size_t width) {
  if constexpr (ProbesHidden<Probe>) {
    Probe* p = &probe;
    step("probe", op::Host{[=](const HostRows<const float>& r) { p->hidden(layer, view(r.data, r.rows, r.cols)); },
                           HostRows<const float>{x, n, width}});
  }
}

/// Passes the experts (n, k) chosen by the router of `layer` and their weights (n, k) to probe.router, if there is one.
template <Step S, class Probe, class B = typename S::Backend>
void probe_router([[maybe_unused]] S& step, [[maybe_unused]] Probe& probe, [[maybe_unused]] std::size_t layer,
                  [[maybe_unused]] const MoeBuffers<B>& b, [[maybe_unused]] std::size_t n,
                  [[maybe_unused]] std::size_t k) {
  if constexpr (ProbesRouter<Probe>) {
    Probe* p = &probe;
    const auto call = [=](const HostRows<const std::int32_t>& i, const HostRows<const float>& w) {
      p->router(layer, view(i.data, i.rows, i.cols), view(w.data, w.rows, w.cols));
    };
    step("probe", op::Host{call, HostRows<const std::int32_t>{b.ids, n, k}, HostRows<const float>{b.weights, n, k}});
  }
}

/// Passes the attention weights of `layer` to probe.attention, if there is one. `o` computes them.
template <Step S, class Probe, class Op>
void probe_attention([[maybe_unused]] S& step, [[maybe_unused]] Probe& probe, [[maybe_unused]] std::size_t layer,
                     [[maybe_unused]] const Op& o) {
  if constexpr (ProbesAttention<Probe>) {
    Probe* p = &probe;
    const std::size_t heads = o.heads;
    step("attention weights", o);
    const auto call = [=](const HostRows<const float>& r) {
      p->attention(layer, view(r.data, heads, r.rows / heads, r.cols));
    };
    step("probe", op::Host{call, HostRows<const float>{o.weights, heads * o.rows, o.slots}});
  }
}

/// Passes x (n, width), the output of a block, to probe.vision, if there is one.
template <Step S, class Probe>
void probe_vision([[maybe_unused]] S& step, [[maybe_unused]] Probe& probe, [[maybe_unused]] std::size_t block,
                  [[maybe_unused]] const float* x, [[maybe_unused]] std::size_t n, [[maybe_unused]] std::size_t width) {
  if constexpr (ProbesVision<Probe>) {
    Probe* p = &probe;
    step("probe", op::Host{[=](const HostRows<const float>& r) { p->vision(block, view(r.data, r.rows, r.cols)); },
                           HostRows<const float>{x, n, width}});
  }
}

VLMT_END_NAMESPACE
