// Sampling: block statistics of every arch, surviving tokens against a full sort, and draws against their
// probabilities.
#include "vlmt/kernel/sampling.hpp"

#include <map>
#include <set>

#include "kernel_check.hpp"

namespace {

using namespace vlmt;
using namespace vlmt_test;

constexpr float inf = std::numeric_limits<float>::infinity();

struct Sampler {
  std::vector<float> logits;
  std::vector<LogitBlock> stats;
  std::vector<TokenLogit> candidates;
  SamplerRng rng{42, 0};
  SampledToken token;

  explicit Sampler(std::vector<float> values)
      : logits(std::move(values)), stats(logit_blocks(logits.size())), candidates(logits.size()) {}

  template <class Arch = arch::native>
  SampledToken pick(const SamplingParams& params, Member& m = Solo().member()) {
    scan_logits<Arch>(logits.data(), logits.size(), &params, stats.data(), m);
    if (m.size() > 1) m.barrier();
    pick_token(logits.data(), logits.size(), &params, stats.data(), candidates.data(), &rng, &token, m);
    if (m.size() > 1) m.barrier();
    return token;
  }
};

template <class Arch>
class Sampling : public ::testing::Test {};
TYPED_TEST_SUITE(Sampling, Archs);

TYPED_TEST(Sampling, BlockStatisticsMatchReference) {
  for (std::size_t n = 1; n <= 200; n += n < 70 ? 1 : 13) {
    auto logits = gaussian(n, static_cast<unsigned>(n), 5.0f);
    if (n > 5) logits[n / 2] = NAN, logits[n / 3] = -inf;
    std::vector<LogitBlock> want(logit_blocks(n)), got(logit_blocks(n));
    scan_logits<arch::reference>(logits.data(), n, 0.7f, want.data());
    scan_logits<TypeParam>(logits.data(), n, 0.7f, got.data());
    for (std::size_t b = 0; b < want.size(); ++b) {
      EXPECT_EQ(got[b].max, want[b].max);
      EXPECT_NEAR(got[b].sum, want[b].sum, 8 * eps * static_cast<double>(want[b].sum));
    }
  }
}

TYPED_TEST(Sampling, ScoresMatchReference) {
  for (const std::size_t vocab : {1u, 63u, 64u, 65u, 1000u}) {
    auto logits = gaussian(3 * vocab, 1, 20.0f);
    if (vocab > 64) logits[3] = -inf;
    const std::vector<std::int32_t> targets = {0, static_cast<std::int32_t>(vocab / 2),
                                               static_cast<std::int32_t>(vocab - 1)};
    std::vector<float> want(3), got(3);
    score_rows<arch::reference>(logits.data(), 3, vocab, targets.data(), want.data());
    score_rows<TypeParam>(logits.data(), 3, vocab, targets.data(), got.data());
    expect_close(got.data(), want.data(), 3, 4 * eps, 4 * eps);
  }
}

TEST(SamplingPick, GreedyTakesTheFirstOfTheBest) {
  auto logits = gaussian(1000, 1);
  logits[700] = logits[300] = 9.0f;
  Sampler s(logits);
  SamplingParams greedy;
  greedy.temperature = 0.0f;
  EXPECT_EQ(s.pick(greedy).token, 300);
  EXPECT_EQ(s.rng.counter, 0u);
  SamplingParams one;
  one.top_k = 1;
  EXPECT_EQ(s.pick(one).token, 300);
}

// Surviving tokens and drawn tokens for many settings, against a sort of the whole vocabulary.
TEST(SamplingPick, DrawsFromTheSurvivingTokens) {
  const std::size_t vocab = 3000;
  const auto logits = gaussian(vocab, 2, 2.5f);
  std::vector<TokenLogit> survivors(vocab);
  for (const float temperature : {0.3f, 1.0f, 2.0f}) {
    for (const std::int32_t top_k : {0, 5, 200, 5000}) {
      for (const float top_p : {1.0f, 0.9f, 0.3f, 0.0f}) {
        for (const float min_p : {0.0f, 0.2f}) {
          SamplingParams params;
          params.temperature = temperature, params.top_k = top_k, params.top_p = top_p, params.min_p = min_p;
          const std::size_t n = ref::surviving_tokens(logits.data(), vocab, params, survivors.data());
          Sampler s(logits);
          SamplerRng same = s.rng;
          // The reference draws in order of probability, or in order of ids where nothing is sorted.
          const double u = same.uniform();
          const SampledToken got = s.pick(params);
          const bool unsorted = !(top_p < 1.0f) && (top_k == 0 || top_k > 3000);
          EXPECT_EQ(static_cast<std::size_t>(got.candidates), n)
              << temperature << " " << top_k << " " << top_p << " " << min_p;
          const auto found = std::find_if(survivors.begin(), survivors.begin() + static_cast<std::ptrdiff_t>(n),
                                          [&](const TokenLogit& t) { return t.token == got.token; });
          ASSERT_NE(found, survivors.begin() + static_cast<std::ptrdiff_t>(n));
          EXPECT_NEAR(got.probability, found->value, 1e-5);
          if (unsorted) {
            std::sort(survivors.begin(), survivors.begin() + static_cast<std::ptrdiff_t>(n),
                      [](const auto& a, const auto& b) { return a.token < b.token; });
          }
          double sum = 0.0;
          std::size_t i = 0;
          while (i + 1 < n && sum + static_cast<double>(survivors[i].value) <= u) {
            sum += static_cast<double>(survivors[i++].value);
          }
          // With this seed no u is within rounding of a border.
          EXPECT_EQ(got.token, survivors[i].token);
        }
      }
    }
  }
}

TEST(SamplingPick, FrequenciesAreTheProbabilities) {
  Sampler s({1.0f, 0.0f, -inf, 2.0f, NAN, 1.5f});
  const SamplingParams params;
  std::map<std::int32_t, int> count;
  const int draws = 20000;
  for (int i = 0; i < draws; ++i) ++count[s.pick(params).token];
  const double total = std::exp(1.0) + 1.0 + std::exp(2.0) + std::exp(1.5);
  EXPECT_EQ(count.size(), 4u);
  for (const auto& [token, logit] : std::map<std::int32_t, double>{{0, 1.0}, {1, 0.0}, {3, 2.0}, {5, 1.5}}) {
    const double p = std::exp(logit) / total;
    // Five standard deviations.
    EXPECT_NEAR(static_cast<double>(count[token]) / draws, p, 5 * std::sqrt(p * (1 - p) / draws)) << token;
  }
}

TEST(SamplingPick, FlatDistributionsNeedAllTokens) {
  const std::size_t vocab = 10000;
  Sampler s(std::vector<float>(vocab, 0.25f));
  SamplingParams params;
  params.top_p = 0.5f;
  EXPECT_NEAR(s.pick(params).candidates, 5000, 1);
  std::set<std::int32_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(s.pick(params).token);
  EXPECT_GT(seen.size(), 150u);
  EXPECT_LE(*seen.rbegin(), 5000);
}

TEST(SamplingPick, NonFiniteLogitsAndExtremeTemperaturesAreDefined) {
  SamplingParams params;
  params.top_k = 3;
  Sampler none({NAN, -inf, NAN});
  EXPECT_EQ(none.pick(params).status, SamplingStatus::NoFiniteLogit);
  EXPECT_EQ(none.pick(params).token, -1);
  for (const auto& p : {params, SamplingParams{}, SamplingParams{.top_p = 0.5f}, SamplingParams{.temperature = 0.0f}}) {
    Sampler high({1.0f, inf, NAN, 3e38f});
    EXPECT_EQ(high.pick(p).token, 1) << p.top_k;
    Sampler single({-inf, -inf, -2.0f, NAN});
    EXPECT_EQ(single.pick(p).token, 2);
    EXPECT_EQ(single.pick(p).status, SamplingStatus::Ok);
  }
  for (const float temperature : {1e-38f, 1e-6f}) {
    SamplingParams cold;
    cold.temperature = temperature;
    Sampler s({0.0f, 1.0f, 0.5f});
    EXPECT_EQ(s.pick(cold).token, 1);
  }
  SamplingParams hot;
  hot.temperature = inf;
  Sampler s({0.0f, -inf, 50.0f});
  std::set<std::int32_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(s.pick(hot).token);
  EXPECT_EQ(seen, (std::set<std::int32_t>{0, 2}));
}

TEST(SamplingPick, PenaltiesAreAppliedAndUndone) {
  const std::vector<float> logits = {2.0f, -2.0f, 0.5f, 1.0f};
  Sampler s(logits);
  const std::vector<std::int32_t> tokens = {0, 1, 3}, counts = {3, 1, 2};
  std::vector<float> saved(3);
  const std::int32_t size = 3;
  const PenaltyList list{tokens.data(), counts.data(), saved.data(), &size};
  SamplingParams params;
  params.repetition = 2.0f, params.presence = 0.25f, params.frequency = 0.5f;
  on_teams(
      [&](Member& m) {
        penalize(s.logits.data(), &params, list, m);
        m.barrier();
        EXPECT_EQ(s.logits, (std::vector<float>{-0.75f, -4.75f, 0.5f, -0.75f}));
        m.barrier();
        restore_logits(s.logits.data(), list, m);
      },
      [&](std::size_t) { EXPECT_EQ(s.logits, logits); });
}

TEST(SamplingPick, LogProbabilities) {
  const std::size_t vocab = 777;
  Sampler s(gaussian(vocab, 3, 4.0f));
  scan_logits<arch::native>(s.logits.data(), vocab, 1.0f, s.stats.data());
  std::vector<TokenLogit> top(20), order(vocab);
  top_log_probs(s.logits.data(), vocab, s.stats.data(), 20, s.candidates.data(), top.data());
  ref::surviving_tokens(s.logits.data(), vocab, SamplingParams{}, order.data());
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(top[i].token, order[i].token);
    EXPECT_NEAR(top[i].value, std::log(static_cast<double>(order[i].value)), 1e-5);
    float one = 0.0f;
    token_log_prob(s.logits.data(), vocab, s.stats.data(), &top[i].token, &one);
    EXPECT_EQ(one, top[i].value);
  }
  // Asks for more tokens than there are finite logits.
  Sampler few({NAN, 1.0f, -inf});
  scan_logits<arch::native>(few.logits.data(), 3, 1.0f, few.stats.data());
  std::vector<TokenLogit> all(3);
  top_log_probs(few.logits.data(), 3, few.stats.data(), 3, few.candidates.data(), all.data());
  EXPECT_EQ(all[0].token, 1);
  EXPECT_EQ(all[0].value, 0.0f);
  EXPECT_EQ(all[1].token, -1);
  const std::int32_t nothing = -1;
  float value = 0.0f;
  token_log_prob(few.logits.data(), 3, few.stats.data(), &nothing, &value);
  EXPECT_EQ(value, -inf);
}

TEST(SamplingTeam, ResultsDoNotDependOnTheTeam) {
  Sampler alone(gaussian(5000, 4, 3.0f));
  SamplingParams params;
  params.top_p = 0.95f;
  std::vector<std::int32_t> want;
  for (int i = 0; i < 10; ++i) want.push_back(alone.pick(params).token);
  const auto stats = alone.stats;
  Sampler s(alone.logits);
  std::vector<std::int32_t> got;
  on_teams(
      [&](Member& m) {
        for (int i = 0; i < 10; ++i) {
          const auto token = s.pick(params, m).token;
          if (m.rank() == 0) got.push_back(token);
        }
      },
      [&](std::size_t size) {
        EXPECT_EQ(want, got) << size;
        EXPECT_EQ(0, std::memcmp(stats.data(), s.stats.data(), stats.size() * sizeof(LogitBlock)));
        got.clear();
        s.rng = {42, 0};
      });
}

TEST(SamplerRng, GivesTheSameNumbersEverywhere) {
  SamplerRng a{1, 0}, b{1, 5}, c{2, 0};
  for (int i = 0; i < 5; ++i) a.next();
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
  SamplerRng d{1, 0};
  EXPECT_EQ(d.next(), 0xbfef8030ddc2d772u);
  double sum = 0.0;
  for (int i = 0; i < 10000; ++i) {
    const double u = d.uniform();
    ASSERT_TRUE(u >= 0.0 && u < 1.0);
    sum += u;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

}  // namespace
