// The rules for NaN and infinities of router, sampling and argmax hold with -ffast-math -fno-finite-math-only.
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include <vlmt/kernel/router.hpp>
#include <vlmt/kernel/sampling.hpp>

constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();

int failures = 0;
void expect(bool ok, const char* what) {
  if (!ok) std::printf("%s\n", what);
  failures += !ok;
}

struct RawScores {
  static constexpr bool normalized = false;
  template <class V>
  static V apply(V logit) noexcept {
    return logit;
  }
};

template <class Arch>
void check() {
  std::vector<float> scores(40, nan_value);
  scores[7] = -3.0f, scores[20] = 2.0f, scores[33] = 1.0f;
  std::int32_t ids[4];
  float weights[4];
  vlmt::route<Arch, RawScores>(scores.data(), 1, 40, {4, false}, ids, weights);
  expect(ids[0] == 20 && ids[1] == 33 && ids[2] == 7, "NaN ranks lowest in a router");

  std::vector<float> logits(200, nan_value);
  std::vector<vlmt::LogitBlock> stats(vlmt::logit_blocks(200));
  std::vector<vlmt::TokenLogit> candidates(200);
  vlmt::SamplingParams greedy{.temperature = 0.0f};
  vlmt::SamplerRng rng;
  vlmt::SampledToken token;
  const auto sample = [&](const vlmt::SamplingParams& params) {
    vlmt::scan_logits<Arch>(logits.data(), 200, &params, stats.data());
    vlmt::pick_token(logits.data(), 200, &params, stats.data(), candidates.data(), &rng, &token);
  };
  sample(greedy);
  expect(token.status == vlmt::SamplingStatus::NoFiniteLogit, "no logit is a number");
  logits.assign(200, -infinite);
  sample({});
  expect(token.status == vlmt::SamplingStatus::NoFiniteLogit, "all logits are -inf");
  logits[150] = -50.0f, logits[3] = nan_value;
  sample(greedy);
  expect(token.token == 150, "a number beats NaN and -inf");
  sample({.top_k = 5, .top_p = 0.9f});
  expect(token.token == 150 && token.candidates == 1, "top-k leaves NaN and -inf out");
  sample({.min_p = 0.1f});
  expect(token.token == 150, "min-p leaves NaN and -inf out");
  sample({});
  expect(token.token == 150, "a draw leaves NaN and -inf out");
  logits[90] = infinite;
  sample({});
  expect(token.token == 90, "+inf is the largest float");
  vlmt::scan_logits<Arch>(logits.data(), 200, 1.0f, stats.data());
  vlmt::TokenLogit top[3];
  vlmt::top_log_probs(logits.data(), 200, stats.data(), 3, candidates.data(), top);
  expect(top[0].token == 90 && top[1].token == 150 && top[2].token == -1, "log-probabilities of numbers only");
}

int main() {
  check<vlmt::arch::native>();
  check<vlmt::arch::generic>();
  check<vlmt::arch::reference>();
  return failures == 0 ? 0 : 1;
}
