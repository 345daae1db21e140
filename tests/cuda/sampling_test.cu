// Sampling and scoring on CUDA against the scalar reference, which sorts the vocabulary.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "vlmt/kernel/cuda/step.cuh"
#include "vlmt/kernel/ref/sampling.hpp"

#include "cuda/device.cuh"
#include "quant/weights.hpp"

namespace vlmt::cuda_test {
namespace {

class CudaSampling : public OnDevice {
 protected:
  static constexpr std::size_t vocab = 1000;

  /// Logits in coarse steps, so that many are equal; some are no numbers.
  std::vector<float> logits() {
    std::vector<float> x(vocab);
    for (float& v : x) v = static_cast<float>(std::round(8.0 * random_.normal()) / 4.0);
    x[3] = NAN;
    x[500] = -INFINITY;
    return x;
  }

  /// What one op::Sample returns and leaves.
  struct Result {
    SampledToken sampled;
    float log_prob;
    std::vector<TokenLogit> top;
    std::vector<float> logits;
    SamplerRng rng;
  };
  Result sample(const std::vector<float>& logits, const SamplingParams& params, SamplerRng rng,
                const std::vector<std::int32_t>& penalised = {}, bool with_log_prob = true) {
    const Device<float> x(logits, stream_);
    const Device<SamplingParams> p(std::vector<SamplingParams>{params}, stream_);
    const Device<SamplerRng> r(std::vector<SamplerRng>{rng}, stream_);
    const Device<SampledToken> sampled(1);
    const Device<float> log_prob(1), saved(penalised.size() + 1);
    const Device<TokenLogit> top(4);
    std::vector<std::int32_t> padded = penalised;
    padded.push_back(0);
    const Device<std::int32_t> tokens(padded, stream_);
    const Device<std::int32_t> counts(std::vector<std::int32_t>(padded.size(), 2), stream_);
    const Device<std::int32_t> size(std::vector<std::int32_t>{static_cast<std::int32_t>(penalised.size())}, stream_);
    op::Sample o;
    o.logits = x.data();
    o.vocab = logits.size();
    o.params = p.data();
    o.penalties = {tokens.data(), counts.data(), saved.data(), size.data()};
    o.penalised = !penalised.empty();
    o.rng = r.data();
    o.sampled = sampled.data();
    o.log_prob = with_log_prob ? log_prob.data() : nullptr;
    o.top = top.data();
    o.top_size = 4;
    StepCuda step(stream_);
    step(o);
    step.wait();
    return {sampled.host(stream_)[0], log_prob.host(stream_)[0], top.host(stream_), x.host(stream_),
            r.host(stream_)[0]};
  }

  vlmt_test::Random random_{5};
};

/// The draw from the survivors of the reference: in their order where limits sort them, by id otherwise.
SampledToken expected(const std::vector<float>& logits, const SamplingParams& params, SamplerRng rng) {
  std::vector<TokenLogit> left(logits.size());
  left.resize(ref::surviving_tokens(logits.data(), logits.size(), params, left.data()));
  const bool sorted =
      params.top_p < 1.0f || (params.top_k > 0 && static_cast<std::size_t>(params.top_k) < logits.size());
  const bool all = params.top_k <= 0 && !sorted && !(params.min_p > 0.0f);
  const auto count = static_cast<std::int32_t>(all ? logits.size() : left.size());
  if (!sorted) std::sort(left.begin(), left.end(), [](auto a, auto b) { return a.token < b.token; });
  double sum = 0.0;
  const double goal = rng.uniform();
  for (const TokenLogit& t : left) {
    sum += static_cast<double>(t.value);
    if (sum > goal) return {t.token, SamplingStatus::Ok, count, t.value};
  }
  return {left.back().token, SamplingStatus::Ok, count, left.back().value};
}

TEST_F(CudaSampling, DrawsWhatTheReferenceDraws) {
  std::vector<SamplingParams> all(7);
  all[0].temperature = 0.7f;
  all[1].top_k = 17;
  all[2].top_p = 0.8f;
  all[3].min_p = 0.2f;
  all[4] = {1.5f, 40, 0.9f, 0.05f};
  all[5].top_p = 0.0f;
  all[6].top_k = 5000;
  for (std::size_t p = 0; p < all.size(); ++p) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      const std::vector<float> x = logits();
      const Result got = sample(x, all[p], {seed, 3});
      const SampledToken want = expected(x, all[p], {seed, 3});
      EXPECT_EQ(got.sampled.token, want.token) << p << " " << seed;
      EXPECT_EQ(got.sampled.candidates, want.candidates) << p << " " << seed;
      EXPECT_EQ(got.sampled.status, SamplingStatus::Ok);
      EXPECT_NEAR(got.sampled.probability, want.probability, 1e-6f) << p << " " << seed;
      EXPECT_EQ(got.rng.counter, 4u);
      const auto token = static_cast<std::size_t>(want.token);
      EXPECT_FLOAT_EQ(got.log_prob, ref::log_softmax_at(x.data(), vocab, token)) << p << " " << seed;
    }
  }
}

TEST_F(CudaSampling, GreedyTakesTheLowestOfTheBest) {
  std::vector<float> x = logits();
  x[700] = x[70] = 30.0f;
  SamplingParams params;
  params.temperature = 0.0f;
  const Result got = sample(x, params, {1, 9});
  EXPECT_EQ(got.sampled.token, 70);
  EXPECT_EQ(got.sampled.candidates, 1);
  EXPECT_EQ(got.rng.counter, 9u);
  ASSERT_EQ(got.top[0].token, 70);
  EXPECT_EQ(got.top[1].token, 700);
  for (const TokenLogit& t : got.top) {
    EXPECT_FLOAT_EQ(t.value, ref::log_softmax_at(x.data(), vocab, static_cast<std::size_t>(t.token)));
  }
}

TEST_F(CudaSampling, PenaltiesChangeTheChoiceAndNotTheLogProbability) {
  std::vector<float> x = logits();
  x[70] = 30.0f;
  x[71] = 29.0f;
  SamplingParams params;
  params.temperature = 0.0f;
  params.repetition = 1.25f;
  params.presence = 1.0f;
  params.frequency = 0.5f;
  const Result got = sample(x, params, {}, {70, 3});
  EXPECT_EQ(got.sampled.token, 71);
  EXPECT_EQ(got.top[0].token, 70);
  EXPECT_FLOAT_EQ(got.log_prob, ref::log_softmax_at(x.data(), vocab, 71));
  EXPECT_EQ(got.logits[70], 30.0f) << "restored";
  EXPECT_FLOAT_EQ(sample(x, params, {}, {70}, false).logits[70], 30.0f / 1.25f - 2.0f);
}

TEST_F(CudaSampling, NoNumberAmongTheLogits) {
  const Result got = sample(std::vector<float>(130, NAN), {}, {1, 9});
  EXPECT_EQ(got.sampled.token, -1);
  EXPECT_EQ(got.sampled.status, SamplingStatus::NoFiniteLogit);
  EXPECT_EQ(got.log_prob, -INFINITY);
  EXPECT_EQ(got.top[0].token, -1);
  EXPECT_EQ(got.rng.counter, 9u);
}

TEST_F(CudaSampling, Scores) {
  std::vector<float> x = logits();
  const std::vector<float> second = logits();
  x.insert(x.end(), second.begin(), second.end());
  x[vocab + 9] = INFINITY;
  const Device<float> device_logits(x, stream_);
  const std::vector<std::int32_t> targets{17, 9};
  const Device<std::int32_t> device_targets(targets, stream_);
  const Device<float> out(2);
  StepCuda step(stream_);
  step(op::Score{device_logits.data(), 2, vocab, device_targets.data(), out.data()});
  const std::vector<float> got = out.host(stream_);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_FLOAT_EQ(got[i], ref::log_softmax_at(x.data() + i * vocab, vocab, static_cast<std::size_t>(targets[i])))
        << i;
  }
}

}  // namespace
}  // namespace vlmt::cuda_test
