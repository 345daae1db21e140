// The mixture of experts against Eigen in double: choice of experts, their weights, their sum.
#include "vlmt/nn/moe.hpp"

#include "vlmt/nn/shapes.hpp"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/router.hpp"

#include "nn/block_cases.hpp"

namespace vlmt_test::moe_test {
namespace {

constexpr std::size_t hidden = 64, ffn = 96, experts = 10;
constexpr float epsilon = 1e-5f;

template <std::size_t K, class ScoresType, bool Renormalize>
struct Routed {
  using Norm = vlmt::RmsNorm;
  using Activation = vlmt::Silu;
  using Router = vlmt::TopKRouter<K, ScoresType, Renormalize>;
};

/// Outputs of a block: rows, and the choice of the router.
struct MoeResult {
  std::vector<float> x;
  std::vector<std::int32_t> ids;
  std::vector<float> weights;
};

/// A mixture with random weights and its twin in double.
template <class Arch>
struct MoeCase {
  using B = vlmt::Cpu<Arch>;

  Precision precision;
  std::vector<float> norm = norm_weights(hidden, 1);
  TestWeights<Arch> router{vlmt::F32::type_id, experts, hidden, 2};
  TestWeights<Arch> gate{precision.type_id, ffn, hidden, 3, experts};
  TestWeights<Arch> up{precision.type_id, ffn, hidden, 4, experts};
  TestWeights<Arch> down{precision.type_id, hidden, ffn, 5, experts};
  const float* scales = nullptr;  ///< (experts): of `down`

  template <class M>
  MoeResult run(const std::vector<float>& x, std::size_t k) const {
    const std::size_t n = x.size() / hidden;
    vlmt::DynamicShapes shapes{};
    shapes.hidden = vlmt::Dim<>(hidden);
    shapes.experts = vlmt::Dim<>(experts);
    shapes.expert_ffn = vlmt::Dim<>(ffn);
    struct Workspace {
      vlmt::InputRows input;
      vlmt::MoeBuffers<B> buffers;
    };
    vlmt::Buffer memory;
    const Workspace w = carve(memory, [&](vlmt::Carver& c) {
      return Workspace{vlmt::BackendTypes<B>::take_normed_rows(c, n, hidden),
                       vlmt::MoeBuffers<B>::take(c, shapes, n, k)};
    });
    const vlmt::MoeWeights<B> weights{norm.data(), router.matrix(), gate.experts(), up.experts(), down.experts(scales)};
    MoeResult result{x, {}, {}};
    run_step<Arch>([&](auto& step) {
      vlmt::moe_block<M>(step, shapes, weights, w.input, w.buffers, result.x.data(), n, k, epsilon, precision.numerics,
                         typename M::Router{});
    });
    result.ids.assign(w.buffers.ids, w.buffers.ids + n * k);
    result.weights.assign(w.buffers.weights, w.buffers.weights + n * k);
    return result;
  }

  template <class M>
  DoubleMoe twin(std::size_t k) const {
    DoubleMoe moe;
    moe.router = router.values[0];
    for (std::size_t e = 0; e < experts; ++e) {
      const double scale = scales == nullptr ? 1.0 : static_cast<double>(scales[e]);
      moe.experts.push_back({gate.values[e], up.values[e], scale * down.values[e], silu});
    }
    moe.used = k;
    moe.sigmoid_scores = std::is_same_v<typename M::Router::Scores, vlmt::SigmoidScores>;
    moe.renormalised = M::Router::renormalize;
    return moe;
  }
};

template <class M, class Arch>
void check(const MoeCase<Arch>& c, std::size_t n, std::size_t k) {
  const bool sigmoid_scores = std::is_same_v<typename M::Router::Scores, vlmt::SigmoidScores>;
  SCOPED_TRACE(testing::Message() << name(c.precision.numerics) << ", rows " << n << ", experts " << k << ", sigmoid "
                                  << sigmoid_scores << ", renormalised " << M::Router::renormalize);
  const auto x = gaussian(n * hidden, static_cast<unsigned>(n + k), 2.0f);
  const MoeResult got = c.template run<M>(x, k);
  const DoubleMoe moe = c.template twin<M>(k);
  const Matrix rows = to_matrix(x, hidden);
  const Matrix in = rms_norm(rows, to_row(c.norm), static_cast<double>(epsilon));
  const DoubleChoice choice = moe.choose(in);
  for (std::size_t i = 0; i < n * k; ++i) {
    EXPECT_EQ(static_cast<std::size_t>(got.ids[i]), choice.experts[i / k][i % k]) << i;
    EXPECT_NEAR(got.weights[i], choice.weights[i / k][i % k], float_tolerance) << i;
  }
  // Experts multiply the rows of their tokens, n k / experts on average.
  expect_computed(got.x, c.precision.template rounding<Arch>(n * k / experts),
                  [&](Rounding rounding) { return Matrix(rows + moe(in, rounding)); });
}

template <class Arch>
class NnMoe : public ::testing::Test {};
TYPED_TEST_SUITE(NnMoe, BlockTypes);

TYPED_TEST(NnMoe, RouterVariants) {
  using vlmt::SigmoidScores;
  using vlmt::SoftmaxScores;
  const MoeCase<TypeParam> c{exact_floats};
  for (const std::size_t n : {1u, 7u}) {
    check<Routed<vlmt::dynamic, SoftmaxScores, true>>(c, n, 3);
    check<Routed<vlmt::dynamic, SoftmaxScores, false>>(c, n, 3);
    check<Routed<vlmt::dynamic, SigmoidScores, true>>(c, n, 3);
    check<Routed<vlmt::dynamic, SigmoidScores, false>>(c, n, 3);
    check<Routed<2, SoftmaxScores, true>>(c, n, 2);
  }
}

// One expert for each token, all experts for each token, and more rows than a tile of a product.
TYPED_TEST(NnMoe, NumbersOfExpertsAndRows) {
  using M = Routed<vlmt::dynamic, vlmt::SoftmaxScores, true>;
  for (const Precision& precision : precisions) {
    const MoeCase<TypeParam> c{precision};
    for (const std::size_t k : {std::size_t{1}, std::size_t{2}, experts}) {
      check<M>(c, 1, k);
      check<M>(c, 40, k);
    }
  }
}

TYPED_TEST(NnMoe, ExpertsMayHaveScales) {
  const std::vector<float> scales = {1.0f, 0.5f, -2.0f, 3.0f, 0.25f, 1.5f, -1.0f, 2.0f, 0.75f, 4.0f};
  MoeCase<TypeParam> c{exact_floats};
  c.scales = scales.data();
  check<Routed<vlmt::dynamic, vlmt::SoftmaxScores, true>>(c, 9, 4);
}

}  // namespace
}  // namespace vlmt_test::moe_test
