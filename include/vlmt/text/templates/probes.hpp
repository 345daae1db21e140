// Small conversations by which the chat template of a file is recognised: what it makes of them is compared with what
// the code of a family does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/chat.hpp"
#include "vlmt/text/jinja/python_text.hpp"
#include "vlmt/text/jinja/template.hpp"
#include "vlmt/text/reasoning.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

struct TemplateProbe {
  std::string_view name;   ///< what it asks for, in messages
  bool essential = false;  ///< a template that differs here is another one
  std::vector<Message> messages;
  std::vector<Tool> tools = {};
  ChatOptions options = {};
};

/// Arguments of all tool calls of probes.
inline constexpr std::string_view probe_arguments = R"({"x": 1})";

inline std::vector<TemplateProbe> template_probes() {
  const auto user = [](std::string text) { return Message::of(Role::user, std::move(text)); };
  const auto assistant = [](std::string text, std::optional<std::string> reasoning = {}) {
    return Message{Role::assistant, {ContentPart::of(std::move(text))}, std::move(reasoning), {}};
  };
  const Message system = Message::of(Role::system, "Say little.");
  const Message call{Role::assistant, {ContentPart::of("")}, {}, {{"f", std::string(probe_arguments)}}};
  const Message result = Message::of(Role::tool, "result");
  const Message image{Role::user, {ContentPart::image(), ContentPart::of("What is it?"), ContentPart::image()}, {}, {}};
  const Message video{Role::user, {ContentPart::video(), ContentPart::of("What is it?")}, {}, {}};
  const ChatOptions no_prompt{.add_generation_prompt = false}, numbered{.add_vision_id = true};
  const std::vector<Tool> tools{{R"({"type": "function", "function": {"name": "f"}})"}};
  return {
      {"a question", true, {user("Why?")}},
      {"a system message", true, {system, user("Why?")}},
      {"a conversation", true, {system, user("Why?"), assistant("So."), user(" Really? ")}},
      {"a conversation without an answer to come", true, {user("Why?"), assistant("So."), user("Ah.")}, {}, no_prompt},
      {"an image", true, {image}},
      {"a video", true, {video}},
      {"thoughts of earlier turns", true, {user("Why?"), assistant("So.", "Hm."), user("Ah.")}},
      {"numbered images", false, {image, assistant("So."), video}, {}, numbered},
      {"tools", false, {system, user("Why?")}, tools},
      {"tool calls", false, {user("Why?"), call, result, result}, tools}};
}

/// The variables that transformers gives to a template for a probe. `enable_thinking` is set if given.
inline jinja::Template::Variables probe_variables(jinja::Heap& heap, const TemplateProbe& probe,
                                                  std::optional<bool> enable_thinking = {}) {
  using jinja::Value;
  using Items = std::vector<std::pair<Value, Value>>;
  const auto text = [](std::string_view t) { return Value(t); };
  std::vector<Value> messages;
  for (const Message& m : probe.messages) {
    Items message{{text("role"), text(role_name(m.role))}};
    if (m.parts.size() == 1 && m.parts[0].kind == ContentPart::Kind::text) {
      message.emplace_back(text("content"), text(m.parts[0].text));
    } else {
      std::vector<Value> parts;
      for (const ContentPart& p : m.parts) {
        if (p.kind == ContentPart::Kind::text) {
          parts.push_back(heap.dict({{text("type"), text("text")}, {text("text"), text(p.text)}}));
        } else {
          parts.push_back(heap.dict({{text("type"), text(p.kind == ContentPart::Kind::image ? "image" : "video")}}));
        }
      }
      message.emplace_back(text("content"), heap.list(std::move(parts)));
    }
    if (m.reasoning) message.emplace_back(text("reasoning_content"), text(*m.reasoning));
    std::vector<Value> calls;
    for (const ToolCall& call : m.tool_calls) {
      const Value arguments = heap.dict({{text("x"), std::int64_t{1}}});
      const Value function = heap.dict({{text("name"), text(call.name)}, {text("arguments"), arguments}});
      calls.push_back(heap.dict({{text("type"), text("function")}, {text("function"), function}}));
    }
    if (!calls.empty()) message.emplace_back(text("tool_calls"), heap.list(std::move(calls)));
    messages.push_back(heap.dict(std::move(message)));
  }
  jinja::Template::Variables out{{"messages", heap.list(std::move(messages))},
                                 {"add_generation_prompt", probe.options.add_generation_prompt},
                                 {"add_vision_id", probe.options.add_vision_id},
                                 {"bos_token", text("")},
                                 {"eos_token", text("<|im_end|>")}};
  if (!probe.tools.empty()) {
    const Value function = heap.dict({{text("name"), text("f")}});
    const Value tool = heap.dict({{text("type"), text("function")}, {text("function"), function}});
    out.emplace_back("tools", heap.list({tool}));
  }
  if (enable_thinking) out.emplace_back("enable_thinking", *enable_thinking);
  return out;
}

/// What a template makes of a probe. Limits are small: a model opens in a few milliseconds whatever its template is.
inline std::string render_probe(const jinja::Template& source, const TemplateProbe& probe,
                                std::optional<bool> enable_thinking = {}) {
  jinja::Limits limits;
  limits.steps = 100'000;
  limits.output_bytes = std::size_t{64} << 10;
  limits.memory_bytes = std::size_t{4} << 20;
  jinja::Heap heap(limits);
  std::tm now = {};  // any day: it must only be the same one every time
  now.tm_year = 125;
  now.tm_mday = 1;
  return source.render(heap, probe_variables(heap, probe, enable_thinking), now);
}

/// What segments are in the text of a template.
inline std::string segments_text(std::span<const Segment> segments, std::string_view image, std::string_view video) {
  std::string out;
  for (const Segment& s : segments) {
    if (s.is_text()) {
      out += s.text;
    } else {
      out += s.kind == Segment::Kind::image ? image : video;
    }
  }
  return out;
}

/// The text without thoughts and their tags: families keep them in turns of the past for different lengths of time.
inline std::string without_thoughts(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t begin = text.find(think_begin);
    out += text.substr(0, begin);
    if (begin == std::string_view::npos) return out;
    text.remove_prefix(begin + think_begin.size());
    const std::size_t end = text.find(think_end);
    // A block that does not end in its turn is the tag alone.
    if (end < text.find("<|im_")) text.remove_prefix(end + think_end.size());
    while (text.starts_with('\n')) text.remove_prefix(1);
  }
}

/// A message that may hold text of a template, fit for a terminal.
inline std::string one_line(std::string_view message) {
  std::string out = to_valid_utf8(message.substr(0, 500));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

/// The first place where two texts differ, for messages.
inline std::string first_difference(std::string_view expected, std::string_view found) {
  std::size_t at = 0;
  while (at < expected.size() && at < found.size() && expected[at] == found[at]) ++at;
  const auto around = [&](std::string_view text) {
    jinja::Heap heap;
    jinja::Writer writer(heap);
    const std::string part = to_valid_utf8(text.substr(std::min(at < 8 ? 0 : at - 8, text.size()), 32));
    writer.repr(std::string_view(part));
    return writer.take();
  };
  return around(found) + " in place of " + around(expected);
}

VLMT_END_NAMESPACE
