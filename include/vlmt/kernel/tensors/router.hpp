// Mixture-of-experts routing of tensors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/router.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

/// Chooses k experts for each of n tokens by a router of op/router.hpp or of a user: route(TopKRouter<8>{}, logits,
/// ids, weights). logits (n, experts); ids (n, k) int32, best first; weights (n, k). k is the router's own number if it
/// has one. Tokens are split across the team.
template <class Arch = arch::native, class Router, TensorArgument L, TensorArgument I, TensorArgument W,
          TensorPlace... Places>
void route(const Router& router, const L& logits, I&& ids, W&& weights, Places&... places) {
  const auto in = detail::float_input<2>("route", "logits", logits);
  const auto chosen = detail::typed_output<std::int32_t, 2>("route", "ids", ids);
  const auto share = detail::float_output<2>("route", "weights", weights);
  const std::size_t n = in.extent(0), experts = in.extent(1), k = chosen.extent(1);
  detail::assert_sizes("route", "logits", in, dynamic, dynamic);
  detail::assert_sizes("route", "ids", chosen, n, Router::used(k));
  detail::assert_sizes("route", "weights", share, n, k);
  detail::assert_argument("route", "logits", in, experts <= max_experts, "at most 1024 experts");
  detail::assert_argument("route", "ids", chosen, k <= experts, "at most one choice for each expert");
  struct Memory {
    float* logits;
    float* weights;
    std::int32_t* ids;
  };
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) {
        return Memory{carver.take<float>(members * detail::member_floats(experts)),
                      carver.take<float>(members * detail::member_floats(k)),
                      carver.take<std::int32_t>(members * detail::member_floats(k))};
      },
      [&](Member& m, const Memory& memory) {
        float* row = memory.logits + m.rank() * detail::member_floats(experts);
        float* w = memory.weights + m.rank() * detail::member_floats(k);
        std::int32_t* id = memory.ids + m.rank() * detail::member_floats(k);
        const Range mine = m.share(n);
        Solo solo;
        for (std::size_t t = mine.begin; t < mine.end; ++t) {
          detail::load_elements<Arch>(in.data() + t * in.stride(0), in.stride(1), experts, row);
          route_by<Arch>(router, row, 1, experts, k, id, w, solo.member());
          detail::store_elements<Arch>(w, k, share.data() + t * share.stride(0), share.stride(1));
          for (std::size_t j = 0; j < k; ++j) chosen(t, j) = id[j];
        }
      },
      places...);
}

VLMT_END_NAMESPACE
