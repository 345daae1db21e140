// A router without used(), the number of experts per token.
// expect: vlmt: a router needs a static used(in_file) and route<Arch>(logits, n, experts, k, ids, weights, m)
#include "vlmt/exec/step_now.hpp"
#include "vlmt/kernel/activation.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/kernel/cpu/lower.hpp"
#include "vlmt/nn/moe.hpp"
#include "vlmt/op/router.hpp"
#include "vlmt/nn/shapes.hpp"

struct FirstExperts {
#if VLMT_FIXED
  static constexpr std::size_t used(std::size_t in_file) noexcept {
    return in_file;
  }
#endif
  template <class Arch>
  void route(float*, std::size_t n, std::size_t, std::size_t k, std::int32_t* ids, float* weights,
             vlmt::Member& m) const noexcept {
    if (m.rank() != 0) return;
    for (std::size_t i = 0; i < n * k; ++i) {
      ids[i] = static_cast<std::int32_t>(i % k);
      weights[i] = 1.0f / static_cast<float>(k);
    }
  }
};

struct Model {
  using Router = FirstExperts;
  using Norm = vlmt::RmsNorm;
  using Activation = vlmt::Silu;
};

void layer(vlmt::StepNow<>& step, const vlmt::DynamicShapes& shapes, const vlmt::MoeWeights<vlmt::Cpu<>>& weights,
           const vlmt::InputRows& input, const vlmt::MoeBuffers<vlmt::Cpu<>>& buffers, float* x) {
  vlmt::moe_block<Model>(step, shapes, weights, input, buffers, x, 1, 2, 1e-6f, vlmt::Numerics::fast, FirstExperts{});
}
