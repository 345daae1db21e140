// Models on the isolating backend: the bits of the CPU, and no memory of the model, the caches, the workspace, the
// features or the sampler touched outside of ops.
#include "vlmt/testing/isolated.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"

#include "golden_case.hpp"

namespace vlmt {
namespace isolated_test {
namespace {

using Away = ::vlmt::testing::Isolated<>;
using OnCpu = Qwen3VL;
using OnAway = OnBackend<Qwen3VL, Away>;

/// A golden model on the backend of M.
template <class M>
struct Golden {
  explicit Golden(const std::string& name)
      : folder(golden::folder(name)),
        file(SafetensorsFile::open(folder + "/cases.safetensors")),
        model(ChatModel<M>::open(folder + "/model.gguf", name == "qwen3vl" ? folder + "/mmproj.gguf" : "")) {
    OmpTeam team(2);
    model.load(team);
  }

  /// The golden prompt, its features where the backend reads them.
  Sequence prompt(const std::string& name) const {
    using B = typename M::Backend;
    Sequence s = golden::Case(file, name).sequence(model);
    std::vector<std::shared_ptr<const VisionFeatures>> all;
    for (const VisualSpan& span : s.visuals()) all.push_back(span.features);
    for (const auto& features : all) s.attach(features_on<B>(*features));
    return s;
  }

  std::string folder;
  SafetensorsFile file;
  ChatModel<M> model;
};

template <class M>
Golden<M>& loaded(const std::string& name) {
  static Golden<M> dense("qwen3vl");
  static Golden<M> moe("qwen3vl-moe");
  return name == "qwen3vl" ? dense : moe;
}

/// Keeps everything that probes see, bit by bit.
struct Seen {
  std::vector<float>* floats;
  std::vector<std::int32_t>* ids;
  void hidden(std::size_t, TensorView<const float, 2> x) { keep(x); }
  void router(std::size_t, TensorView<const std::int32_t, 2> experts, TensorView<const float, 2> weights) {
    ids->insert(ids->end(), experts.data(), experts.data() + experts.count());
    keep(weights);
  }
  void vision(std::size_t, TensorView<const float, 2> x) { keep(x); }
  void keep(TensorView<const float, 2> x) { floats->insert(floats->end(), x.data(), x.data() + x.count()); }
};

void append(std::vector<float>& to, std::span<const float> values) {
  to.insert(to.end(), values.begin(), values.end());
}

/// All numbers of a run: logits, hidden states, router choices, embeddings, scores, of the prompt, of tokens after it,
/// of a fork, and of rows that are decoded together.
template <class M>
struct Numbers {
  Numbers(const std::string& name, const std::string& prompt, Numerics numerics) {
    Golden<M>& g = loaded<M>(name);
    const Sequence s = g.prompt(prompt);
    OmpTeam team(2);
    const RunnerOptions options{.context = 128, .chunk = 16, .logit_rows = 8, .numerics = numerics};
    using TestRunner = Runner<M, OmpTeam, Seen>;
    TestRunner runner(g.model.vlm(), team, options, Seen{&floats, &ids});
    runner.feed(s, [&](std::size_t, std::size_t) { append(floats, runner.logits_of_rows(2)); });
    runner.decode(3);
    append(floats, runner.logits());
    append(floats, runner.embedding());
    OmpTeam other(2);
    TestRunner fork = runner.fork_on(other);
    append(floats, fork.logits());
    append(floats, fork.embedding());
    fork.decode(4);
    append(floats, fork.logits());
    BatchDecoder<M, OmpTeam> batch(g.model.vlm(), team, 2, options.context, numerics);
    TestRunner* both[] = {&runner, &fork};
    const int tokens[] = {5, 6};
    batch.decode(std::span<TestRunner* const>(both), std::span<const int>(tokens));
    for (std::size_t i = 0; i < 2; ++i) append(floats, batch.logits(i));
    append(floats, runner.score(s, s.size() - 5));
    append(floats, runner.logits());
  }
  std::vector<float> floats;
  std::vector<std::int32_t> ids;
};

TEST(Isolated, DecodersGiveTheBitsOfTheCpu) {
  for (const char* name : {"qwen3vl", "qwen3vl-moe"}) {
    for (const char* prompt : {"text", "image"}) {
      for (const Numerics numerics : {Numerics::exact, Numerics::fast}) {
        SCOPED_TRACE(std::string(name) + " " + prompt);
        const Numbers<OnAway> got(name, prompt, numerics);
        const Numbers<OnCpu> want(name, prompt, numerics);
        EXPECT_EQ(got.floats, want.floats);
        EXPECT_EQ(got.ids, want.ids);
        EXPECT_EQ(got.ids.empty(), std::string(name) == "qwen3vl");
      }
    }
  }
}

/// Features of an image and of a video, and what a probe saw of the encoder.
template <class M>
std::vector<float> vision_numbers(Numerics numerics) {
  using B = typename M::Backend;
  std::vector<float> all;
  std::vector<std::int32_t> none;
  OmpTeam team(2);
  VisionOptions options;
  options.max_pixels = 65536;
  options.numerics = numerics;
  VisionRunner<M, OmpTeam, Seen> vision(loaded<M>("qwen3vl").model.vlm(), team, options, Seen{&all, &none});
  Image image;
  image.width = image.original_width = 150;
  image.height = image.original_height = 90;
  for (int i = 0; i < 150 * 90 * 3; ++i) image.rgb.push_back(static_cast<std::uint8_t>(i * 7 % 256));
  Image same = image;  // of the size that the encoder takes: nothing is resized
  same.width = same.original_width = 128;
  same.height = same.original_height = 64;
  same.rgb.resize(128 * 64 * 3);
  const std::vector<Image> frames(3, image);
  for (const auto& f : {vision.encode(image), vision.encode(same), vision.encode_video(frames)}) {
    const HeapTensor<float, 3> values = host_features<B>(*f);
    append(all, {values.data(), values.count()});
  }
  VisionPatches patches{{1, 2, 4}, std::vector<float>(8 * vision.preprocess().layout.values(), 0.25f)};
  const HeapTensor<float, 3> values = host_features<B>(*vision.encode_patches(patches));
  append(all, {values.data(), values.count()});
  return all;
}

TEST(Isolated, VisionEncodersGiveTheBitsOfTheCpu) {
  for (const Numerics numerics : {Numerics::exact, Numerics::fast}) {
    EXPECT_EQ(vision_numbers<OnAway>(numerics), vision_numbers<OnCpu>(numerics));
  }
}

/// Tokens and log-probabilities under each kind of sampling, with a processor that forbids one token.
template <class M>
std::vector<float> sampled() {
  Golden<M>& g = loaded<M>("qwen3vl");
  const std::size_t vocab = g.model.vlm().config().vocab;
  const Sequence s = g.prompt("text");
  OmpTeam team(2);
  Runner<M, OmpTeam> runner(g.model.vlm(), team, {.context = 128});
  Sampler<typename M::Backend> sampler(vocab, 128);
  std::vector<float> all;
  for (int kind = 0; kind < 4; ++kind) {
    SamplingOptions o;
    o.seed = 7;
    o.params = {.temperature = kind == 0 ? 0.0f : 1.5f, .top_k = kind == 1 ? 20 : 0, .top_p = kind == 2 ? 0.8f : 1.0f};
    if (kind == 3) {
      o.params.repetition = 1.3f;
      o.params.presence = 0.5f;
      o.processors = {[](std::span<float> logits, std::span<const int> tokens) {
        logits[static_cast<std::size_t>(tokens.back())] = -1e9f;
      }};
    }
    o.top_log_probs = 4;
    runner.feed(s);
    sampler.begin(o, s.tokens());
    if (kind == 2) {
      std::vector<std::uint32_t> odd(mask_words(vocab), 0xaaaaaaaau);
      sampler.allow(odd);
    }
    const auto sample = [&](auto& step) { sampler.issue(step, runner.logits_of_ops()); };
    runner.with_logits(sample);
    for (int i = 0; i < 12; ++i) {
      const int token = sampler.result();
      if (kind == 2) {
        EXPECT_EQ(token % 2, 1);
      }
      const TokenLogProb p = sampler.log_probs();
      all.push_back(static_cast<float>(token));
      all.push_back(p.log_prob);
      for (const TokenLogit& t : p.top) all.insert(all.end(), {static_cast<float>(t.token), t.value});
      sampler.accept(token);
      runner.decode(token, sample);
    }
  }
  return all;
}

TEST(Isolated, SamplersGiveTheTokensOfTheCpu) {
  const std::vector<float> got = sampled<OnAway>();
  EXPECT_EQ(got, sampled<OnCpu>());
}

template <class M>
std::vector<int> answer() {
  SessionOptions o;
  o.context = 256;
  o.threads = 2;
  o.max_pixels = 65536;
  Session<M> session(loaded<M>("qwen3vl").model, o);
  Image image;
  image.width = image.height = image.original_width = image.original_height = 64;
  image.rgb.assign(64 * 64 * 3, 90);
  GenerateOptions g;
  g.sampling = SamplingOptions::greedy();
  g.max_tokens = 12;
  std::vector<int> tokens = session.ask({vlmt::image(image), Part(std::string("What is this?"))}, {}, g).tokens;
  Session<M> fork = session.fork();
  for (Session<M>* s : {&session, &fork}) {
    const std::vector<int> more = s->ask("And now?", {}, g).tokens;
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  return tokens;
}

TEST(Isolated, SessionsGiveTheAnswersOfTheCpu) {
  const std::vector<int> got = answer<OnAway>();
  EXPECT_EQ(got, answer<OnCpu>());
  EXPECT_GE(got.size(), 30u);
}

/// A recorded step of two sequences in pages, replayed with other tokens, positions, lengths and pages.
template <class M>
std::vector<float> replayed() {
  using B = typename M::Backend;
  constexpr std::size_t page_slots = 16, pages = 4;
  Golden<M>& g = loaded<M>("qwen3vl-moe");
  const Decoder<M>& decoder = g.model.vlm().decoder();
  OmpTeam team(2);
  const TeamExecutor<B, OmpTeam> executor(team);
  const DecoderCapacity capacity{8, 2, page_slots * pages, 2, 2};
  const auto take = [&](Carver& carver) {
    DecoderBuffers<B> b = decoder.take_buffers(carver, capacity);
    b.inputs.sequences = SequencesOf<B>::take(carver, 2, pages);
    return b;
  };
  Carver count;
  take(count);
  const typename B::Memory memory(count.bytes());
  Carver carver(memory.data(), memory.bytes());
  const DecoderBuffers<B> buffers = take(carver);
  const KvLeaf& leaf = kv_leaf_v<F32, typename B::Arch>;
  const KvPageLayout layout{&leaf, &leaf, decoder.shapes().kv_heads, decoder.shapes().head_dim, page_slots};
  const std::size_t page_bytes = decoder.layers().size() * layout.layer_bytes();
  const typename B::Memory pool(2 * pages * page_bytes);

  StepRecorder<B> recorder;
  NoProbe probe;
  decoder.forward(recorder, buffers, {2, 0, 2, 2}, Numerics::exact, probe);
  std::vector<float> all;
  std::vector<std::int32_t> start = {0, 0};
  for (int turn = 0; turn < 40; ++turn) {
    const std::vector<std::int32_t> ids = {1 + turn * 37 % 300, 2 + turn * 53 % 300};
    const std::vector<std::int32_t> positions = {start[0],     start[0],     start[0],
                                                 start[1] + 5, start[1] + 5, start[1] + 5};
    const std::vector<std::int32_t> rows = {0, 1}, first = {0, 1, 2}, of = {pages, pages};
    std::vector<std::byte*> addresses;  // of the second sequence from turn 20 on: pages in another order
    for (std::size_t p = 0; p < 2 * pages; ++p) {
      const std::size_t at = p < pages || turn < 20 ? 2 * (p % pages) + p / pages : 2 * (pages - 1 - p % pages) + 1;
      addresses.push_back(pool.data() + at * page_bytes);
    }
    if (turn == 20) start[1] = 0;
    const std::vector<KvPageLayout> layouts(2, layout);
    const std::vector<RowKind> kinds(2, RowKind::generated);
    const StepInputs<B>& in = buffers.inputs;
    executor.put(in.ids, ids.data(), 2);
    executor.put(in.positions, positions.data(), 6);
    executor.put(in.logit_rows, rows.data(), 2);
    executor.put(in.sequences.layouts, layouts.data(), 2);
    executor.put(in.sequences.pages, addresses.data(), addresses.size());
    executor.put(in.sequences.start, start.data(), 2);
    executor.put(in.sequences.first, first.data(), 3);
    executor.put(in.sequences.kind, kinds.data(), 2);
    executor.put(in.sequences.page_count, of.data(), 2);
    team.run([&](Member& m) { recorder.replay(m); });
    std::vector<float> logits(2 * decoder.shapes().vocab);
    executor.get(logits.data(), buffers.logits, logits.size());
    append(all, logits);
    ++start[0];
    ++start[1];
  }
  return all;
}

TEST(Isolated, ARecordedStepReplaysWithOtherInputs) {
  EXPECT_EQ(replayed<OnAway>(), replayed<OnCpu>());
}

/// Logits of a prompt from a decoder in two parts, [0, cut) and [cut, layers), each with weights, caches and workspace
/// of its own. Only hidden states pass from one to the other.
template <class M>
std::vector<float> logits_in_parts(const std::string& name, const std::string& prompt, std::size_t cut) {
  using B = typename M::Backend;
  Golden<M>& g = loaded<M>(name);
  const Sequence s = g.prompt(prompt);
  OmpTeam team(2);
  const TeamExecutor<B, OmpTeam> executor(team);
  const GgufFile file = GgufFile::open(g.folder + "/model.gguf");
  const ConfigOf<M> config = read_config<M>(file);
  const DecoderCapacity capacity{s.size(), s.size(), s.size(), 1, 2};
  std::vector<float> x(s.size() * config.hidden), logits(s.size() * config.vocab);
  for (const LayerRange range : {LayerRange{0, cut}, LayerRange{cut}}) {
    if (range.begin == config.layers) break;
    const WeightSource source(file);
    LoaderOf<B, typename M::Formats> loader;
    const Decoder<M> decoder(config, source, loader, range);
    const typename B::Memory weights = loader.load(team, {});
    const DecoderWorkspace<M> workspace(decoder, capacity);
    const KvLeaf& leaf = kv_leaf_v<F32, typename B::Arch>;
    const KvCacheOf<B> cache(decoder.kv_shape(s.size()), leaf, leaf);
    const StepInputs<B>& in = workspace.inputs();
    std::size_t visual = 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
      in.ids[i] = s.tokens()[i];
      in.logit_rows[i] = static_cast<std::int32_t>(i);
      for (std::size_t a = 0; a < 3; ++a) in.positions[3 * i + a] = s.positions(a)[i];
    }
    for (const VisualSpan& span : s.visuals()) {
      for (std::size_t t = 0; t < span.tokens; ++t, ++visual) {
        in.ids[span.begin + t] = -1;
        in.visual_at[visual] = static_cast<std::int32_t>(span.begin + t);
        in.visual[visual] = span.features->row(span.first_row + t);
      }
    }
    in.sequences.set(0, cache, 0, s.size(), RowKind::prompt);
    workspace.send();
    if (range.begin != 0) executor.put(workspace.buffers().x, x.data(), x.size());
    NoProbe probe;
    executor.run([&](auto& step) {
      decoder.forward(step, workspace.buffers(), {s.size(), visual, s.size(), 1}, Numerics::exact, probe);
    });
    executor.get(x.data(), workspace.buffers().x, x.size());
    executor.get(logits.data(), workspace.buffers().logits, logits.size());
  }
  return logits;
}

TEST(Isolated, TwoRangesOfLayersGiveTheBitsOfOne) {
  for (const char* name : {"qwen3vl", "qwen3vl-moe"}) {
    const std::size_t layers = loaded<OnCpu>(name).model.vlm().config().layers;
    const std::vector<float> want = logits_in_parts<OnCpu>(name, "image", layers);
    const golden::Case c(loaded<OnCpu>(name).file, "image");
    EXPECT_LT(golden::relative_error(want, c.floats("logits")), 2e-6);
    for (std::size_t cut = 1; cut < layers; ++cut) {
      EXPECT_EQ(logits_in_parts<OnCpu>(name, "image", cut), want) << name << " " << cut;
      EXPECT_EQ(logits_in_parts<OnAway>(name, "image", cut), want) << name << " " << cut;
    }
  }
}

TEST(Isolated, PartsWithoutLayersAreRefused) {
  const GgufFile file = GgufFile::open(golden::folder("qwen3vl") + "/model.gguf");
  const TextConfig config = read_config<OnCpu>(file);
  const WeightSource source(file);
  for (const LayerRange range : {LayerRange{2, 2}, LayerRange{config.layers}, LayerRange{3, 1}}) {
    LoaderOf<Cpu<>, OnCpu::Formats> loader;
    EXPECT_THROW(Decoder<OnCpu>(config, source, loader, range), InputError);
  }
}

TEST(Isolated, FeaturesOfAnotherBackendAreRefused) {
  OmpTeam team(2);
  Runner<OnAway, OmpTeam> away(loaded<OnAway>("qwen3vl").model.vlm(), team, {.context = 128});
  Runner<OnCpu, OmpTeam> here(loaded<OnCpu>("qwen3vl").model.vlm(), team, {.context = 128});
  EXPECT_THROW(away.feed(loaded<OnCpu>("qwen3vl").prompt("image")), InputError);
  EXPECT_THROW(here.feed(loaded<OnAway>("qwen3vl").prompt("image")), InputError);
}

using IsolatedDeathTest = ::testing::Test;

/// Reads or writes a byte of memory that belongs to the backend.
void touch(const void* p, bool write = false) {
  volatile auto* byte = static_cast<volatile char*>(const_cast<void*>(p));
  if (write) *byte = 1;
  static_cast<void>(*byte);
}

TEST(IsolatedDeathTest, TouchingMemoryOutsideOfOpsEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Golden<OnAway>& g = loaded<OnAway>("qwen3vl");
  OmpTeam team(1);
  Runner<OnAway, OmpTeam> runner(g.model.vlm(), team, {.context = 128});
  const Sequence s = g.prompt("image");
  runner.feed(s);
  EXPECT_DEATH(touch(g.model.vlm().weights().data()), "");
  EXPECT_DEATH(touch(runner.kv_cache().data()), "");
  EXPECT_DEATH(touch(runner.kv_cache().data(), true), "");
  EXPECT_DEATH(touch(runner.buffers().x), "");
  EXPECT_DEATH(touch(runner.buffers().inputs.ids, true), "");
  EXPECT_DEATH(touch(runner.logits_of_ops()), "");
  EXPECT_DEATH(touch(s.visuals()[0].features->row(0, 0)), "");
  EXPECT_DEATH(runner.with_logits([&](auto&) { touch(runner.logits_of_ops()); }), "") << "while issuing";
  EXPECT_DEATH(runner.with_logits([&](auto& step) {
    step(op::Host{[&](const HostRows<float>&) { touch(runner.logits_of_ops()); },
                  HostRows<float>{runner.logits_of_ops(), 1, 8}});
  }),
               "")
      << "in a function of the host";
}

}  // namespace
}  // namespace isolated_test
}  // namespace vlmt
