// The runner against golden cases: logits, greedy tokens, chunks, turns, threads, scoring, forks, recorded steps.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <sys/mman.h>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"

#include "allocation_count.hpp"
#include "golden_case.hpp"

namespace vlmt {
namespace runner_test {
namespace {

using golden::Case;
using golden::relative_error;
using Model = ChatModel<Qwen3VL>;
using TestRunner = Runner<Qwen3VL, OmpTeam>;

constexpr double limit = 2e-6;
constexpr std::uint32_t f32 = F32::type_id;

struct Golden {
  explicit Golden(const std::string& name)
      : file(SafetensorsFile::open(golden::folder(name) + "/cases.safetensors")),
        model(Model::open(golden::folder(name) + "/model.gguf")) {
    OmpTeam team;
    model.load(team);
  }
  SafetensorsFile file;
  Model model;
};

Golden& loaded(const std::string& name) {
  static Golden dense("qwen3vl");
  static Golden moe("qwen3vl-moe");
  return name == "qwen3vl" ? dense : moe;
}

RunnerOptions exact(std::size_t chunk = 64) {
  RunnerOptions o;
  o.context = 256;
  o.chunk = chunk;
  o.logit_rows = 8;
  o.numerics = Numerics::exact;
  o.key_format = f32;
  o.value_format = f32;
  return o;
}

class GoldenCases : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  Golden& g() { return loaded(GetParam().first); }
  Case c() { return {g().file, GetParam().second}; }
  std::size_t vocab() { return g().model.vlm().config().vocab; }
  std::vector<float> last_row(const std::vector<float>& logits) {
    return {logits.end() - static_cast<std::ptrdiff_t>(vocab()), logits.end()};
  }
};

TEST_P(GoldenCases, PositionsMatchTheReference) {
  const Sequence s = c().sequence(g().model);
  const std::vector<std::int32_t> want = c().ints("position_ids");
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t i = 0; i < s.size(); ++i) ASSERT_EQ(s.positions(a)[i], want[a * s.size() + i]) << a << " " << i;
  }
  EXPECT_EQ(s.next_position() - static_cast<int>(s.size()), c().ints("rope_delta")[0]);
}

// A prompt gives the same bits however it is cut into steps: also a row alone takes the kernel of prompts.
TEST_P(GoldenCases, LastLogitsForAnyChunk) {
  const Sequence s = c().sequence(g().model);
  const std::vector<float> want = last_row(c().floats("logits"));
  OmpTeam team(2);
  std::vector<float> first;
  for (std::size_t chunk : {64u, 1u, 7u}) {
    TestRunner runner(g().model.vlm(), team, exact(chunk));
    EXPECT_EQ(runner.feed(s), s.size());
    EXPECT_LT(relative_error(runner.logits(), want), limit) << "chunk " << chunk;
    const std::vector<float> got(runner.logits().begin(), runner.logits().end());
    if (first.empty()) first = got;
    EXPECT_EQ(got, first) << "chunk " << chunk;
  }
}

TEST_P(GoldenCases, GreedyTokensWithTheCache) {
  const std::vector<std::int32_t> want = c().ints("greedy");
  OmpTeam team(2);
  TestRunner runner(g().model.vlm(), team, exact());
  runner.feed(c().sequence(g().model));
  for (std::size_t i = 0; i < want.size(); ++i) {
    const auto logits = runner.logits();
    const auto best = static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    ASSERT_EQ(best, want[i]) << i;
    if (i + 1 < want.size()) runner.decode(best);
  }
  EXPECT_LT(relative_error(runner.logits(), c().floats("greedy_last_logits")), limit);
}

TEST_P(GoldenCases, ThreeTurnsEqualOnePrefill) {
  const Sequence whole = c().sequence(g().model);
  OmpTeam team(2);
  TestRunner turns(g().model.vlm(), team, exact());
  for (std::size_t part : {whole.size() / 3, 2 * whole.size() / 3}) {
    Sequence s = whole;
    s.truncate(part);
    for (const VisualSpan& span : whole.visuals()) {
      if (span.begin < part) s.attach(span.features);
    }
    turns.feed(s);
  }
  EXPECT_EQ(turns.feed(whole), whole.size() - 2 * whole.size() / 3);
  TestRunner once(g().model.vlm(), team, exact());
  once.feed(whole);
  EXPECT_LT(relative_error(turns.logits(), once.logits()), limit);
}

TEST_P(GoldenCases, LogitsDoNotDependOnThreads) {
  for (Numerics numerics : {Numerics::exact, Numerics::fast}) {
    std::vector<float> first;
    for (std::size_t threads : {1u, 2u, 3u, 7u}) {
      OmpTeam team(threads);
      RunnerOptions o = exact();
      o.numerics = numerics;
      o.key_format = o.value_format = std::nullopt;
      TestRunner runner(g().model.vlm(), team, o);
      runner.feed(c().sequence(g().model));
      runner.decode(5);
      const auto logits = runner.logits();
      if (first.empty()) first.assign(logits.begin(), logits.end());
      EXPECT_TRUE(std::equal(first.begin(), first.end(), logits.begin())) << threads << " threads";
    }
  }
}

TEST_P(GoldenCases, ScoresAreLogSoftmaxOfTheReference) {
  const Sequence s = c().sequence(g().model);
  const std::vector<float> logits = c().floats("logits");
  OmpTeam team(2);
  TestRunner runner(g().model.vlm(), team, exact(16));
  const std::vector<float> scores = runner.score(s, 1);
  ASSERT_EQ(scores.size(), s.size() - 1);
  double largest = 0.0;
  for (float l : logits) largest = std::max(largest, std::fabs(static_cast<double>(l)));
  for (std::size_t i = 1; i < s.size(); ++i) {
    const bool visual = std::any_of(s.visuals().begin(), s.visuals().end(), [&](const VisualSpan& span) {
      return span.begin <= i && i < span.begin + span.tokens;
    });
    if (visual) {
      EXPECT_EQ(scores[i - 1], -std::numeric_limits<float>::infinity()) << i;
      continue;
    }
    const float* row = logits.data() + (i - 1) * vocab();
    const double most = *std::max_element(row, row + vocab());
    double sum = 0.0;
    for (std::size_t v = 0; v < vocab(); ++v) sum += std::exp(row[v] - most);
    const double want = row[s.tokens()[i]] - most - std::log(sum);
    // The score is a difference of two values, each off by up to the limit.
    EXPECT_NEAR(scores[i - 1], want, 2 * limit * largest) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenCases,
                         ::testing::Values(std::pair{"qwen3vl", "text"}, std::pair{"qwen3vl", "image"},
                                           std::pair{"qwen3vl", "mixed"}, std::pair{"qwen3vl-moe", "text"},
                                           std::pair{"qwen3vl-moe", "image"}),
                         [](const auto& item) {
                           std::string n = std::string(item.param.first) + "_" + item.param.second;
                           std::replace(n.begin(), n.end(), '-', '_');
                           return n;
                         });

TEST(Runner, CommonPrefixIsKept) {
  Golden& g = loaded("qwen3vl");
  OmpTeam team(2);
  TestRunner runner(g.model.vlm(), team, exact());
  Sequence a;
  for (int t : {1, 2, 3, 4, 5, 6}) a.append(t);
  EXPECT_EQ(runner.feed(a), 6u);
  EXPECT_EQ(runner.feed(a), 1u);  // the last cell again, for its logits
  Sequence b = a;
  b.truncate(4);
  b.append(9);
  EXPECT_EQ(runner.feed(b), 1u);
  TestRunner fresh(g.model.vlm(), team, exact());
  fresh.feed(b);
  EXPECT_LT(relative_error(runner.logits(), fresh.logits()), limit);
}

TEST(Runner, AForkIsIndependent) {
  Golden& g = loaded("qwen3vl");
  OmpTeam team(2);
  OmpTeam other(1);
  TestRunner runner(g.model.vlm(), team, exact());
  Sequence s;
  for (int t : {1, 2, 3, 4}) s.append(t);
  runner.feed(s);
  TestRunner fork = runner.fork_on(other);
  runner.decode(5);
  fork.decode(6);
  Sequence five = s, six = s;
  five.append(5);
  six.append(6);
  TestRunner fresh(g.model.vlm(), team, exact());
  fresh.feed(five);
  EXPECT_LT(relative_error(runner.logits(), fresh.logits()), limit);
  fresh.feed(six);
  EXPECT_LT(relative_error(fork.logits(), fresh.logits()), limit);
}

TEST(Runner, RefusesWhatDoesNotFit) {
  Golden& g = loaded("qwen3vl");
  OmpTeam team(1);
  RunnerOptions o = exact();
  o.context = 4;
  TestRunner runner(g.model.vlm(), team, o);
  Sequence s;
  for (int t : {1, 2, 3, 4, 5}) s.append(t);
  EXPECT_THROW(runner.feed(s), LimitError);
  s.truncate(4);
  runner.feed(s);
  EXPECT_THROW(runner.decode(1), LimitError);
  EXPECT_THROW(runner.feed(Sequence{}), InputError);
  o.key_format = Q4_K::type_id;
  EXPECT_THROW(TestRunner(g.model.vlm(), team, o), InputError);
}

TEST(Runner, EveryCacheFormatStaysClose) {
  Golden& g = loaded("qwen3vl");
  const Sequence s = Case(g.file, "image").sequence(g.model);
  OmpTeam team(2);
  TestRunner best(g.model.vlm(), team, exact());
  best.feed(s);
  // Limits of the relative error of logits on this model, for keys or values in each format.
  const std::pair<std::uint32_t, double> budgets[] = {
      {F16::type_id, 2e-3}, {BF16::type_id, 1e-2}, {Q8_0::type_id, 2e-2}, {Q4_0::type_id, 0.25}};
  for (const auto& [format, budget] : budgets) {
    for (bool keys : {true, false}) {
      RunnerOptions o = exact();
      (keys ? o.key_format : o.value_format) = format;
      TestRunner runner(g.model.vlm(), team, o);
      runner.feed(s);
      const double error = relative_error(runner.logits(), best.logits());
      EXPECT_LT(error, budget) << ggml_type_info(format).name << (keys ? " keys" : " values");
      EXPECT_GT(error, 0.0);
    }
  }
}

TEST(Runner, DecodingAllocatesNothing) {
  Golden& g = loaded("qwen3vl-moe");
  OmpTeam team(2);
  RunnerOptions o = exact();
  o.numerics = Numerics::fast;
  TestRunner runner(g.model.vlm(), team, o);
  Sampler sampler(g.model.vlm().config().vocab, o.context);
  Sequence s;
  for (int t : {1, 2, 3}) s.append(t);
  runner.feed(s);
  SamplingOptions options;
  options.seed = 1;
  options.params.repetition = 1.1f;
  options.top_log_probs = 3;
  sampler.begin(options, s.tokens());
  float* logits = runner.logits_of_ops();
  const auto sample = [&](auto& step) { sampler.issue(step, logits); };
  runner.with_logits(sample);
  for (int i = 0; i < 3; ++i) runner.decode(sampler.result(), sample);
  const AllocationCount count;
  for (int i = 0; i < 100; ++i) {
    const int token = sampler.result();
    sampler.accept(token);
    runner.decode(token, sample);
  }
  EXPECT_EQ(count.allocations(), 0u);
}

// A step is recorded while its buffers, the KV cache and the weights are inaccessible, then replayed with other tokens.
TEST(Runner, RecordedStepReplaysBitEqual) {
  for (const char* name : {"qwen3vl", "qwen3vl-moe"}) {
    SCOPED_TRACE(name);
    Golden& g = loaded(name);
    OmpTeam team(2);
    TestRunner runner(g.model.vlm(), team, exact());
    Sequence s;
    for (int t : {1, 2, 3, 4}) s.append(t);
    runner.feed(s);

    const Decoder<Qwen3VL>& decoder = g.model.vlm().decoder();
    Carver count;
    const DecoderCapacity capacity{1, 1, 256, 1, team.size()};
    decoder.take_buffers(count, capacity);
    Buffer memory(count.bytes());
    Carver carver(memory.data(), memory.bytes());
    const auto buffers = decoder.take_buffers(carver, capacity);
    const KvCache cache = runner.kv_cache().like();
    copy_cells(cache.layout(), runner.kv_cache().data(), cache.data(), cache.shape().layers, s.size());

    StepRecorder<> recorder;
    NoProbe probe;
    const std::span<const std::byte> untouchable[] = {
        {memory.data(), memory.bytes()}, {cache.layer(0).key_row(0, 0), cache.bytes()}, g.model.vlm().weights()};
    const auto protect = [&](int how) {
      for (const auto bytes : untouchable) {
        ASSERT_EQ(mprotect(const_cast<std::byte*>(bytes.data()), bytes.size(), how), 0);
      }
    };
    protect(PROT_NONE);
    decoder.forward(recorder, buffers, {1, 0, 1}, Numerics::exact, probe);
    protect(PROT_READ | PROT_WRITE);

    EXPECT_EQ(recorder.name(0), "embedding");
    EXPECT_EQ(recorder.name(recorder.size() - 1), "head");

    Sequence so_far = s;
    for (int token : {9, 17, 400}) {
      buffers.inputs.ids[0] = token;
      for (std::size_t a = 0; a < 3; ++a) buffers.inputs.positions[a] = so_far.next_position();
      buffers.inputs.sequences.set(0, cache, so_far.size(), 1, RowKind::generated);
      buffers.inputs.logit_rows[0] = 0;
      team.run([&](Member& m) { recorder.replay(m); });
      so_far.append(token);
      runner.decode(token);
      const auto want = runner.logits();
      EXPECT_TRUE(std::equal(want.begin(), want.end(), buffers.logits)) << token;
    }
  }
}

// Sequences of different lengths decode together, bit-equal to each alone.
TEST(BatchDecoder, LogitsAreThoseOfEachRunnerAlone) {
  for (const char* name : {"qwen3vl", "qwen3vl-moe"}) {
    Golden& g = loaded(name);
    for (const Numerics numerics : {Numerics::exact, Numerics::fast}) {
      OmpTeam team(2);
      RunnerOptions options = exact();
      options.numerics = numerics;
      std::vector<TestRunner> alone;
      std::vector<TestRunner> together;
      for (int i = 0; i < 3; ++i) {
        Sequence s;
        for (int t = 0; t < 1 + 9 * i; ++t) s.append(1 + (t * 37 + i) % 300);
        for (auto* runners : {&alone, &together}) {
          runners->emplace_back(g.model.vlm(), team, options);
          runners->back().feed(s);
        }
      }
      BatchDecoder<Qwen3VL, OmpTeam> batch(g.model.vlm(), team, 4, options.context, numerics);
      std::vector<TestRunner*> members{&together[0], &together[1], &together[2]};
      for (int step = 0; step < 3; ++step) {
        const std::vector<int> tokens{5 + step, 17, 200 - step};
        batch.decode(std::span<TestRunner* const>(members), std::span<const int>(tokens));
        for (std::size_t i = 0; i < 3; ++i) {
          alone[i].decode(tokens[i]);
          const auto want = alone[i].logits();
          const auto got = batch.logits(i);
          EXPECT_TRUE(std::equal(want.begin(), want.end(), got.begin(), got.end())) << name << i << " " << step;
          EXPECT_EQ(together[i].length(), alone[i].length());
        }
      }
    }
  }
}

TEST(BatchDecoder, RefusesWhatDoesNotFit) {
  Golden& g = loaded("qwen3vl");
  OmpTeam team(1);
  RunnerOptions options = exact();
  options.context = 2;
  TestRunner runner(g.model.vlm(), team, options);
  EXPECT_THROW((BatchDecoder<Qwen3VL, OmpTeam>(g.model.vlm(), team, 0, 2)), InputError);
  BatchDecoder<Qwen3VL, OmpTeam> batch(g.model.vlm(), team, 1, 2);
  Sequence s;
  s.append(1);
  s.append(2);
  runner.feed(s);
  TestRunner* one = &runner;
  const int tokens[] = {3, 4};
  EXPECT_THROW(batch.decode(std::span<TestRunner* const>(&one, 1), std::span<const int>(tokens, 1)), LimitError);
  EXPECT_THROW(batch.decode(std::span<TestRunner* const>(&one, 1), std::span<const int>(tokens, 2)), InputError);
  EXPECT_EQ(runner.length(), 2u);
}

}  // namespace
}  // namespace runner_test
}  // namespace vlmt
