// Models whose parts are replaced compute what the replaced parts say: each against the same model in double.
#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/vlmt.hpp"

#include "golden_case.hpp"
#include "variant_logits.hpp"

namespace vlmt {
namespace variant_test {
namespace {

using vlmt_test::DoubleVariant;
using vlmt_test::Row;

/// Float arithmetic in four layers.
constexpr double float_logits = 1e-5;

/// Qwen3-VL with a cache that rounds nothing: all of a difference is then arithmetic.
struct FloatCache : Qwen3VL {
  using KvFormat = F32;
};
struct WindowVlm : FloatCache {
  using Attention = SlidingWindow<2>;
};
struct SmallCache : Qwen3VL {
  using KvFormat = Q4_0;
};
struct ScaledNorm : RmsNorm {
  template <class V, class Load>
  VLMT_HD VLMT_INLINE V apply(V x, RowMoments<> m, const Load& load) const noexcept {
    return V(1.5f) * RmsNorm::apply(x, m, load);
  }
};
struct OtherNorm : FloatCache {
  using Norm = ScaledNorm;
};
struct OtherActivation : FloatCache {
  using Activation = GeluTanh;
};

/// A head in a cache of float16.
Row in_halves(const Row& head) {
  return head.unaryExpr([](double v) { return vlmt_test::to_bits(v, 11); });
}

/// A head in a cache of Q4_0: in each group of 32 the value of the largest magnitude becomes -8 steps of a float16.
Row in_q4_0(const Row& head) {
  Row y = head;
  for (Eigen::Index i = 0; i < head.size(); i += 32) {
    auto group = y.segment(i, 32);
    Eigen::Index largest = 0;
    group.cwiseAbs().maxCoeff(&largest);
    const double step = vlmt_test::to_bits(group(largest) / -8.0, 11);
    group = group.unaryExpr([step](double v) { return step * std::clamp(std::nearbyint(v / step), -8.0, 7.0); }).eval();
  }
  return y;
}

TEST(Variant, WithoutOverridesIsTheModelInDouble) {
  expect_logits<FloatCache>("qwen3vl", {}, float_logits);
  expect_logits<FloatCache>("qwen3vl-moe", {}, float_logits);
}

TEST(Variant, AWindowOfSlots) {
  expect_variant<WindowVlm>("qwen3vl", {.window = 2}, float_logits);
}

// Some of the 8192 values that are cached are so close to the middle of two float16 that the rounding of sums decides:
// an error of 2^-11 in each. Q4_0 has few steps, and none of the values is that close to a middle.
TEST(Variant, FormatsOfTheCache) {
  expect_variant<Qwen3VL>("qwen3vl", {.cached = in_halves}, 2e-4);
  expect_variant<SmallCache>("qwen3vl", {.cached = in_q4_0}, 1e-4);
}

TEST(Variant, ANormOfTheResidualStream) {
  expect_variant<OtherNorm>("qwen3vl", {.norm_scale = 1.5}, float_logits);
}

TEST(Variant, AnActivation) {
  expect_variant<OtherActivation>("qwen3vl", {.activation = vlmt_test::gelu_tanh}, float_logits);
}

}  // namespace
}  // namespace variant_test
}  // namespace vlmt
