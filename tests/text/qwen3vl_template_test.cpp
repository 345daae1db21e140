#include <chrono>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <limits>
#include <locale>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/text/templates/qwen3vl.hpp"

namespace {

using vlmt::ChatOptions;
using vlmt::ContentPart;
using vlmt::Message;
using vlmt::Qwen3VLTemplate;
using vlmt::Role;
using vlmt::Segment;
using Messages = std::vector<Message>;

// The rendered text, with {k} for image k and [k] for video k.
std::string shown(const std::vector<Segment>& segments) {
  std::string text;
  for (const Segment& s : segments) {
    if (s.is_text()) {
      text += s.text;
    } else if (s.kind == Segment::Kind::image) {
      text += "{" + std::to_string(s.index) + "}";
    } else {
      text += "[" + std::to_string(s.index) + (s.slice ? "." + std::to_string(*s.slice) : "") + "]";
    }
  }
  return text;
}

std::string render(const Messages& messages, const ChatOptions& options = {},
                   const std::vector<vlmt::Tool>& tools = {}) {
  return shown(Qwen3VLTemplate::render(messages, tools, options));
}

Message assistant(std::string text, std::vector<vlmt::ToolCall> calls = {}, std::optional<std::string> reasoning = {}) {
  return {Role::assistant, {ContentPart::of(std::move(text))}, std::move(reasoning), std::move(calls)};
}
Message user(std::string text) {
  return Message::of(Role::user, std::move(text));
}
Message tool(std::string text) {
  return Message::of(Role::tool, std::move(text));
}

TEST(Qwen3VLTemplate, SystemAndTurns) {
  EXPECT_EQ(render({user("Hi")}), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(render({user("Hi")}, {.add_generation_prompt = false}), "<|im_start|>user\nHi<|im_end|>\n");
  EXPECT_EQ(render({user("Hi")}, {.thinking = true}),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n");
  EXPECT_EQ(render({Message::of(Role::system, "Be brief."), user("Hi"), assistant("Hello"), user("Bye")}),
            "<|im_start|>system\nBe "
            "brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"
            "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n");
}

TEST(Qwen3VLTemplate, ImagesAndVideos) {
  const Messages messages{
      {Role::user, {ContentPart::image(), ContentPart::of("a"), ContentPart::video(), ContentPart::image()}, {}, {}},
      assistant("ok"),
      {Role::tool, {ContentPart::image()}, {}, {}},
      {Role::user, {ContentPart::video()}, {}, {}}};
  EXPECT_EQ(render(messages, {.add_generation_prompt = false}),
            "<|im_start|>user\n<|vision_start|>{0}<|vision_end|>a[0]<|vision_start|>{1}<|vision_end|><|im_end|>\n"
            "<|im_start|>assistant\nok<|im_end|>\n"
            "<|im_start|>user\n<tool_response>\n<|vision_start|>{2}<|vision_end|>\n</tool_response><|im_end|>\n"
            "<|im_start|>user\n[1]<|im_end|>\n");
  EXPECT_EQ(
      render(messages, {.add_generation_prompt = false, .add_vision_id = true}),
      "<|im_start|>user\nPicture 1: <|vision_start|>{0}<|vision_end|>aVideo 1: [0]Picture 2: "
      "<|vision_start|>{1}<|vision_end|><|im_end|>\n"
      "<|im_start|>assistant\nok<|im_end|>\n"
      "<|im_start|>user\n<tool_response>\nPicture 3: <|vision_start|>{2}<|vision_end|>\n</tool_response><|im_end|>\n"
      "<|im_start|>user\nVideo 2: [1]<|im_end|>\n");
}

constexpr std::string_view tools_text =
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function "
    "signatures "
    "within <tools></tools> XML tags:\n<tools>\n{\"name\": \"f\"}\n{\"name\": \"g\"}\n</tools>\n\nFor each function "
    "call, return "
    "a json object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": "
    "<function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n";

TEST(Qwen3VLTemplate, Tools) {
  const std::vector<vlmt::Tool> tools{{R"({"name": "f"})"}, {R"({"name": "g"})"}};
  EXPECT_EQ(render({user("Hi")}, {.add_generation_prompt = false}, tools),
            "<|im_start|>system\n" + std::string(tools_text) + "<|im_start|>user\nHi<|im_end|>\n");
  EXPECT_EQ(render({Message::of(Role::system, "Sys"), user("Hi")}, {.add_generation_prompt = false}, tools),
            "<|im_start|>system\nSys\n\n" + std::string(tools_text) + "<|im_start|>user\nHi<|im_end|>\n");
}

TEST(Qwen3VLTemplate, ToolCallsAndResults) {
  const std::vector<vlmt::ToolCall> calls{{"f", R"({"x": 1})"}, {"g", "{}"}};
  EXPECT_EQ(
      render({user("Q"), assistant("", calls), tool("r1"), tool("r2"), assistant("Let me see", calls), tool("r3")}),
      "<|im_start|>user\nQ<|im_end|>\n"
      "<|im_start|>assistant\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>\n"
      "<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call><|im_end|>\n"
      "<|im_start|>user\n<tool_response>\nr1\n</tool_response>\n<tool_response>\nr2\n</tool_response><|im_end|>\n"
      "<|im_start|>assistant\nLet me see\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>\n"
      "<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call><|im_end|>\n"
      "<|im_start|>user\n<tool_response>\nr3\n</tool_response><|im_end|>\n"
      "<|im_start|>assistant\n");
}

TEST(Qwen3VLTemplate, KeepsReasoningOnlySinceTheLastQuestion) {
  const ChatOptions thinking{.add_generation_prompt = false, .thinking = true};
  EXPECT_EQ(render({user("A"), assistant("one", {}, "why"), user("B"), assistant("", {{"f", "{}"}}, "\nhm\n"),
                    tool("r"), assistant("<think>\nso\n</think>\n\ntwo")},
                   thinking),
            "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\none<|im_end|>\n<|im_start|>user\nB<|im_end|>\n"
            "<|im_start|>assistant\n<think>\nhm\n</think>\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": "
            "{}}\n</tool_call><|im_end|>\n"
            "<|im_start|>user\n<tool_response>\nr\n</tool_response><|im_end|>\n"
            "<|im_start|>assistant\n<think>\nso\n</think>\n\ntwo<|im_end|>\n");
  // An answer without reasoning gets an empty block only in the last turn.
  EXPECT_EQ(render({user("A"), assistant("one")}, thinking),
            "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\none<|im_end|>\n");
  EXPECT_EQ(render({user("A"), assistant("one"), tool("r")}, thinking),
            "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\none<|im_end|>\n"
            "<|im_start|>user\n<tool_response>\nr\n</tool_response><|im_end|>\n");
  // A user message that wraps a tool result is not a question.
  EXPECT_EQ(render({user("A"), assistant("one", {}, "why"), user("<tool_response>\nr\n</tool_response>")}, thinking),
            "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n<think>\nwhy\n</think>\n\none<|im_end|>\n"
            "<|im_start|>user\n<tool_response>\nr\n</tool_response><|im_end|>\n");
  // The Instruct template ignores reasoning.
  EXPECT_EQ(render({user("A"), assistant("<think>\nx\n</think>\n\none", {}, "why")}, {.add_generation_prompt = false}),
            "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n<think>\nx\n</think>\n\none<|im_end|>\n");
}

TEST(Qwen3VLTemplate, UserContentIsNeverTemplateText) {
  const Messages messages{Message::of(Role::system, "SYS"), user("USER"),
                          assistant("ANSWER", {{"NAME", "ARGS"}}, "THOUGHTS"), tool("RESULT")};
  for (const bool thinking : {false, true}) {
    std::string ours, theirs;
    for (const Segment& s :
         Qwen3VLTemplate::render(messages, std::vector<vlmt::Tool>{{"TOOL"}}, {.thinking = thinking})) {
      (s.kind == Segment::Kind::template_text ? ours : theirs) += s.text + ";";
    }
    EXPECT_EQ(theirs,
              thinking ? "SYS;TOOL;USER;THOUGHTS;ANSWER;NAME;ARGS;RESULT;" : "SYS;TOOL;USER;ANSWER;NAME;ARGS;RESULT;");
    for (const char* word : {"SYS", "USER", "ANSWER", "NAME", "ARGS", "THOUGHTS", "RESULT", "TOOL"}) {
      EXPECT_EQ(ours.find(word), std::string::npos) << word;
    }
  }
}

TEST(Qwen3VLTemplate, RefusesInvalidConversations) {
  const auto refused = [](const Messages& messages, const ChatOptions& options = {}) {
    EXPECT_THROW(Qwen3VLTemplate::render(messages, {}, options), vlmt::InputError);
  };
  refused({});
  refused({user("a"), Message::of(Role::system, "late")});
  EXPECT_EQ(render({user("a"), Message::of(Role::system, "late")}, {.add_generation_prompt = false, .thinking = true}),
            "<|im_start|>user\na<|im_end|>\n<|im_start|>system\nlate<|im_end|>\n");
  refused({{Role::system, {ContentPart::image()}, {}, {}}});
  refused({user("a"), {Role::assistant, {ContentPart::video()}, {}, {}}});
  refused({{Role::user, {}, "thoughts", {}}});
  refused({{Role::tool, {}, {}, {{"f", "{}"}}}});
}

TEST(Qwen3VLTemplate, VideosBecomeSlices) {
  const Messages messages{
      {Role::user, {ContentPart::of("x"), ContentPart::video(), ContentPart::image(), ContentPart::video()}, {}, {}}};
  const std::vector<Segment> segments = Qwen3VLTemplate::render(messages, {}, {.add_generation_prompt = false});
  const std::vector<std::vector<double>> times{{0.25, 1.3}, {}};
  EXPECT_EQ(shown(Qwen3VLTemplate::expand_videos(segments, times)),
            "<|im_start|>user\nx<0.2 seconds><|vision_start|>[0.0]<|vision_end|><1.3 "
            "seconds><|vision_start|>[0.1]<|vision_end|>"
            "<|vision_start|>{0}<|vision_end|><|im_end|>\n");
  const std::vector<std::vector<double>> one(1), three(3);
  EXPECT_THROW(Qwen3VLTemplate::expand_videos(segments, one), vlmt::InputError);
  EXPECT_THROW(Qwen3VLTemplate::expand_videos(segments, three), vlmt::InputError);
  // As many videos as times, but not of these.
  const std::vector<Segment> beyond{{.kind = Segment::Kind::video, .text = {}, .index = 5}};
  EXPECT_THROW(Qwen3VLTemplate::expand_videos(beyond, one), vlmt::InputError);
}

TEST(Qwen3VLTemplate, TimestampsRoundAsPythonDoes) {
  // As f"{t:.1f}": nearest to the binary value, exact ties to even.
  EXPECT_EQ(Qwen3VLTemplate::timestamp(0), "<0.0 seconds>");
  EXPECT_EQ(Qwen3VLTemplate::timestamp(0.25), "<0.2 seconds>");
  EXPECT_EQ(Qwen3VLTemplate::timestamp(0.75), "<0.8 seconds>");
  EXPECT_EQ(Qwen3VLTemplate::timestamp(0.35), "<0.3 seconds>");
  EXPECT_EQ(Qwen3VLTemplate::timestamp(1.0 / 3), "<0.3 seconds>");
  EXPECT_EQ(Qwen3VLTemplate::timestamp(3599.96), "<3600.0 seconds>");
  EXPECT_EQ(Qwen3VLTemplate::timestamp(1e9), "<1000000000.0 seconds>");
  for (const double bad :
       {-0.1, 2e9, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(Qwen3VLTemplate::timestamp(bad), vlmt::InputError);
  }
}

TEST(Qwen3VLTemplate, ThinkingIsTurnedOnAndOff) {
  using vlmt::Thinking;
  const std::string turn = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
  EXPECT_EQ(render({user("Hi")}, {.think = Thinking::on}), turn + "<think>\n");
  EXPECT_EQ(render({user("Hi")}, {.think = Thinking::off}), turn);
  EXPECT_EQ(render({user("Hi")}, {.thinking = true, .think = Thinking::on}), turn + "<think>\n");
  EXPECT_EQ(render({user("Hi")}, {.thinking = true, .think = Thinking::off}), turn + "<think>\n\n</think>\n\n");
  EXPECT_EQ(render({user("Hi")}, {.switchable = true}), turn);
  EXPECT_EQ(render({user("Hi")}, {.think = Thinking::off, .switchable = true}), turn + "<think>\n\n</think>\n\n");
}

using Variant = Qwen3VLTemplate::Variant;

/// The template of the bundled model, with some text replaced by other text wherever it is.
std::string edited_template(std::string_view from = {}, std::string_view to = {}) {
  std::ifstream file(VLMT_SOURCE_DIR "/examples/tiny_vlm/chat_template.jinja");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_FALSE(text.empty());
  if (from.empty()) return text;
  EXPECT_NE(text.find(from), std::string::npos) << from;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

constexpr std::string_view generation_prompt = "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n'";

/// The template of a thinking model: only its prompt opens thoughts.
std::string thinking_template(std::string_view opening = "<|im_start|>assistant\\n<think>\\n'") {
  return edited_template(generation_prompt, "{%- if add_generation_prompt %}\n    {{- '" + std::string(opening));
}

TEST(Qwen3VLTemplate, RecognisesTemplatesByWhatTheyRender) {
  const auto instruct = Qwen3VLTemplate::recognise(edited_template());
  EXPECT_EQ(instruct.variant, Variant::instruct) << instruct.reason;
  EXPECT_FALSE(instruct.thinks);
  EXPECT_TRUE(instruct.differences.empty());
  const auto thinks = Qwen3VLTemplate::recognise(thinking_template());
  EXPECT_EQ(thinks.variant, Variant::thinking) << thinks.reason;
  EXPECT_TRUE(thinks.thinks);
  EXPECT_FALSE(thinks.switches);
  // Bytes do not matter.
  for (const std::string& text :
       {"{# raise_exception, enable_thinking, You are a helpful assistant #}\n" + edited_template(),
        edited_template("'<|im_start|>assistant\\n'", "'<|im_start|>' ~ 'assistant' + '\\n'"),
        edited_template("\n", "\r\n"),
        edited_template(
            "{%- for message in messages %}",
            "{%- if not messages %}{{ raise_exception('none') }}{% endif %}{%- for message in messages %}")}) {
    const auto r = Qwen3VLTemplate::recognise(text);
    EXPECT_EQ(r.variant, Variant::instruct) << r.reason;
  }
}

TEST(Qwen3VLTemplate, RecognisesThinkingTemplatesThatWereEdited) {
  // Both turns of the past and the prompt open thoughts here: how long they are kept makes no other template.
  const std::string plain = edited_template("'<|im_start|>assistant\\n'", "'<|im_start|>assistant\\n<think>\\n'");
  std::string guarded = plain, joined = plain;
  guarded.replace(guarded.find("{%- if tools %}"), 15,
                  "{%- if not messages %}{{ raise_exception('no messages') }}{%- endif %}{%- if tools %}");
  for (std::size_t at = 0; (at = joined.find("assistant\\n<think>", at)) != std::string::npos; ++at) {
    joined.replace(at, 11, "assistant\\n' + '");
  }
  const std::string all[] = {plain,   "{#- Unsloth template fixes: raise_exception removed #}\n" + plain,
                             guarded, plain + "{#- enable_thinking is not used #}",
                             joined,  thinking_template("<|im_start|>assistant\\n' + '<think>\\n'")};
  for (const std::string& text : all) {
    const auto r = Qwen3VLTemplate::recognise(text);
    EXPECT_EQ(r.variant, Variant::thinking) << r.reason << "\n" << text;
    EXPECT_TRUE(r.thinks);
  }
}

TEST(Qwen3VLTemplate, TemplatesThatCanBeToldNotToThink) {
  const auto r = Qwen3VLTemplate::recognise(
      edited_template() +
      "{%- if add_generation_prompt and enable_thinking is defined and enable_thinking is false %}"
      "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}");
  EXPECT_EQ(r.variant, Variant::instruct) << r.reason;
  EXPECT_FALSE(r.thinks);
  EXPECT_TRUE(r.switches);
}

TEST(Qwen3VLTemplate, OtherTemplatesAreUnknownAndSayWhy) {
  const auto unknown = [](const std::string& text, const std::string& why, bool thinks = false) {
    const auto r = Qwen3VLTemplate::recognise(text);
    EXPECT_EQ(r.variant, Variant::unknown) << why;
    EXPECT_EQ(r.thinks, thinks) << r.reason;
    EXPECT_NE(r.reason.find(why), std::string::npos) << r.reason;
    EXPECT_EQ(r.reason.find('\n'), std::string::npos) << r.reason;
  };
  unknown("", "a question");
  unknown("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", "a question");
  unknown(
      edited_template("{%- if tools %}", "{{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}{%- if tools %}"),
      "You are");
  unknown(edited_template("'<|vision_start|><|image_pad|><|vision_end|>'", "'<image>'"), "an image");
  unknown(edited_template("'<|vision_start|><|video_pad|><|vision_end|>'", "''"), "a video");
  unknown(edited_template("said(message.content) + '<|im_end|>\\n'", "said(message.content) | trim + '<|im_end|>\\n'"),
          "a conversation");
  // A template of another family that opens thoughts gets the prompt that thinks.
  unknown("<s>{% for m in messages %}{{ m.content }}{% endfor %}[A]<think>\n", "a question", true);
  unknown(thinking_template("<|im_start|>assistant\\n<think>'"), "<think>", true);
  // What cannot be read or does not end.
  unknown(edited_template() + "\n{% if %}", "line 57");
  unknown("{% for m in messages %}\n{{ m.content", "'}}'");
  unknown("{{ raise_exception('no chat here') }}", "no chat here");
  unknown("{{ raise_exception('two\\nlines and \\x1b[2J') }}", "two lines and  [2J");
  unknown("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "line 1");
  unknown(std::string(1000000, '{'), "too long");
}

TEST(Qwen3VLTemplate, ToolsMayDiffer) {
  const auto r = Qwen3VLTemplate::recognise(edited_template("# Tools", "# My tools"));
  EXPECT_EQ(r.variant, Variant::instruct) << r.reason;
  EXPECT_EQ(r.differences, (std::vector<std::string>{"tools", "tool calls"}));
}

TEST(Qwen3VLTemplate, RecognisingIsQuick) {
  const std::string text = thinking_template();
  const auto start = std::chrono::steady_clock::now();
  Qwen3VLTemplate::recognise(text);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 1.0);
}

}  // namespace
