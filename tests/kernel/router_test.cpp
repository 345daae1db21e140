// MoE routing, grouping by expert, sums of rows, softmax and sigmoid of rows.
#include "vlmt/kernel/router.hpp"

#include <algorithm>
#include <numeric>

#include "vlmt/kernel/rows.hpp"

#include "kernel_check.hpp"

namespace {

using namespace vlmt;
using namespace vlmt_test;

template <class Arch>
class Router : public ::testing::Test {};
TYPED_TEST_SUITE(Router, Archs);

TYPED_TEST(Router, SoftmaxAndSigmoidMatchReference) {
  for (const std::size_t n : lengths(TypeParam::lanes)) {
    for (const std::size_t offset : {0u, 1u}) {
      auto values = gaussian(n, 1, 8.0f);
      values[n / 2] = 300.0f;  // overflows unless the maximum is subtracted
      Misaligned a(values, offset), b(values, offset);
      softmax_row<arch::reference>(a.data(), n);
      softmax_row<TypeParam>(b.data(), n);
      expect_close(b.data(), a.data(), n, 8 * eps, 1e-37);
      Misaligned c(gaussian(n, 2, 8.0f), offset), d(gaussian(n, 2, 8.0f), offset);
      score_row<arch::reference, SigmoidScores>(c.data(), n);
      score_row<TypeParam, SigmoidScores>(d.data(), n);
      expect_close(d.data(), c.data(), n, 24 * eps, 0.0);
    }
  }
}

/// Normalised without the largest logit: the square of a sigmoid, divided by the sum over the row.
struct SquaredSigmoids {
  static constexpr bool normalized = true;
  template <class V>
  static VLMT_HD V apply(V logit) noexcept {
    const V s = SigmoidScores::apply(logit);
    return s * s;
  }
};
/// Depends on the largest logit, and is not normalised: 1 for the best expert.
struct RelativeToTheBest {
  static constexpr bool normalized = false;
  template <class V>
  static VLMT_HD V apply(V logit, V most) noexcept {
    using arithmetic::exp, arithmetic::number;
    return exp((logit - most) * number<V>(0.25));
  }
};

TYPED_TEST(Router, OwnScoresMatchTheirDefinition) {
  for (const std::size_t n : lengths(TypeParam::lanes)) {
    const auto logits = gaussian(n, 4, 3.0f);
    const double most = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    std::vector<float> squares(n), relative(n);
    double sum = 0.0;
    const auto square = [](float x) { return std::pow(1.0 + std::exp(-static_cast<double>(x)), -2.0); };
    for (const float x : logits) sum += square(x);
    for (std::size_t i = 0; i < n; ++i) {
      squares[i] = static_cast<float>(square(logits[i]) / sum);
      relative[i] = static_cast<float>(std::exp((static_cast<double>(logits[i]) - most) / 4.0));
    }
    auto a = logits, b = logits, c = logits, d = logits;
    score_row<arch::reference, SquaredSigmoids>(a.data(), n);
    score_row<TypeParam, SquaredSigmoids>(b.data(), n);
    score_row<arch::reference, RelativeToTheBest>(c.data(), n);
    score_row<TypeParam, RelativeToTheBest>(d.data(), n);
    expect_close(a.data(), squares.data(), n, eps, 1e-37);
    expect_close(b.data(), squares.data(), n, 24 * eps, 1e-37);
    expect_close(c.data(), relative.data(), n, eps, 1e-37);
    expect_close(d.data(), relative.data(), n, 8 * eps, 1e-37);
  }
}

TYPED_TEST(Router, ChoosesTheBestExperts) {
  for (const std::size_t experts : {4u, 60u, 128u, 1024u}) {
    const std::size_t n = 5, k = 4;
    const auto logits = gaussian(n * experts, 3, 2.0f);
    auto scores = logits;
    std::vector<std::int32_t> ids(n * k);
    std::vector<float> weights(n * k);
    route<TypeParam, SoftmaxScores>(scores.data(), n, experts, {k, true, 1.0f}, ids.data(), weights.data());
    for (std::size_t t = 0; t < n; ++t) {
      const float* row = logits.data() + t * experts;
      std::vector<std::int32_t> order(experts);
      std::iota(order.begin(), order.end(), 0);
      std::sort(order.begin(), order.end(), [&](auto a, auto b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
      double sum = 0.0;
      for (std::size_t j = 0; j < k; ++j) sum += std::exp(static_cast<double>(row[order[j]]));
      for (std::size_t j = 0; j < k; ++j) {
        EXPECT_EQ(ids[t * k + j], order[j]);
        // Softmax over all experts, renormalised, equals softmax over the chosen ones.
        EXPECT_NEAR(weights[t * k + j], std::exp(static_cast<double>(row[order[j]])) / sum, 1e-6);
      }
    }
  }
}

TYPED_TEST(Router, OptionsAndTies) {
  // Ties go to the lowest indices, in order. Without renormalisation weights are the scaled probabilities.
  std::vector<float> logits(12, 0.5f);
  std::vector<std::int32_t> ids(3);
  std::vector<float> weights(3);
  route<TypeParam, SoftmaxScores>(logits.data(), 1, 12, {3, false, 2.0f}, ids.data(), weights.data());
  EXPECT_EQ(ids, (std::vector<std::int32_t>{0, 1, 2}));
  for (const float w : weights) EXPECT_NEAR(w, 2.0 / 12, 1e-6);
  std::vector<float> gates = {-1.0f, 2.0f, 0.0f, 2.0f};
  route<TypeParam, SigmoidScores>(gates.data(), 1, 4, {3, true, 1.0f}, ids.data(), weights.data());
  EXPECT_EQ(ids, (std::vector<std::int32_t>{1, 3, 2}));
  const double s = 1.0 / (1.0 + std::exp(-2.0));
  EXPECT_NEAR(weights[0], s / (2 * s + 0.5), 1e-6);
  EXPECT_NEAR(weights[2], 0.5 / (2 * s + 0.5), 1e-6);
  // NaN ranks last, and k = experts takes every expert once.
  std::vector<float> odd = {NAN, 1.0f, NAN, 3.0f};
  std::vector<std::int32_t> all(4);
  std::vector<float> all_weights(4);
  route<TypeParam, SigmoidScores>(odd.data(), 1, 4, {4, false, 1.0f}, all.data(), all_weights.data());
  EXPECT_EQ(all, (std::vector<std::int32_t>{3, 1, 0, 2}));
}

TEST(GroupByExpert, IsAStableCountingSortForAnyTeam) {
  const std::size_t n = 200, k = 4, experts = 19;
  std::mt19937 random(5);
  std::vector<std::int32_t> ids(n * k);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(random() % (experts - 2));
  std::vector<std::int32_t> offsets(experts + 1), tokens(n * k), positions(n * k);
  const ExpertGroups groups{offsets.data(), tokens.data(), positions.data(), experts};
  on_teams([&](Member& m) { group_by_expert(ids.data(), n, k, groups, m); },
           [&](std::size_t size) {
             std::size_t row = 0;
             for (std::size_t e = 0; e < experts; ++e) {
               EXPECT_EQ(static_cast<std::size_t>(offsets[e]), row) << size;
               for (std::size_t i = 0; i < n * k; ++i) {
                 if (static_cast<std::size_t>(ids[i]) != e) continue;
                 EXPECT_EQ(static_cast<std::size_t>(tokens[row]), i / k);
                 EXPECT_EQ(static_cast<std::size_t>(positions[i]), row);
                 ++row;
               }
             }
             EXPECT_EQ(static_cast<std::size_t>(offsets[experts]), n * k);
             std::fill(offsets.begin(), offsets.end(), -1);
             std::fill(tokens.begin(), tokens.end(), -1);
             std::fill(positions.begin(), positions.end(), -1);
           });
}

TYPED_TEST(Router, WeightedSumsMatchReference) {
  for (const std::size_t h : lengths(TypeParam::lanes)) {
    const std::size_t n = 3, k = 4, rows = 9;
    const auto x = gaussian(rows * h, 6);
    const auto w = gaussian(n * k, 7);
    std::vector<std::int32_t> at = {0, 8, 3, 3, 1, 2, 4, 5, 7, 6, 0, 1};
    auto want = gaussian(n * h, 8);
    auto got = want;
    add_weighted_rows<arch::reference>(x.data(), at.data(), w.data(), n, k, h, want.data());
    add_weighted_rows<TypeParam>(x.data(), at.data(), w.data(), n, k, h, got.data());
    expect_close(got.data(), want.data(), n * h, eps, 8 * eps);

    const std::vector<std::int32_t> to = {2, 0};
    auto sum = gaussian(n * h, 9), sum_want = sum;
    // Level 1 of two rows of features, the levels 3 rows apart.
    const FeatureRow features[] = {{x.data(), 3 * h}, {x.data() + h, 3 * h}};
    add_features<TypeParam>(features, 1, to.data(), 2, h, sum.data());
    add_features<arch::reference>(features, 1, to.data(), 2, h, sum_want.data());
    EXPECT_EQ(sum, sum_want);
    for (std::size_t i = 0; i < h; ++i) EXPECT_EQ(sum[2 * h + i], gaussian(n * h, 9)[2 * h + i] + x[3 * h + i]);
  }
}

TEST(Rows, WeightedSumsDoNotDependOnTheTeam) {
  using Arch = arch::native;
  const std::size_t n = 3, k = 8, h = 1300;
  const auto x = gaussian(n * k * h, 1);
  const auto w = gaussian(n * k, 2);
  std::vector<std::int32_t> at(n * k);
  std::iota(at.begin(), at.end(), 0);
  const auto start = gaussian(n * h, 3);
  auto want = start;
  add_weighted_rows<Arch>(x.data(), at.data(), w.data(), n, k, h, want.data());
  auto got = start;
  on_teams([&](Member& m) { add_weighted_rows<Arch>(x.data(), at.data(), w.data(), n, k, h, got.data(), m); },
           [&](std::size_t size) {
             EXPECT_EQ(want, got) << size;
             got = start;
           });
}

TEST(Rows, EmbeddingSkipsNegativeIdsAndImagesFillThem) {
  const std::size_t h = 3;
  const std::vector<float> table = {0, 1, 2, 10, 11, 12, 20, 21, 22};
  const RowDecoder decoder{table.data(),
                           [](const void* matrix, std::size_t row, float* out) noexcept {
                             std::copy_n(static_cast<const float*>(matrix) + row * 3, 3, out);
                           },
                           3};
  const std::vector<std::int32_t> ids = {2, -1, 0, -1};
  std::vector<float> y(4 * h, -7.0f);
  on_teams([&](Member& m) { embed_rows(decoder, ids.data(), 4, h, y.data(), m); }, [](std::size_t) {});
  EXPECT_EQ(y, (std::vector<float>{20, 21, 22, -7, -7, -7, 0, 1, 2, -7, -7, -7}));
  const std::vector<float> x = {5, 5, 5, 6, 6, 6};
  const FeatureRow features[] = {{x.data(), 0}, {x.data() + 3, 0}};
  const std::vector<std::int32_t> to = {3, 1};
  place_features(features, to.data(), 2, h, y.data());
  EXPECT_EQ(y, (std::vector<float>{20, 21, 22, 6, 6, 6, 0, 1, 2, 5, 5, 5}));
  const std::vector<std::int32_t> from = {1};
  gather_rows(x.data(), from.data(), 1, h, y.data());
  EXPECT_EQ(y[0], 6.0f);
}

}  // namespace
