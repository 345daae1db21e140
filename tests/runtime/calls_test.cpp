// Calls of the library in an order or with values that make no sense: each ends with an error that names it, and the
// states after calls are those of the last cell.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "golden_case.hpp"
#include "io/error_of.hpp"
#include "io/temp_dir.hpp"

namespace vlmt::calls_test {
namespace {

using Model = ChatModel<Qwen3VL>;
using TestRunner = Runner<Qwen3VL, OmpTeam>;
using ::testing::AssertionResult;

/// The golden model with its vision encoder, loaded.
const Model& model() {
  static const Model m =
      load<Qwen3VL>(golden::folder("qwen3vl") + "/model.gguf", golden::folder("qwen3vl") + "/mmproj.gguf");
  return m;
}

int vocab() {
  return static_cast<int>(model().vlm().config().vocab);
}

RunnerOptions small(std::size_t chunk = 8) {
  RunnerOptions o;
  o.context = 128;
  o.chunk = chunk;
  o.logit_rows = 4;
  return o;
}

Sequence text(std::initializer_list<int> tokens) {
  Sequence s;
  for (const int t : tokens) s.append(t);
  return s;
}

Sequence long_text(int n) {
  Sequence s;
  for (int i = 0; i < n; ++i) s.append(1 + i * 37 % 300);
  return s;
}

/// Features of a grid of 2 x 3 for the golden model, all `value`, without a key.
std::shared_ptr<VisionFeatures> features(float value) {
  auto f = std::make_shared<VisionFeatures>();
  f->slices = 1;
  f->grid_h = 2;
  f->grid_w = 3;
  const TextConfig& c = model().vlm().config();
  f->data = share(make_tensor<float>(1 + c.deepstack_layers, 6, c.hidden));
  std::fill_n(f->data.data(), f->data.count(), value);
  return f;
}

Sequence around(const std::shared_ptr<VisionFeatures>& image) {
  Sequence s = text({1, 2, 3});
  s.append(image, 0, 5);
  for (const int t : {4, 5, 6}) s.append(t);
  return s;
}

Image shaded(int width, int height) {
  Image i;
  i.width = i.original_width = width;
  i.height = i.original_height = height;
  for (int p = 0; p < width * height * 3; ++p) i.rgb.push_back(static_cast<std::uint8_t>(p * 7));
  return i;
}

std::vector<float> copy(std::span<const float> x) {
  return {x.begin(), x.end()};
}

std::vector<float> logits_after(const Sequence& s) {
  OmpTeam team(2);
  TestRunner runner(model().vlm(), team, small());
  runner.feed(s);
  return copy(runner.logits());
}

AssertionResult says(const std::string& message, std::string_view part) {
  if (message.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "`" << message << "` does not contain `" << part << "`";
}

struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The condition of the assertion that `f` fails; empty if it fails none.
template <class F>
std::string assertion_of(F&& f) {
  const AssertHandler old =
      set_assert_handler([](const char* condition, const char*, int) { throw Failed(condition); });
  std::string condition;
  try {
    f();
  } catch (const Failed& e) {
    condition = e.what();
  }
  set_assert_handler(old);
  return condition;
}

TEST(Score, LeavesLogitsAndEmbeddingOfTheLastCell) {
  OmpTeam team(2);
  for (const int n : {5, 8, 21}) {
    const Sequence s = long_text(n);
    TestRunner fed(model().vlm(), team, small());
    fed.feed(s);
    TestRunner scored(model().vlm(), team, small());
    scored.score(s, 1);
    EXPECT_EQ(copy(scored.logits()), copy(fed.logits())) << n;
    EXPECT_EQ(scored.embedding(), fed.embedding()) << n;
    scored.decode(7);
    fed.decode(7);
    EXPECT_EQ(copy(scored.logits()), copy(fed.logits())) << n;
  }
}

TEST(Score, AnImageHasNoProbability) {
  const Sequence s = around(features(0.1f));
  OmpTeam team(2);
  for (const std::size_t logit_rows : {1u, 2u, 8u}) {
    RunnerOptions o = small();
    o.logit_rows = logit_rows;
    TestRunner runner(model().vlm(), team, o);
    const std::vector<float> scores = runner.score(s, 1);
    ASSERT_EQ(scores.size(), s.size() - 1);
    for (std::size_t cell = 1; cell < s.size(); ++cell) {
      const bool image = cell >= 3 && cell < 9;
      EXPECT_EQ(scores[cell - 1] == -std::numeric_limits<float>::infinity(), image) << cell;
      if (image) continue;
      Sequence before = around(features(0.1f));
      before.truncate(cell);
      const std::vector<float> row = logits_after(before);
      const float most = *std::max_element(row.begin(), row.end());
      double sum = 0.0;
      for (const float v : row) sum += std::exp(static_cast<double>(v - most));
      EXPECT_NEAR(scores[cell - 1], row[static_cast<std::size_t>(s.tokens()[cell])] - most - std::log(sum), 0.05);
    }
    EXPECT_EQ(copy(runner.logits()), logits_after(s));
  }
}

TEST(Runner, LogitsAndEmbeddingAreThoseOfTheLastCellOrAsserted) {
  OmpTeam team(2);
  TestRunner runner(model().vlm(), team, small());
  const auto asked = [&] {
    const std::string a = assertion_of([&] { runner.logits(); }), b = assertion_of([&] { runner.embedding(); });
    EXPECT_EQ(a, b);
    return a;
  };
  EXPECT_NE(asked(), "") << "nothing was computed";
  runner.feed(text({1, 2, 3}));
  EXPECT_EQ(asked(), "");
  runner.truncate(3);
  EXPECT_EQ(asked(), "") << "nothing was dropped";
  runner.truncate(2);
  EXPECT_NE(asked(), "");
  runner.decode(4);
  EXPECT_EQ(asked(), "");
  runner.adopt(5);
  EXPECT_NE(asked(), "");
  runner.score(text({1, 2, 3, 4}), 2);
  EXPECT_EQ(asked(), "");
  EXPECT_THROW(runner.decode(6, [](auto&) { throw std::runtime_error("enough"); }), std::runtime_error);
  EXPECT_NE(asked(), "") << "decode threw";
  EXPECT_EQ(runner.length(), 4u);
  EXPECT_THROW(runner.feed(long_text(20), [](std::size_t, std::size_t) { throw std::runtime_error("enough"); }),
               std::runtime_error);
  EXPECT_NE(asked(), "") << "feed threw in the middle";
}

TEST(Fork, HasTheEmbeddingOfItsOrigin) {
  OmpTeam team(2), other(1);
  TestRunner runner(model().vlm(), team, small());
  runner.feed(long_text(11));
  TestRunner fork = runner.fork_on(other);
  EXPECT_EQ(fork.embedding(), runner.embedding());
  EXPECT_EQ(copy(fork.logits()), copy(runner.logits()));

  SessionOptions o;
  o.context = 128;
  o.threads = 2;
  Session session(model(), o);
  const std::vector<float> want = session.embed("Hello");
  Session copied = session.fork();
  EXPECT_EQ(copied.runner().embedding(), want);
  EXPECT_NE(assertion_of([&] { Session(model(), o).fork().runner().embedding(); }), "") << "nothing was computed";
}

TEST(VisionFeatures, AKeyThatIsNotGivenIsUnique) {
  const auto dark = features(-0.2f), light = features(0.4f);
  EXPECT_FALSE(dark->key == light->key);
  auto third = features(0.3f);
  const ContentKey key = third->key;
  const VisionFeatures moved = std::move(*third);
  EXPECT_TRUE(moved.key == key);
  const std::vector<float> first = logits_after(around(dark)), second = logits_after(around(light));
  ASSERT_NE(first, second);
  OmpTeam team(2);
  TestRunner runner(model().vlm(), team, small());
  runner.feed(around(dark));
  EXPECT_EQ(copy(runner.logits()), first);
  EXPECT_GT(runner.feed(around(light)), 4u) << "cells of the first image were taken for those of the second";
  EXPECT_LT(golden::relative_error(runner.logits(), second), 1e-3);
  EXPECT_EQ(runner.feed(around(light)), 1u);

  // So are those of patches that are encoded without one.
  VisionRunner<Qwen3VL, OmpTeam> vision(model().vlm(), team);
  VisionPatches patches{{1, 2, 2}, std::vector<float>(4 * vision.preprocess().layout.values())};
  EXPECT_FALSE(vision.encode_patches(patches)->key == vision.encode_patches(patches)->key);
}

TEST(VisionFeatures, ThatDoNotFitAreRefused) {
  OmpTeam team(2);
  TestRunner runner(model().vlm(), team, small());
  runner.feed(text({1, 2}));
  const TextConfig& c = model().vlm().config();
  const auto refusal = [&](const Sequence& s) { return error_of<InputError>([&] { runner.feed(s); }); };
  auto narrow = features(0.1f), flat = features(0.1f), few = features(0.1f);
  narrow->data = share(make_tensor<float>(1 + c.deepstack_layers, 6, c.hidden / 2));
  flat->data = share(make_tensor<float>(c.deepstack_layers, 6, c.hidden));
  few->data = share(make_tensor<float>(1 + c.deepstack_layers, 5, c.hidden));
  for (const auto& f : {narrow, flat, few}) EXPECT_TRUE(says(refusal(around(f)), "do not fit the model"));
  Sequence without = text({1, 2, 3});
  without.append(ContentKey{1, 2}, 2, 3, 0, 5);
  EXPECT_TRUE(says(refusal(without), "attach"));
  EXPECT_EQ(runner.length(), 2u);
  EXPECT_EQ(assertion_of([&] { runner.logits(); }), "") << "a refused call changes nothing";
  VisionRunner<Qwen3VL, OmpTeam> vision(model().vlm(), team);
  VisionPatches patches{{1, 2, 2}, std::vector<float>(3 * vision.preprocess().layout.values())};
  EXPECT_TRUE(says(error_of<InputError>([&] { vision.encode_patches(patches); }), "do not fill"));
  patches.grid = {1, 3, 1};
  EXPECT_TRUE(says(error_of<InputError>([&] { vision.encode_patches(patches); }), "do not fill"));
}

TEST(VisionRunner, ThePixelsOfAnImageMayComeWithoutItsOriginalSize) {
  OmpTeam team(2);
  const VisionRunner<Qwen3VL, OmpTeam> vision(model().vlm(), team);
  Image image;
  image.width = 64;
  image.height = 96;
  image.rgb.resize(64 * 96 * 3);
  EXPECT_EQ(vision.describe(image).second, preprocess_image(image, vision.preprocess()).grid);
}

TEST(VisionRunner, ATextOnlyModelTellsNoSizes) {
  const TempDir dir;
  testing::write_tiny_model({}, dir / "model.gguf");
  const Model text_only = load<Qwen3VL>(dir / "model.gguf");
  const Session session(text_only, {.context = 64});
  EXPECT_TRUE(says(error_of<InputError>([&] { session.image_tokens(64, 64); }), "mmproj"));
}

TEST(VisionRunner, OneMaximumHoldsForVideosToo) {
  OmpTeam team(1);
  const VisionRunner<Qwen3VL, OmpTeam> vision(model().vlm(), team, {.min_pixels = 1024, .max_pixels = 2048});
  Image frame;
  frame.width = frame.height = 64;
  frame.rgb.resize(64 * 64 * 3);
  const std::vector<Image> frames(2, frame);
  EXPECT_EQ(vision.describe_video(frames).second, (PatchGrid{1, 2, 2}));
}

TEST(Session, CountsTheImagesOfASequence) {
  Session session(model(), {.context = 64, .threads = 2});
  const Reply reply = session.complete(around(features(0.1f)), {}, {.max_tokens = 1, .ignore_stop_tokens = true});
  EXPECT_EQ(reply.stats.visual_tokens, 6u);
  EXPECT_EQ(reply.stats.prompt_tokens, 12u);
}

TEST(Session, EmbedGivesEqualBitsAfterAReset) {
  Session session(model(), {.context = 64, .threads = 2});
  const std::vector<float> first = session.embed("Hello there");
  EXPECT_LT(golden::relative_error(session.embed("Hello there"), first), 1e-2);
  session.reset();
  EXPECT_EQ(session.embed("Hello there"), first);
}

TEST(Tokens, AreCheckedAtEveryDoor) {
  OmpTeam team(2);
  TestRunner runner(model().vlm(), team, small());
  BatchDecoder<Qwen3VL, OmpTeam> batch(model().vlm(), team, 2, 128);
  SessionOptions o;
  o.context = 128;
  o.threads = 2;
  Session session(model(), o);
  Sampler sampler(static_cast<std::size_t>(vocab()), 128);
  const SamplingOptions greedy = SamplingOptions::greedy();
  runner.feed(text({1, 2}));
  for (const int bad : {-1, vocab(), 1 << 20, std::numeric_limits<int>::min()}) {
    const Sequence s = text({1, 2, bad, 3});
    TestRunner* one = &runner;
    const auto refused = [&](auto&& call) {
      const std::string message = error_of<InputError>(call);
      EXPECT_TRUE(says(message, "found " + std::to_string(bad)));
      EXPECT_TRUE(says(message, std::to_string(vocab())));
    };
    refused([&] { runner.feed(s); });
    refused([&] { runner.score(s, 1); });
    refused([&] { runner.decode(bad); });
    refused([&] { runner.adopt(bad); });
    refused([&] { runner.adopt(s); });
    refused([&] { batch.decode(std::span<TestRunner* const>(&one, 1), std::span<const int>(&bad, 1)); });
    refused([&] { session.complete(s); });
    refused([&] { sampler.begin(greedy, s.tokens()); });
    refused([&] { sampler.accept(bad); });
    Sequence image = text({1});
    image.append(features(0.1f), 0, bad);
    refused([&] { runner.feed(image); });
  }
  EXPECT_EQ(runner.length(), 2u);
  EXPECT_EQ(assertion_of([&] { runner.logits(); }), "");
}

TEST(Options, NonsenseIsRefusedAndTheValuesInUseAreTold) {
  OmpTeam team(2);
  const auto refusal = [&](RunnerOptions o) {
    return error_of<InputError>([&] { TestRunner(model().vlm(), team, o); });
  };
  EXPECT_TRUE(
      says(refusal({.chunk = 100000}), "`chunk`: the option is out of range (expected 1 to 4096, found 100000)"));
  EXPECT_TRUE(says(refusal({.chunk = 0}), "`chunk`"));
  EXPECT_TRUE(says(refusal({.logit_rows = 0}), "`logit_rows`"));
  EXPECT_TRUE(says(refusal({.logit_rows = 4097}), "`logit_rows`"));
  EXPECT_TRUE(says(refusal({.context = 0}), "`context`"));
  EXPECT_TRUE(says(refusal({.context = (std::size_t{1} << 24) + 1}), "`context`"));
  const TestRunner runner(model().vlm(), team, {.context = 100, .chunk = 256, .logit_rows = 200});
  EXPECT_EQ(runner.options().chunk, 100u);
  EXPECT_EQ(runner.options().logit_rows, 100u);

  const Session session(model(), {.context = 100, .chunk = 256, .threads = 2, .logit_rows = 200});
  EXPECT_EQ(session.options().chunk, 100u);
  EXPECT_EQ(session.options().logit_rows, 100u);
  EXPECT_EQ(session.options().threads, 2u);
  EXPECT_EQ(Session(model(), {.context = 100}).options().threads, OmpTeam().size());
  EXPECT_TRUE(says(error_of<InputError>([] { Session(model(), {.threads = 1000000}); }), "`threads`"));
  EXPECT_TRUE(says(error_of<InputError>([] { Session(model(), {.chunk = 100000}); }), "`chunk`"));
  EXPECT_TRUE(says(
      error_of<InputError>([] { Session<Qwen3VL, OmpTeam>(model(), SessionOptions{}, std::unique_ptr<OmpTeam>()); }),
      "a session needs a team"));
  LoadOptions threads;
  threads.threads = 1000000;
  EXPECT_TRUE(says(error_of<InputError>([&] { load<Qwen3VL>("model.gguf", {}, threads); }), "`threads`"));

  using Batch = BatchDecoder<Qwen3VL, OmpTeam>;
  EXPECT_TRUE(says(error_of<InputError>([&] { Batch(model().vlm(), team, 4097, 100); }), "`sequences`"));
  EXPECT_TRUE(says(error_of<InputError>([&] { Batch(model().vlm(), team, 1, 0); }), "`context`"));
}

TEST(BatchDecoder, RefusesARunnerTwiceAndOneOfAnotherModel) {
  const TempDir dir;
  testing::write_tiny_model({}, dir / "model.gguf");
  const Model other = load<Qwen3VL>(dir / "model.gguf");
  OmpTeam team(2);
  TestRunner runner(model().vlm(), team, small()), stranger(other.vlm(), team, small());
  runner.feed(text({1}));
  stranger.feed(text({1}));
  BatchDecoder<Qwen3VL, OmpTeam> batch(model().vlm(), team, 2, 128);
  const int tokens[] = {3, 4};
  for (TestRunner* second : {&runner, &stranger}) {
    TestRunner* const both[] = {&runner, second};
    EXPECT_TRUE(says(
        error_of<InputError>([&] { batch.decode(std::span<TestRunner* const>(both), std::span<const int>(tokens)); }),
        "`runners[1]`"));
  }
  EXPECT_EQ(runner.length(), 1u);
}

/// A model of its own, so that it can be in any state.
struct Files {
  Files() { testing::write_tiny_model({}, path); }
  const TempDir dir;
  std::string path = dir / "model.gguf";
};

TEST(UnloadedModel, IsRefusedBySessionsRunnersAndDecoders) {
  const Files files;
  Model model = Model::open(files.path);
  OmpTeam team(2);
  const auto expect_refused = [&](const std::string& why) {
    EXPECT_TRUE(says(error_of<InputError>([&] { Session(model, {.context = 64}); }), why));
    EXPECT_TRUE(says(error_of<InputError>([&] { TestRunner(model.vlm(), team, small()); }), why));
    EXPECT_TRUE(says(error_of<InputError>([&] { BatchDecoder<Qwen3VL, OmpTeam>(model.vlm(), team, 1, 64); }), why));
  };
  expect_refused("load() was not called");
  EXPECT_THROW(model.load(team, [](std::size_t, std::size_t) { throw std::runtime_error("cancelled"); }),
               std::runtime_error);
  EXPECT_FALSE(model.vlm().loaded());
  expect_refused("or threw");
  EXPECT_TRUE(says(error_of<InputError>([&] { model.load(team, [&](std::size_t, std::size_t) { model.load(team); }); }),
                   "`progress` must not load it"));
  // After a load that threw, another may succeed; then there is nothing left to load.
  model.load(team);
  Session session(model, {.context = 256});
  EXPECT_EQ(session.ask("Hello", {}, {.max_tokens = 2, .ignore_stop_tokens = true}).tokens.size(), 2u);
  EXPECT_TRUE(says(error_of<InputError>([&] { model.load(team); }), "loaded already"));
  EXPECT_EQ(session.ask("Hello", {}, {.max_tokens = 2, .ignore_stop_tokens = true}).tokens.size(), 2u);
}

TEST(MovedObjects, SayWhereTheyWent) {
  const Files files;
  Model model = load<Qwen3VL>(files.path);
  OmpTeam team(2);
  const GenerateOptions options{.max_tokens = 2, .ignore_stop_tokens = true};
  Session session(model, {.context = 64, .threads = 2});
  TestRunner runner(model.vlm(), team, small());
  runner.feed(text({1, 2}));
  const std::vector<float> logits = copy(runner.logits());

  Session moved = std::move(session);
  TestRunner taken = std::move(runner);
  EXPECT_EQ(moved.ask("Hello", {}, options).tokens.size(), 2u);
  EXPECT_EQ(copy(taken.logits()), logits);
  for (const std::string& message :
       {error_of<InputError>([&] { session.ask("Hello"); }), error_of<InputError>([&] { session.fork(); }),
        error_of<InputError>([&] { session.reset(); }), error_of<InputError>([&] { session.embed("Hello"); })}) {
    EXPECT_TRUE(says(message, "the session was moved"));
  }
  for (const std::string& message :
       {error_of<InputError>([&] { runner.feed(text({1})); }), error_of<InputError>([&] { runner.decode(1); }),
        error_of<InputError>([&] { runner.fork_on(team); })}) {
    EXPECT_TRUE(says(message, "the runner was moved"));
  }
  EXPECT_NE(assertion_of([&] { runner.logits(); }), "");

  const Model elsewhere = std::move(model);
  EXPECT_FALSE(model.vlm().loaded());
  EXPECT_TRUE(elsewhere.vlm().loaded());
  EXPECT_TRUE(says(error_of<InputError>([&] { moved.ask("Hello"); }), "the model was moved"));
  EXPECT_TRUE(says(error_of<InputError>([&] { taken.decode(1); }), "the model was moved"));
  EXPECT_TRUE(says(error_of<InputError>([&] { taken.adopt(1); }), "the model was moved"));
  EXPECT_NE(assertion_of([&] { taken.logits(); }), "");
  EXPECT_TRUE(says(error_of<InputError>([&] { Session(model, {.context = 64}); }), "the model was moved"));
  EXPECT_TRUE(says(error_of<InputError>([&] { model.load(team); }), "the model was moved"));
  EXPECT_EQ(Session(elsewhere, {.context = 64}).ask("Hello", {}, options).tokens.size(), 2u);
}

TEST(Callbacks, MustNotCallTheSessionThatCallsThem) {
  SessionOptions o;
  o.context = 256;
  o.threads = 2;
  Session session(model(), o);
  GenerateOptions plain;
  plain.sampling = SamplingOptions::greedy();
  plain.max_tokens = 6;
  plain.ignore_stop_tokens = true;
  const std::vector<int> want = session.ask("Hello", {}, plain).tokens;
  session.reset();
  const auto refused = [&](const TextSink& on_text, const GenerateOptions& options) {
    EXPECT_TRUE(
        says(error_of<InputError>([&] { session.ask("Hello", on_text, options); }), "the session is answering"));
    EXPECT_TRUE(session.history().empty());
  };
  refused([&](std::string_view) { session.ask("And?"); }, plain);
  refused([&](std::string_view) { session.embed("And?"); }, plain);
  refused([&](std::string_view) { session.score("And", "?"); }, plain);
  refused([&](std::string_view) { session.fork(); }, plain);
  refused([&](std::string_view) { session.reset(); }, plain);
  GenerateOptions progress = plain;
  progress.progress = [&](const Progress&) { session.complete(text({1, 2})); };
  refused({}, progress);
  GenerateOptions processor = plain;
  processor.sampling.processors.push_back([&](std::span<float>, std::span<const int>) { session.ask("And?"); });
  refused({}, processor);
  GenerateOptions vision = plain;
  vision.progress = [&](const Progress&) { session.vision().encode(shaded(64, 64)); };
  EXPECT_TRUE(says(error_of<InputError>([&] {
                     session.ask({image(shaded(64, 96)), "Hello"}, {}, vision);
                   }),
                   "the vision runner is encoding"));
  // The runner of the session, too, is in use while it computes.
  GenerateOptions runner = plain;
  runner.progress = [&](const Progress&) { session.runner().decode(1); };
  EXPECT_TRUE(says(error_of<InputError>([&] { session.ask("Hello", {}, runner); }), "the runner is computing"));
  // A callback may catch the error; the answer is then as without it.
  int caught = 0;
  const Reply reply = session.ask(
      "Hello",
      [&](std::string_view) {
        try {
          session.ask("And?");
        } catch (const InputError&) {
          ++caught;
        }
      },
      plain);
  EXPECT_GT(caught, 0);
  EXPECT_EQ(reply.tokens, want);
}

TEST(Callbacks, EmptyOnesAreNone) {
  Session session(model(), {.context = 128, .threads = 2});
  GenerateOptions plain;
  plain.sampling = SamplingOptions::greedy();
  plain.max_tokens = 4;
  plain.ignore_stop_tokens = true;
  const Reply want = session.ask("Hello", {}, plain);
  session.reset();
  GenerateOptions empty = plain;
  empty.on_reasoning = std::function<bool(std::string_view)>();
  empty.sampling.processors.emplace_back();
  empty.progress = std::function<void(const Progress&)>();
  const std::function<void(std::string_view)> on_text;
  EXPECT_EQ(session.ask("Hello", on_text, empty).tokens, want.tokens);
  session.reset();
  void (*const pointer)(std::string_view) = nullptr;
  EXPECT_EQ(session.ask("Hello", pointer, empty).text, want.text);
}

TEST(Callbacks, MustNotChangeTheRunnerThatCallsThem) {
  OmpTeam team(2);
  TestRunner runner(model().vlm(), team, small());
  const auto refused = [&](auto&& call) {
    EXPECT_TRUE(says(error_of<InputError>([&] { runner.feed(long_text(20), [&](auto, auto) { call(); }); }),
                     "the runner is computing"));
    runner.truncate(0);
  };
  refused([&] { runner.truncate(3); });
  refused([&] { runner.adopt(1); });
  refused([&] { runner.adopt(text({1, 2})); });
  refused([&] { runner.decode(1); });
  refused([&] { runner.score(text({1, 2}), 1); });
  refused([&] { runner.fork_on(team); });
}

TEST(ImageSource, IsDescribedForEachModelItIsShownTo) {
  const TempDir dir;
  const auto tiny = [&](std::size_t patch) {
    const std::string name = dir / std::to_string(patch);
    testing::write_tiny_model({}, name + ".gguf");
    testing::write_tiny_mmproj({.vision_patch = patch}, name + ".mmproj.gguf");
    return load<Qwen3VL>(name + ".gguf", name + ".mmproj.gguf");
  };
  const Model coarse = tiny(16), fine = tiny(8);
  SessionOptions o;
  o.context = 256;
  o.threads = 1;
  o.min_pixels = 1024;
  o.max_pixels = 65536;
  Session first(coarse, o), second(fine, o);
  // One message for both: its ImageSource keeps a description.
  ChatMessage message{Role::user, {image(shaded(64, 96)), "What is this?"}};
  const auto tokens = [&](Session<Qwen3VL>& session) {
    GenerateOptions one;
    one.max_tokens = 1;
    return session.respond(std::span(&message, 1), {}, {}, one).stats.visual_tokens;
  };
  EXPECT_EQ(tokens(first), 6u);
  EXPECT_EQ(tokens(second), 24u);
  EXPECT_EQ(tokens(first), 6u);
}

TEST(ImageSource, IsDescribedForEachWayOfDecoding) {
  const ImageSource transparent = ImageSource::from_file(std::string(VLMT_TEST_DATA) + "/io/rgba.png");
  ChatMessage message{Role::user, {transparent, "What is this?"}};
  const auto key = [&](AlphaPolicy alpha) {
    SessionOptions o;
    o.context = 256;
    o.images.alpha = alpha;
    Session session(model(), o);
    GenerateOptions one;
    one.max_tokens = 1;
    session.respond(std::span(&message, 1), {}, {}, one);
    return std::get<ImageSource>(message.parts[0]).description()->key;
  };
  const ContentKey dropped = key(AlphaPolicy::Drop), white = key(AlphaPolicy::Composite);
  EXPECT_FALSE(dropped == white);
  EXPECT_TRUE(key(AlphaPolicy::Drop) == dropped);
}

}  // namespace
}  // namespace vlmt::calls_test
