// Examples of docs/add-a-router.md and docs/add-an-attention-variant.md.
#include <vlmt/numeric/arithmetic.hpp>
#include <vlmt/op/attention_variant.hpp>
#include <vlmt/op/rope_policy.hpp>
#include <vlmt/op/router.hpp>

struct SigmoidScores {
  static constexpr bool normalized = false;  // true: divided by the sum over all experts
  template <class V>
  static VLMT_HD V apply(V logit) noexcept {
    using vlmt::arithmetic::exp, vlmt::arithmetic::number;
    return number<V>(1.0) / (number<V>(1.0) + exp(-logit));
  }
};
static_assert(vlmt::ScoresOf<SigmoidScores, float> && vlmt::ScoresOf<SigmoidScores, double>);

struct PairedKeys : vlmt::CausalAttention {
  using Pairing = vlmt::RopeHalves;  // elements i and i + head_dim / 2
  template <class V, class Load>
  VLMT_HD vlmt::ElementPair<V> key(vlmt::ElementPair<V> x, int slot, const Load& load) const noexcept;
};
static_assert(vlmt::AttentionVariantType<PairedKeys>);
