// Stops at every stage of a model: what was half done is dropped, and everything works afterwards as if the stopped
// call had never been made.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/vlmt.hpp"

#include "golden_case.hpp"

namespace vlmt {
namespace stop_test {  // sources may be compiled together
namespace {

using Model = ChatModel<Qwen3VL>;

const Model& model() {
  static const Model m =
      load<Qwen3VL>(golden::folder("qwen3vl") + "/model.gguf", golden::folder("qwen3vl") + "/mmproj.gguf");
  return m;
}

const Model& moe_model() {
  static const Model m = load<Qwen3VL>(golden::folder("qwen3vl-moe") + "/model.gguf");
  return m;
}

Image shaded(int width, int height, int shade) {
  Image i;
  i.width = i.original_width = width;
  i.height = i.original_height = height;
  for (int p = 0; p < width * height; ++p) {
    for (int c = 0; c < 3; ++c) i.rgb.push_back(static_cast<std::uint8_t>((p * 7 + c * 40 + shade) & 255));
  }
  return i;
}

Sequence tokens(int n) {
  Sequence s;
  for (int i = 0; i < n; ++i) s.append(1 + i * 37 % 300);
  return s;
}

/// Sets the flag in the middle of a step, after `layer` of the decoder or `block` of the vision encoder.
struct StopInside {
  StopFlag* stop = nullptr;
  std::size_t* layer = nullptr;

  void hidden(std::size_t l, TensorView<const float, 2>) const {
    if (l == *layer) stop->set();
  }
  void vision(std::size_t block, TensorView<const float, 2>) const {
    if (block == *layer) stop->set();
  }
};

constexpr std::size_t never = 1000;

using StoppedRunner = Runner<Qwen3VL, OmpTeam, StopInside>;
using StoppedVision = VisionRunner<Qwen3VL, OmpTeam, StopInside>;

RunnerOptions small() {
  RunnerOptions o;
  o.context = 128;
  o.chunk = 16;
  o.logit_rows = 4;
  return o;
}

class StoppedModels : public ::testing::TestWithParam<bool> {
 protected:
  const Model& m() { return GetParam() ? moe_model() : model(); }
};

TEST_P(StoppedModels, AnInterruptedStepIsNotCounted) {
  OmpTeam team(2);
  StopFlag stop;
  std::size_t layer = never;
  StoppedRunner runner(m().vlm(), team, small(), {&stop, &layer});
  Runner<Qwen3VL, OmpTeam> fresh(m().vlm(), team, small());
  const auto expect_equal = [&] {
    const auto got = runner.logits(), want = fresh.logits();
    EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin(), want.end()));
    EXPECT_EQ(runner.length(), fresh.length());
  };
  const Sequence prompt = tokens(40);

  // In the second of three chunks.
  const auto second = [&](std::size_t done, std::size_t) { layer = done == 16 ? 1 : never; };
  EXPECT_THROW(runner.feed(prompt, second, &stop), Cancelled);
  EXPECT_EQ(runner.length(), 16u);
  stop.clear();
  layer = never;
  EXPECT_EQ(runner.feed(
                prompt, [](std::size_t, std::size_t) {}, &stop),
            24u);
  fresh.feed(prompt);
  expect_equal();

  // In decode, in the first and in the last layer.
  for (const std::size_t at : {std::size_t{1}, m().vlm().config().layers - 1}) {
    layer = at;
    EXPECT_THROW(runner.decode(
                     7, [](auto&) { ADD_FAILURE() << "the step has ended"; }, &stop),
                 Cancelled);
    EXPECT_EQ(runner.length(), prompt.size());
    stop.clear();
    layer = never;
  }
  runner.decode(7);
  fresh.decode(7);
  expect_equal();

  // While scoring, with the head of some cells computed.
  const Sequence text = tokens(50);
  layer = 1;
  EXPECT_THROW(runner.score(text, 1, &stop), Cancelled);
  stop.clear();
  layer = never;
  EXPECT_EQ(runner.score(text, 1, &stop), fresh.score(text, 1));
}

INSTANTIATE_TEST_SUITE_P(Kinds, StoppedModels, ::testing::Values(false, true),
                         [](const auto& item) { return item.param ? "moe" : "dense"; });

TEST(Stop, BatchesChangeNoSequence) {
  OmpTeam team(2);
  StopFlag stop;
  Runner<Qwen3VL, OmpTeam> runner(model().vlm(), team, small());
  runner.feed(tokens(5));
  BatchDecoder<Qwen3VL, OmpTeam> batch(model().vlm(), team, 1, small().context);
  Runner<Qwen3VL, OmpTeam>* const one[] = {&runner};
  const std::span<Runner<Qwen3VL, OmpTeam>* const> runners(one);
  const int token[] = {9};
  stop.set();
  const auto no_more = [](auto&) {};
  EXPECT_THROW(batch.decode(runners, token, no_more, &stop), Cancelled);
  EXPECT_EQ(runner.length(), 5u);
  stop.clear();
  batch.decode(runners, token, no_more, &stop);
  EXPECT_EQ(runner.length(), 6u);
}

TEST(Stop, InterruptedFeaturesAreNotKept) {
  OmpTeam team(2);
  StopFlag stop;
  std::size_t block = 0;
  VisionOptions o;
  o.min_pixels = 4096;
  o.max_pixels = 65536;
  StoppedVision vision(model().vlm(), team, o, {&stop, &block});
  const Image image = shaded(160, 128, 3);
  EXPECT_THROW(vision.encode(image, {}, &stop), Cancelled);
  EXPECT_EQ(vision.cached_bytes(), 0u);
  stop.set();  // before the image is resized
  EXPECT_THROW(vision.encode(image, {}, &stop), Cancelled);
  const Image frames[] = {image, image};
  EXPECT_THROW(vision.encode_video(frames, {}, &stop), Cancelled);
  EXPECT_EQ(vision.cached_bytes(), 0u);
  stop.clear();
  block = never;
  std::vector<std::size_t> reports;
  const auto got = vision.encode(image, {}, &stop, [&](std::size_t done, std::size_t total) {
    EXPECT_EQ(total, model().vlm().vision_encoder()->config().depth);
    reports.push_back(done);
  });
  ASSERT_EQ(reports.size(), model().vlm().vision_encoder()->config().depth);
  EXPECT_EQ(reports.back(), reports.size());
  VisionRunner<Qwen3VL, OmpTeam> fresh(model().vlm(), team, o);
  const auto want = fresh.encode(image);
  EXPECT_TRUE(std::equal(got->data.data(), got->data.data() + got->data.count(), want->data.data()));
}

SessionOptions session_options() {
  SessionOptions o;
  o.context = 512;
  o.chunk = 32;
  o.threads = 2;
  o.min_pixels = 4096;
  o.max_pixels = 65536;
  return o;
}

GenerateOptions greedy(std::size_t n) {
  GenerateOptions o;
  o.sampling = SamplingOptions::greedy();
  o.max_tokens = n;
  o.ignore_stop_tokens = true;
  return o;
}

/// A conversation of one turn, whose second turn is cancelled in some way and then asked again.
class CancelledTurn : public ::testing::Test {
 protected:
  CancelledTurn() { session.ask("One?", {}, greedy(4)); }

  std::vector<Part> question() const { return {image(shaded(128, 96, 9)), std::string(150, 'x')}; }

  /// The tokens of the second turn in a session that was never cancelled.
  static const std::vector<int>& want() {
    static const std::vector<int> tokens = [] {
      Session fresh(model(), session_options());
      fresh.ask("One?", {}, greedy(4));
      return fresh.ask({image(shaded(128, 96, 9)), std::string(150, 'x')}, {}, greedy(8)).tokens;
    }();
    return tokens;
  }

  void expect_as_before() {
    stop.clear();
    ASSERT_EQ(session.history().size(), 2u);
    EXPECT_EQ(std::get<std::string>(session.history()[0].parts[0]), "One?");
    EXPECT_EQ(session.ask(question(), {}, greedy(8)).tokens, want());
    EXPECT_EQ(session.history().size(), 4u);
  }

  GenerateOptions stoppable(std::size_t n) {
    GenerateOptions o = greedy(n);
    o.stop_flag = &stop;
    return o;
  }

  StopFlag stop;
  Session<Qwen3VL> session{model(), session_options()};
};

TEST_F(CancelledTurn, BeforeItStarts) {
  stop.set();
  const Reply reply = session.ask(question(), {}, stoppable(8));
  EXPECT_EQ(reply.finish, FinishReason::cancelled);
  EXPECT_EQ(reply.text, "");
  expect_as_before();
}

TEST_F(CancelledTurn, InTheVisionEncoder) {
  GenerateOptions o = stoppable(8);
  std::vector<double> fractions;
  o.progress = [&](const Progress& p) {
    EXPECT_EQ(p.stage, Progress::Stage::vision);
    fractions.push_back(p.fraction);
    if (p.fraction > 0.0) stop.set();
  };
  const Reply reply = session.ask(question(), {}, o);
  EXPECT_EQ(reply.finish, FinishReason::cancelled);
  EXPECT_EQ(fractions.size(), 2u) << "no block runs after the stop";
  EXPECT_EQ(session.vision().cached_bytes(), 0u);
  expect_as_before();
}

TEST_F(CancelledTurn, InThePrefill) {
  GenerateOptions o = stoppable(8);
  std::size_t cells = 0;
  o.progress = [&](const Progress& p) {
    if (p.stage != Progress::Stage::prefill) return;
    cells = session.runner().length();
    stop.set();
  };
  EXPECT_EQ(session.ask(question(), {}, o).finish, FinishReason::cancelled);
  EXPECT_EQ(session.runner().length(), cells) << "the first chunk is kept, the second one is not";
  expect_as_before();
}

TEST_F(CancelledTurn, WhileTextIsGenerated) {
  std::string streamed;
  const auto on_text = [&](std::string_view piece) {
    streamed += piece;
    stop.set();
  };
  const Reply reply = session.ask(question(), on_text, stoppable(400));
  EXPECT_EQ(reply.finish, FinishReason::cancelled);
  EXPECT_NE(reply.text, "");
  EXPECT_EQ(reply.text, streamed);
  EXPECT_LT(reply.tokens.size(), 100u);
  expect_as_before();
}

TEST_F(CancelledTurn, ByOnText) {
  const Reply reply = session.ask(
      question(), [](std::string_view) { return false; }, greedy(50));
  EXPECT_EQ(reply.finish, FinishReason::cancelled);
  EXPECT_NE(reply.text, "");
  expect_as_before();
}

TEST_F(CancelledTurn, ByExceptions) {
  GenerateOptions o = greedy(8);
  o.progress = [&](const Progress& p) {
    if (p.fraction > 0.0) throw std::runtime_error("enough");
  };
  EXPECT_THROW(session.ask(question(), {}, o), std::runtime_error);
  EXPECT_THROW(session.ask(
                   question(), [](std::string_view) { throw std::runtime_error("enough"); }, greedy(50)),
               std::runtime_error);
  expect_as_before();
}

// Wherever the stop comes.
TEST_F(CancelledTurn, AtAnyMoment) {
  for (int delay = 0; delay < 20; ++delay) {
    stop.clear();
    std::jthread other([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(delay * 700));
      stop.set();
    });
    const Reply reply = session.ask(question(), {}, stoppable(8));
    if (reply.finish != FinishReason::cancelled) {
      EXPECT_EQ(reply.tokens, want());
      return;
    }
    EXPECT_EQ(session.history().size(), 2u);
  }
  expect_as_before();
}

TEST_F(CancelledTurn, ScoresAndEmbeddings) {
  stop.set();
  EXPECT_THROW(session.score("context", "text", &stop), Cancelled);
  EXPECT_THROW(session.embed("text", &stop), Cancelled);
  EXPECT_EQ(session.complete(session.tokenize("text"), {}, stoppable(8)).finish, FinishReason::cancelled);
  expect_as_before();
}

TEST(Progress, GrowsWithBlocksAndTokens) {
  Session session(model(), session_options());
  GenerateOptions o = greedy(1);
  std::vector<Progress> seen;
  o.progress = [&](const Progress& p) { seen.push_back(p); };
  session.ask({image(shaded(64, 64, 1)), image(shaded(160, 128, 2)), std::string(60, 'y')}, {}, o);
  std::size_t steps = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_LE(seen[i].fraction, 1.0);
    EXPECT_LE(seen[i].done, seen[i].total);
    steps += seen[i].stage == Progress::Stage::vision;
    if (i == 0 || seen[i].stage != seen[i - 1].stage) continue;
    EXPECT_GE(seen[i].fraction, seen[i - 1].fraction);
    EXPECT_EQ(seen[i].total, seen[i - 1].total);
  }
  EXPECT_GE(steps, 2 * model().vlm().vision_encoder()->config().depth);
  EXPECT_EQ(seen.back().stage, Progress::Stage::prefill);
  EXPECT_EQ(seen.back().fraction, 1.0);
}

// A load that was stopped leaves a model that is not loaded; the second load is as good as a first one.
TEST(Stop, AStoppedLoadMayBeRepeated) {
  OmpTeam team(2);
  StopFlag stop;
  Model twice = Model::open(golden::folder("qwen3vl") + "/model.gguf", golden::folder("qwen3vl") + "/mmproj.gguf",
                            weights_for(Numerics::fast));
  std::size_t calls = 0;
  const auto progress = [&](std::size_t, std::size_t) {
    if (++calls == 5) stop.set();
  };
  EXPECT_THROW(twice.load(team, progress, &stop), Cancelled);
  EXPECT_EQ(calls, 5u);
  EXPECT_FALSE(twice.vlm().loaded());
  EXPECT_TRUE(twice.vlm().weights().empty());
  stop.clear();
  twice.load(team, {}, &stop);
  const auto got = twice.vlm().weights(), want = model().vlm().weights();
  EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin(), want.end()));

  LoadOptions options;
  options.stop_flag = &stop;
  stop.set();
  EXPECT_THROW(load<Qwen3VL>(golden::folder("qwen3vl") + "/model.gguf", {}, options), Cancelled);
}

}  // namespace
}  // namespace stop_test
}  // namespace vlmt
