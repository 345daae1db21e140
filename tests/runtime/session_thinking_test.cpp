// Thoughts and answers of a session, with a model that is made to say what the test wants.
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "vlmt/vlmt.hpp"

#include "golden_case.hpp"
#include "model/edited_gguf.hpp"

namespace vlmt {
namespace session_thinking_test {
namespace {

enum class TemplateKind { instruct, thinking, unknown, thinking_unknown, broken };

/// The golden model with the chat template of the bundled model, whose prompt opens thoughts or not.
const ChatModel<Qwen3VL>& thinking_model(TemplateKind kind) {
  const auto make = [](TemplateKind k) {
    std::ifstream file(VLMT_SOURCE_DIR "/examples/tiny_vlm/chat_template.jinja");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::string_view prompt = "add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n";
    const std::size_t at = text.find(prompt) + prompt.size();
    if (k == TemplateKind::thinking || k == TemplateKind::thinking_unknown) text.insert(at, "<think>\\n");
    if (k == TemplateKind::unknown || k == TemplateKind::thinking_unknown) text.insert(0, "<s>");
    if (k == TemplateKind::broken) text += "\n{% if %}";
    const std::string path =
        (std::filesystem::path(::testing::TempDir()) /
         ("vlmt_thinking_" + std::to_string(getpid()) + "_" + std::to_string(static_cast<int>(k)) + ".gguf"))
            .string();
    EditedGguf(golden::folder("qwen3vl") + "/model.gguf").set("tokenizer.chat_template", text).write(path);
    return load<Qwen3VL>(path);
  };
  static const ChatModel<Qwen3VL> models[] = {make(TemplateKind::instruct), make(TemplateKind::thinking),
                                              make(TemplateKind::unknown), make(TemplateKind::thinking_unknown),
                                              make(TemplateKind::broken)};
  return models[static_cast<int>(kind)];
}

SessionOptions short_session() {
  SessionOptions o;
  o.context = 512;
  o.chunk = 32;
  o.threads = 2;
  return o;
}

/// Options that make a model say a text, token by token.
GenerateOptions saying(const ChatModel<Qwen3VL>& m, const std::string& text) {
  GenerateOptions o;
  o.sampling = SamplingOptions::greedy();
  const std::vector<int> ids = m.tokenizer().encode(text, ParseSpecial::on);
  o.max_tokens = ids.size();
  o.ignore_stop_tokens = true;
  o.sampling.processors.push_back([ids, next = std::size_t{0}](std::span<float> logits, std::span<const int>) mutable {
    logits[static_cast<std::size_t>(ids[next++ % ids.size()])] = 1e9f;
  });
  return o;
}

struct Said {
  Reply reply;
  std::string answer, reasoning;  // as they were streamed
};

Said say(Session<Qwen3VL>& session, const std::string& text, Thinking thinking = Thinking::automatic,
         std::vector<std::string> stop = {}) {
  Said said;
  GenerateOptions o = saying(session.model(), text);
  o.thinking = thinking;
  o.stop = std::move(stop);
  o.on_reasoning = [&](std::string_view piece) {
    EXPECT_TRUE(said.answer.empty());
    said.reasoning += piece;
  };
  said.reply = session.ask(
      "Hi", [&](std::string_view piece) { said.answer += piece; }, o);
  EXPECT_EQ(said.answer, said.reply.text);
  EXPECT_EQ(said.reasoning, said.reply.reasoning);
  return said;
}

TEST(SessionThinking, TellsThoughtsFromTheAnswer) {
  Session session(thinking_model(TemplateKind::thinking), short_session());
  const Said s = say(session, "hm\nso\n</think>\n\nYes, 5.");
  EXPECT_EQ(s.reply.reasoning, "hm\nso");
  EXPECT_EQ(s.reply.text, "Yes, 5.");
  EXPECT_EQ(s.reply.raw, "hm\nso\n</think>\n\nYes, 5.");
  EXPECT_EQ(s.reply.finish, FinishReason::length);
  // History keeps them apart.
  ASSERT_EQ(session.history().size(), 2u);
  EXPECT_EQ(session.history()[1].reasoning, "hm\nso");
  EXPECT_EQ(std::get<std::string>(session.history()[1].parts[0]), "Yes, 5.");
}

TEST(SessionThinking, OutputsOfAllKinds) {
  const auto expect = [](TemplateKind kind, Thinking thinking, const std::string& output, const std::string& expected) {
    Session session(thinking_model(kind), short_session());
    const Said s = say(session, output, thinking);
    EXPECT_EQ(s.reply.reasoning + "|" + s.reply.text, expected) << output;
    EXPECT_EQ(s.reply.raw, output);
  };
  const auto automatic = Thinking::automatic;
  expect(TemplateKind::thinking, automatic, "\n</think>\n\nYes", "|Yes");
  expect(TemplateKind::thinking, automatic, "never an answer", "never an answer|");
  expect(TemplateKind::thinking, automatic, "a white ring</think> changed.", "a white ring|changed.");
  expect(TemplateKind::thinking_unknown, automatic, "hm</think>Yes", "hm|Yes");
  expect(TemplateKind::thinking, Thinking::off, "Yes", "|Yes");
  expect(TemplateKind::thinking, Thinking::off, "<think>\nhm\n</think>\n\nYes", "hm|Yes");
  expect(TemplateKind::instruct, automatic, "Yes", "|Yes");
  expect(TemplateKind::instruct, automatic, "<think>hm</think>Yes", "hm|Yes");
  expect(TemplateKind::instruct, automatic, "a </think> b", "|a </think> b");
  expect(TemplateKind::instruct, Thinking::on, "hm</think>Yes", "hm|Yes");
}

TEST(SessionThinking, ThePromptIsTheOneAskedFor) {
  const auto tokens = [](TemplateKind kind, Thinking thinking) {
    Session session(thinking_model(kind), short_session());
    return say(session, "x", thinking).reply.stats.prompt_tokens;
  };
  const auto cost = [](std::string_view text) {
    return thinking_model(TemplateKind::instruct).tokenizer().encode(text, ParseSpecial::on).size();
  };
  const std::size_t plain = tokens(TemplateKind::instruct, Thinking::automatic);
  const std::size_t opened = plain + cost("<think>\n"), closed = plain + cost("<think>\n\n</think>\n\n");
  EXPECT_EQ(tokens(TemplateKind::instruct, Thinking::on), opened);
  EXPECT_EQ(tokens(TemplateKind::instruct, Thinking::off), plain);
  EXPECT_EQ(tokens(TemplateKind::thinking, Thinking::automatic), opened);
  EXPECT_EQ(tokens(TemplateKind::thinking, Thinking::on), opened);
  EXPECT_EQ(tokens(TemplateKind::thinking, Thinking::off), closed);
  EXPECT_EQ(tokens(TemplateKind::unknown, Thinking::automatic), plain);
  EXPECT_EQ(tokens(TemplateKind::broken, Thinking::automatic), plain);
  EXPECT_EQ(tokens(TemplateKind::thinking_unknown, Thinking::automatic), opened);
}

TEST(SessionThinking, StopStringsEndThoughtsAndAnswers) {
  Session session(thinking_model(TemplateKind::thinking), short_session());
  const Said among = say(session, "one two three</think>four", Thinking::automatic, {"two"});
  EXPECT_EQ(among.reply.finish, FinishReason::stop_string);
  EXPECT_EQ(among.reply.reasoning, "one ");
  EXPECT_EQ(among.reply.text, "");
  Session other(thinking_model(TemplateKind::thinking), short_session());
  const Said after = say(other, "one</think>two three", Thinking::automatic, {"three"});
  EXPECT_EQ(after.reply.reasoning, "one");
  EXPECT_EQ(after.reply.text, "two ");
}

TEST(SessionThinking, EitherSinkEndsTheOutput) {
  Session session(thinking_model(TemplateKind::thinking), short_session());
  GenerateOptions o = saying(session.model(), "a b c d e f g h</think>i j k l m n");
  o.on_reasoning = [](std::string_view) { return false; };
  Reply reply = session.ask("Hi", {}, o);
  EXPECT_EQ(reply.finish, FinishReason::cancelled);
  EXPECT_EQ(reply.text, "");
  EXPECT_FALSE(reply.reasoning.empty());
  o = saying(session.model(), "a b c d</think>i j k l m n o p q r s t");
  session.reset();
  reply = session.ask(
      "Hi", [](std::string_view) { return false; }, o);
  EXPECT_EQ(reply.finish, FinishReason::cancelled);
  EXPECT_EQ(reply.reasoning, "a b c d");
  EXPECT_LT(reply.raw.size(), 30u);
}

TEST(SessionThinking, PlainContinuationsAreNotSplit) {
  Session session(thinking_model(TemplateKind::thinking), short_session());
  const GenerateOptions o = saying(session.model(), "a</think>b");
  const Reply reply = session.complete(session.tokenize("Once"), {}, o);
  EXPECT_EQ(reply.text, "a</think>b");
  EXPECT_EQ(reply.raw, reply.text);
  EXPECT_EQ(reply.reasoning, "");
}

TEST(SessionThinking, WarningsSayWhichPromptIsUsed) {
  const auto warning = [](TemplateKind kind) {
    for (const std::string& line : thinking_model(kind).warnings()) {
      if (line.find("chat template") != std::string::npos) return line;
    }
    return std::string();
  };
  EXPECT_EQ(warning(TemplateKind::instruct), "");
  EXPECT_EQ(warning(TemplateKind::thinking), "");
  EXPECT_NE(warning(TemplateKind::unknown).find("that does not think"), std::string::npos)
      << warning(TemplateKind::unknown);
  EXPECT_NE(warning(TemplateKind::unknown).find("'<s><|im"), std::string::npos) << warning(TemplateKind::unknown);
  EXPECT_NE(warning(TemplateKind::thinking_unknown).find("that thinks"), std::string::npos)
      << warning(TemplateKind::thinking_unknown);
  const std::string broken = warning(TemplateKind::broken);
  EXPECT_NE(broken.find("_4.gguf: "), std::string::npos) << broken;
  EXPECT_NE(broken.find("line 57"), std::string::npos) << broken;
}

}  // namespace
}  // namespace session_thinking_test
}  // namespace vlmt
