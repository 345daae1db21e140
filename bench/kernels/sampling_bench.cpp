// Cost of sampling one token from the vocabulary of Qwen3 (151,936), by settings and team size.
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/sampling.hpp"

namespace {

using namespace vlmt;
constexpr std::size_t vocab = 151936;

/// Gaussian logits with 40 likely tokens, similar to those of a language model.
std::vector<float> logits() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 3.0f);
  std::vector<float> x(vocab);
  for (float& v : x) v = normal(random);
  for (int i = 0; i < 40; ++i) x[random() % vocab] = 10.0f + static_cast<float>(i) * 0.2f;
  return x;
}

void sample(benchmark::State& state, const SamplingParams& params) {
  const std::vector<float> x = logits();
  std::vector<LogitBlock> stats(logit_blocks(vocab));
  std::vector<TokenLogit> candidates(vocab);
  SamplerRng rng{7, 0};
  SampledToken token;
  constexpr std::int64_t inner = 50;  // tokens per parallel region, as in generation
  ThreadTeam team(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    team.run([&](Member& m) {
      for (std::int64_t i = 0; i < inner; ++i) {
        scan_logits<arch::native>(x.data(), vocab, &params, stats.data(), m);
        m.barrier();
        pick_token(x.data(), vocab, &params, stats.data(), candidates.data(), &rng, &token, m);
        m.barrier();
      }
    });
  }
  state.SetItemsProcessed(state.iterations() * inner);
  state.counters["candidates"] = token.candidates;
}

constexpr SamplingParams with(float temperature, std::int32_t top_k, float top_p, float min_p) {
  SamplingParams p;
  p.temperature = temperature;
  p.top_k = top_k;
  p.top_p = top_p;
  p.min_p = min_p;
  return p;
}

BENCHMARK_CAPTURE(sample, greedy, with(0.0f, 0, 1.0f, 0.0f))->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(sample, top_k_20_top_p_08, with(0.7f, 20, 0.8f, 0.0f))->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(sample, top_p_095, with(1.0f, 0, 0.95f, 0.0f))->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(sample, min_p_005, with(1.0f, 0, 1.0f, 0.05f))->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(sample, plain, with(1.0f, 0, 1.0f, 0.0f))->Arg(1)->Arg(2)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
