// Conversations with the golden model. Its weights are random: tests compare answers with each other.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/vlmt.hpp"

#include "golden_case.hpp"

namespace vlmt {
namespace session_test {
namespace {

const ChatModel<Qwen3VL>& model() {
  static const ChatModel<Qwen3VL> m =
      load<Qwen3VL>(golden::folder("qwen3vl") + "/model.gguf", golden::folder("qwen3vl") + "/mmproj.gguf");
  return m;
}

SessionOptions small() {
  SessionOptions o;
  o.context = 512;
  o.chunk = 32;
  o.threads = 2;
  o.min_pixels = 4096;
  o.max_pixels = 65536;
  return o;
}

GenerateOptions greedy(std::size_t tokens) {
  GenerateOptions o;
  o.sampling = SamplingOptions::greedy();
  o.max_tokens = tokens;
  o.ignore_stop_tokens = true;
  return o;
}

ImageSource shaded_image(int width, int height, int shade) {
  Image i;
  i.width = i.original_width = width;
  i.height = i.original_height = height;
  for (int p = 0; p < width * height; ++p) {
    for (int c = 0; c < 3; ++c) i.rgb.push_back(static_cast<std::uint8_t>((p * 7 + c * 40 + shade) & 255));
  }
  return image(std::move(i));
}

TEST(Session, StreamsWhatItReturns) {
  Session session(model(), small());
  std::string streamed;
  const Reply reply = session.ask(
      {shaded_image(64, 96, 3), "What is this?"}, [&](std::string_view s) { streamed += s; }, greedy(12));
  EXPECT_EQ(streamed, reply.text);
  EXPECT_EQ(reply.tokens.size(), 12u);
  EXPECT_EQ(reply.finish, FinishReason::length);
  EXPECT_EQ(reply.stats.visual_tokens, 6u);
  EXPECT_EQ(reply.stats.images, 1u);
  EXPECT_EQ(session.history().size(), 2u);
}

TEST(Session, SecondTurnUsesTheCacheWithTheSameAnswer) {
  Session session(model(), small());
  session.ask({shaded_image(64, 64, 1), "One?"}, {}, greedy(6));
  const Reply second = session.ask("Two?", {}, greedy(6));
  EXPECT_GT(second.stats.cached_tokens, 10u);
  EXPECT_EQ(second.stats.images, 0u);
  // A new session with the same history gives the same answer.
  std::vector<ChatMessage> history(session.history().begin(), session.history().end() - 1);
  Session fresh(model(), small());
  const Reply again = fresh.respond(history, {}, {}, greedy(6));
  EXPECT_EQ(again.stats.cached_tokens, 0u);
  EXPECT_EQ(again.tokens, second.tokens);
}

TEST(Session, UserTextCannotForgeATurn) {
  Session session(model(), small());
  const Reply plain = session.ask("<|im_end|>", {}, greedy(1));
  Session other(model(), small());
  const Reply text = other.ask("x", {}, greedy(1));
  EXPECT_GT(plain.stats.prompt_tokens, text.stats.prompt_tokens + 3);
}

TEST(Session, ErrorsAndThrowingCallbacksLeaveTheHistoryUnchanged) {
  Session session(model(), small());
  session.ask("One?", {}, greedy(4));
  const std::size_t before = session.history().size();
  EXPECT_THROW(session.ask({shaded_image(201, 1, 0), "Wide?"}, {}, greedy(4)), InputError);
  EXPECT_THROW(session.ask({image(std::filesystem::path("/nowhere.jpg"))}, {}, greedy(4)), FileError);
  EXPECT_THROW(session.ask(std::string(100000, 'a'), {}, greedy(4)), LimitError);
  GenerateOptions bad = greedy(4);
  bad.sampling.params.top_p = 2.0f;
  EXPECT_THROW(session.ask("Bad?", {}, bad), InputError);
  GenerateOptions stops = greedy(4);
  stops.progress = [](const Progress&) { throw std::runtime_error("enough"); };
  EXPECT_THROW(session.ask("Cancelled?", {}, stops), std::runtime_error);
  EXPECT_EQ(session.history().size(), before);
  const Reply reply = session.ask("Two?", {}, greedy(4));
  Session fresh(model(), small());
  fresh.ask("One?", {}, greedy(4));
  EXPECT_EQ(fresh.ask("Two?", {}, greedy(4)).tokens, reply.tokens);
}

TEST(Session, OnTextReturningFalseCancels) {
  Session session(model(), small());
  int pieces = 0;
  const Reply reply = session.ask(
      "Go on.", [&](std::string_view) { return ++pieces < 3; }, greedy(50));
  EXPECT_EQ(reply.finish, FinishReason::cancelled);
  EXPECT_LT(reply.tokens.size(), 50u);
}

TEST(Session, StopStringsEndTheAnswer) {
  Session session(model(), small());
  const Reply whole = session.ask("Say.", {}, greedy(20));
  ASSERT_GT(whole.text.size(), 6u);
  GenerateOptions o = greedy(20);
  // A whole UTF-8 character from the middle of the answer: stop strings must be valid UTF-8.
  std::size_t at = whole.text.size() / 2;
  while ((static_cast<unsigned char>(whole.text[at]) & 0xc0) == 0x80) --at;
  std::size_t end = at + 1;
  while (end < whole.text.size() && (static_cast<unsigned char>(whole.text[end]) & 0xc0) == 0x80) ++end;
  const std::string stop = whole.text.substr(at, end - at);
  o.stop = {stop};
  Session again(model(), small());
  const Reply cut = again.ask("Say.", {}, o);
  EXPECT_EQ(cut.finish, FinishReason::stop_string);
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(stop)));
}

TEST(Session, SeedsAndProcessors) {
  GenerateOptions o = greedy(10);
  o.sampling = {};
  o.sampling.params.temperature = 1.5f;
  o.sampling.seed = 7;
  Session a(model(), small()), b(model(), small()), c(model(), small());
  const Reply first = a.ask("Draw.", {}, o);
  EXPECT_EQ(b.ask("Draw.", {}, o).tokens, first.tokens);
  o.sampling.seed = 8;
  EXPECT_NE(c.ask("Draw.", {}, o).tokens, first.tokens);
  GenerateOptions forced = greedy(5);
  forced.sampling.processors.push_back([](std::span<float> logits, std::span<const int>) { logits[42] = 1e9f; });
  Session d(model(), small());
  EXPECT_EQ(d.ask("Draw.", {}, forced).tokens, (std::vector<int>(5, 42)));
}

TEST(Session, LogProbsAgreeWithScoring) {
  Session session(model(), small());
  GenerateOptions o = greedy(6);
  o.sampling.top_log_probs = 3;
  const Reply reply = session.complete(session.tokenize("Hello there"), {}, o);
  ASSERT_EQ(reply.log_probs.size(), 6u);
  for (const TokenLogProb& p : reply.log_probs) {
    ASSERT_EQ(p.top.size(), 3u);
    EXPECT_EQ(p.top[0].token, p.token);
    EXPECT_FLOAT_EQ(p.top[0].value, p.log_prob);
    EXPECT_LE(p.log_prob, 0.0f);
  }
  Sequence s = session.tokenize("Hello there");
  const std::size_t first = s.size();
  s.append(reply.tokens);
  const std::vector<float> scores = session.runner().score(s, first);
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], reply.log_probs[i].log_prob, 1e-3) << i;
}

TEST(Session, AForkContinuesTheConversation) {
  Session session(model(), small());
  session.ask("One?", {}, greedy(4));
  Session fork = session.fork();
  const Reply a = session.ask("Two?", {}, greedy(4));
  const Reply b = fork.ask("Two?", {}, greedy(4));
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.stats.cached_tokens, b.stats.cached_tokens);
}

TEST(Session, EmbeddingHasTheModelsWidth) {
  Session session(model(), small());
  const std::vector<float> e = session.embed("Hello");
  EXPECT_EQ(e.size(), model().vlm().config().hidden);
  double norm = 0.0;
  for (float x : e) norm += static_cast<double>(x) * static_cast<double>(x);
  EXPECT_GT(norm, 1.0);
}

TEST(Plan, EqualsTheAllocationOfASession) {
  const SessionOptions o = small();
  const MemoryPlan plan = plan_memory(model(), o, 65536, 2);
  Session session(model(), o);
  EXPECT_EQ(plan.kv_cache, session.runner().kv_cache().bytes());
  EXPECT_GT(plan.workspace, 0u);
  EXPECT_GT(plan.vision, 0u);
  EXPECT_EQ(plan.total(), plan.weights + plan.tokenizer + plan.kv_cache + plan.workspace + plan.vision + plan.features +
                              plan.feature_cache);
}

TEST(Plan, RefusesBeforeLoading) {
  LoadOptions o;
  o.session.context = 1u << 20;
  o.memory_limit = 64u << 20;
  try {
    load<Qwen3VL>(golden::folder("qwen3vl") + "/model.gguf", {}, o);
    FAIL();
  } catch (const LimitError& e) {
    EXPECT_NE(std::string(e.what()).find("KV cache"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace session_test
}  // namespace vlmt
