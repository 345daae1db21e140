// The parts of a decoder that a family M names, and the defaults of those that it does not name.
//
// A part may depend on the configuration, the layer, and weights of the layer's own. A family gives it as an alias, or
// as a function that makes it:
//
//   part                      alias                 function                                         otherwise
//   norm of the residual      Norm{weight, eps}     norm(weight, eps)
//   attention variant         Attention{}           attention(config, layer[, state])
//   scale of logits                                 attention_scale(config, layer)                   1 / sqrt(head_dim)
//   router of a mixture       Router{}              router(config, layer[, state])
//   norms of q and k                                qk_norm(q, k, eps)                               none
//   state of a layer          LayerState            load_layer(state, config, layer, source, loader)  none
//   biases of q, k and v      has_qkv_bias = true                                                    none
//
// `state` is a LayerState: pointers that load_layer() has registered with the loader, sink logits or router biases for
// example.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/op/norm.hpp"

VLMT_BEGIN_NAMESPACE

/// A layer without weights or parameters of the family's own.
struct NoLayerState {};

namespace detail {

template <class M>
struct LayerStateType {
  using type = NoLayerState;
};
template <class M>
requires requires {
  typename M::LayerState;
}
struct LayerStateType<M> {
  using type = typename M::LayerState;
};

}  // namespace detail

/// What the parts of a layer of M read beside the configuration.
template <class M>
using LayerStateOf = typename detail::LayerStateType<M>::type;

/// The norm of the residual stream with `weight`.
template <class M>
auto norm_of(const float* weight, float eps) noexcept {
  if constexpr (requires { M::norm(weight, eps); }) {
    return M::norm(weight, eps);
  } else {
    return typename M::Norm{weight, eps};
  }
}

/// The attention variant of a layer.
template <class M, class Config>
auto attention_of([[maybe_unused]] const Config& config, [[maybe_unused]] std::size_t layer,
                  [[maybe_unused]] const LayerStateOf<M>& state) noexcept {
  if constexpr (requires { M::attention(config, layer, state); }) {
    return M::attention(config, layer, state);
  } else if constexpr (requires { M::attention(config, layer); }) {
    return M::attention(config, layer);
  } else {
    return typename M::Attention{};
  }
}

/// The factor of the products of queries and keys of a layer.
template <class M, class Config>
float attention_scale_of([[maybe_unused]] const Config& config, [[maybe_unused]] std::size_t layer,
                         std::size_t head_dim) noexcept {
  if constexpr (requires { M::attention_scale(config, layer); }) {
    return M::attention_scale(config, layer);
  } else {
    return 1.0f / std::sqrt(static_cast<float>(head_dim));
  }
}

/// The router of a layer.
template <class M, class Config>
auto router_of([[maybe_unused]] const Config& config, [[maybe_unused]] std::size_t layer,
               [[maybe_unused]] const LayerStateOf<M>& state) noexcept {
  if constexpr (requires { M::router(config, layer, state); }) {
    return M::router(config, layer, state);
  } else if constexpr (requires { M::router(config, layer); }) {
    return M::router(config, layer);
  } else {
    return typename M::Router{};
  }
}

/// The norms of queries and keys of a layer, with weights (head_dim) each.
template <class M>
auto qk_norm_of([[maybe_unused]] const float* q, [[maybe_unused]] const float* k, [[maybe_unused]] float eps) noexcept {
  if constexpr (requires { M::qk_norm(q, k, eps); }) {
    return M::qk_norm(q, k, eps);
  } else {
    return NoQkNorm{};
  }
}

/// True if the projections of queries, keys and values have biases.
template <class M>
constexpr bool has_qkv_bias() noexcept {
  if constexpr (requires { M::has_qkv_bias; }) {
    return M::has_qkv_bias;
  } else {
    return false;
  }
}

VLMT_END_NAMESPACE
