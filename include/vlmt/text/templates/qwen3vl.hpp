// The chat templates of Qwen3-VL (Instruct and Thinking) as code. A template in a model file is rendered for a few
// probe conversations, in a sandbox, to recognise it; conversations of users are always rendered by this code.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/chat.hpp"
#include "vlmt/text/reasoning.hpp"

#if VLMT_HAS_BODIES
#include "vlmt/text/templates/probes.hpp"
#endif

VLMT_BEGIN_NAMESPACE

/// Renders conversations for Qwen3-VL. Source: chat templates of Qwen3-VL-Instruct and Qwen3-VL-Thinking.
struct Qwen3VLTemplate {
  static constexpr std::string_view vision_start = "<|vision_start|>";
  static constexpr std::string_view vision_end = "<|vision_end|>";
  static constexpr std::string_view image_pad = "<|image_pad|>";
  static constexpr std::string_view video_pad = "<|video_pad|>";

  /// Recognised template of a model file.
  enum class Variant : std::uint8_t { unknown, instruct, thinking };

  /// The conversation as segments. An image becomes vision_start, Segment image, vision_end; a video becomes one
  /// Segment video, to be replaced by expand_videos. Throws InputError for conversations that the template cannot
  /// express.
  static std::vector<Segment> render(std::span<const Message> messages, std::span<const Tool> tools = {},
                                     const ChatOptions& options = {});

  /// Replaces video k with one group per time slice: "<1.5 seconds>", vision_start, Segment (video, k, slice),
  /// vision_end. slice_seconds[k][slice] is in seconds. Throws InputError if the number of videos differs from
  /// slice_seconds.size(), if a video has an index beyond it, and as timestamp().
  static std::vector<Segment> expand_videos(std::span<const Segment> segments,
                                            std::span<const std::vector<double>> slice_seconds);

  /// "<1.5 seconds>": one decimal, exact ties to even (as in Python), independent of the locale. Throws InputError if
  /// the time is negative, not finite or above 1e9 seconds.
  static std::string timestamp(double seconds);

  /// What a template was recognised as.
  struct Recognition {
    Variant variant = Variant::unknown;
    bool thinks = false;    ///< its generation prompt opens a block of thoughts; may be true for unknown templates
    bool switches = false;  ///< it adds an empty block of thoughts if enable_thinking is false
    std::string reason;     ///< why the template is unknown, in one line
    std::vector<std::string> differences;  ///< names of the probes that it renders differently from this code
  };

  /// Recognises a template by what it renders: its output for the essential probes must equal that of render(). Tools,
  /// numbered images, and how long thoughts are kept may differ. Throws nothing but std::bad_alloc.
  static Recognition recognise(std::string_view jinja);

 private:
  static void check(std::span<const Message> messages, const ChatOptions& options) {
    const auto refuse = [](std::size_t i, const char* message) {
      throw InputError(
          message,
          {.file = {}, .offset = {}, .field = "messages[" + std::to_string(i) + "]", .expected = {}, .found = {}});
    };
    if (messages.empty()) {
      throw InputError("the conversation is empty",
                       {.file = {}, .offset = {}, .field = "messages", .expected = {}, .found = {}});
    }
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const Message& m = messages[i];
      const bool assistant = m.role == Role::assistant;
      if (!assistant && !m.tool_calls.empty()) refuse(i, "only the assistant calls tools");
      if (!assistant && m.reasoning) refuse(i, "only the assistant has reasoning");
      // The Instruct template would silently drop it.
      if (m.role == Role::system && i != 0 && !options.thinking) refuse(i, "the system message must come first");
      if (m.role == Role::user || m.role == Role::tool) continue;
      for (const ContentPart& part : m.parts) {
        if (part.kind != ContentPart::Kind::text) refuse(i, "only user and tool messages may hold images and videos");
      }
    }
  }

  static std::string text_of(const Message& message) {
    std::string text;
    for (const ContentPart& part : message.parts) text += part.text;
    return text;
  }

  struct Renderer {
    std::span<const Message> messages;
    const ChatOptions& options;
    SegmentBuilder out;
    std::size_t images = 0, videos = 0;

    void system_block(std::span<const Tool> tools) {
      const bool system = messages[0].role == Role::system;
      if (!system && tools.empty()) return;
      out.ours("<|im_start|>system\n");
      if (system) out.theirs(text_of(messages[0]));
      if (!tools.empty()) {
        if (system) out.ours("\n\n");
        out.ours(
            "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with "
            "function "
            "signatures within <tools></tools> XML tags:\n<tools>");
        for (const Tool& tool : tools) {
          out.ours("\n");
          out.theirs(tool.json);
        }
        out.ours(
            "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
            "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
            "<args-json-object>}\n</tool_call>");
      }
      out.ours("<|im_end|>\n");
    }

    // The last user message that does not wrap a tool result; the last message if there is none.
    std::size_t last_query() const {
      for (std::size_t i = messages.size(); i-- > 0;) {
        if (messages[i].role != Role::user) continue;
        std::string content;
        for (const ContentPart& part : messages[i].parts) {
          content += part.kind == ContentPart::Kind::text ? std::string_view(part.text) : vision_start;
        }
        const bool wrapped = content.starts_with("<tool_response>") && content.ends_with("</tool_response>");
        if (!wrapped) return i;
      }
      return messages.size() - 1;
    }

    void message(std::size_t i, std::size_t query) {
      const Message& m = messages[i];
      switch (m.role) {
        case Role::system:
          if (i == 0) return;  // in the system block
          [[fallthrough]];
        case Role::user:
          out.ours("<|im_start|>" + std::string(role_name(m.role)) + "\n");
          parts(m);
          out.ours("<|im_end|>\n");
          return;
        case Role::assistant:
          return assistant(i, query);
        case Role::tool:
          // Consecutive results share one user block.
          if (i == 0 || messages[i - 1].role != Role::tool) out.ours("<|im_start|>user");
          out.ours("\n<tool_response>\n");
          parts(m);
          out.ours("\n</tool_response>");
          if (i + 1 == messages.size() || messages[i + 1].role != Role::tool) out.ours("<|im_end|>\n");
          return;
      }
    }

    void parts(const Message& m) {
      for (const ContentPart& part : m.parts) {
        switch (part.kind) {
          case ContentPart::Kind::text:
            out.theirs(part.text);
            break;
          case ContentPart::Kind::image:
            if (options.add_vision_id) out.ours("Picture " + std::to_string(images + 1) + ": ");
            out.ours(vision_start);
            out.media(Segment::Kind::image, images++);
            out.ours(vision_end);
            break;
          case ContentPart::Kind::video:
            if (options.add_vision_id) out.ours("Video " + std::to_string(videos + 1) + ": ");
            out.media(Segment::Kind::video, videos++);
            break;
        }
      }
    }

    void assistant(std::size_t i, std::size_t query) {
      const Message& m = messages[i];
      SplitOutput turn{m.reasoning.value_or(""), text_of(m)};
      if (options.thinking && !m.reasoning) turn = split_reasoning(turn.answer);
      out.ours("<|im_start|>assistant\n");
      // Reasoning is kept only after the last question. An empty block is rendered only in the last message.
      if (options.thinking && i > query && (i + 1 == messages.size() || !turn.reasoning.empty())) {
        out.ours("<think>\n");
        out.theirs(strip(turn.reasoning, true));
        out.ours("\n</think>\n\n");
        out.theirs(strip(turn.answer, false));
      } else {
        out.theirs(turn.answer);
      }
      for (std::size_t call = 0; call < m.tool_calls.size(); ++call) {
        if (call != 0 || !turn.answer.empty()) out.ours("\n");
        out.ours("<tool_call>\n{\"name\": \"");
        out.theirs(m.tool_calls[call].name);
        out.ours("\", \"arguments\": ");
        out.theirs(m.tool_calls[call].arguments);
        out.ours("}\n</tool_call>");
      }
      out.ours("<|im_end|>\n");
    }

    // Removes leading line feeds, and trailing ones if `both`.
    static std::string_view strip(std::string_view text, bool both) {
      while (text.starts_with('\n')) text.remove_prefix(1);
      while (both && text.ends_with('\n')) text.remove_suffix(1);
      return text;
    }
  };
};

#if VLMT_HAS_BODIES

VLMT_BODY std::vector<Segment> Qwen3VLTemplate::render(std::span<const Message> messages, std::span<const Tool> tools,
                                                       const ChatOptions& options) {
  check(messages, options);
  Renderer r{.messages = messages, .options = options, .out = {}};
  r.system_block(tools);
  const std::size_t query = r.last_query();
  for (std::size_t i = 0; i < messages.size(); ++i) r.message(i, query);
  if (options.add_generation_prompt) {
    r.out.ours("<|im_start|>assistant\n");
    const bool off = options.think == Thinking::off;
    if (options.think == Thinking::on || (options.thinking && !off)) r.out.ours("<think>\n");
    if (off && (options.thinking || options.switchable)) r.out.ours("<think>\n\n</think>\n\n");
  }
  return r.out.finish();
}

VLMT_BODY std::vector<Segment> Qwen3VLTemplate::expand_videos(std::span<const Segment> segments,
                                                              std::span<const std::vector<double>> slice_seconds) {
  SegmentBuilder out;
  std::size_t videos = 0;
  for (const Segment& segment : segments) {
    if (segment.is_text()) {
      out.text(segment.kind, segment.text);
      continue;
    }
    if (segment.kind != Segment::Kind::video) {
      out.media(segment.kind, segment.index);
      continue;
    }
    ++videos;
    if (segment.index >= slice_seconds.size()) {
      videos = slice_seconds.size() + 1;
      break;
    }
    const std::vector<double>& times = slice_seconds[segment.index];
    for (std::size_t slice = 0; slice < times.size(); ++slice) {
      out.ours(timestamp(times[slice]));
      out.ours(vision_start);
      out.media(Segment::Kind::video, segment.index, slice);
      out.ours(vision_end);
    }
  }
  if (videos != slice_seconds.size()) {
    throw InputError("the number of videos does not match the placeholders",
                     {.file = {},
                      .offset = {},
                      .field = "video",
                      .expected = std::to_string(slice_seconds.size()),
                      .found = videos > slice_seconds.size() ? "more" : std::to_string(videos)});
  }
  return out.finish();
}

VLMT_BODY std::string Qwen3VLTemplate::timestamp(double seconds) {
  if (!(seconds >= 0 && seconds <= 1e9)) {
    throw InputError(
        "the video time is out of range",
        {.file = {}, .offset = {}, .field = "video", .expected = "0 to 1e9 seconds", .found = std::to_string(seconds)});
  }
  std::array<char, 32> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), seconds, std::chars_format::fixed, 1).ptr;
  return "<" + std::string(buffer.data(), end) + " seconds>";
}

VLMT_BODY Qwen3VLTemplate::Recognition Qwen3VLTemplate::recognise(std::string_view jinja) {
  Recognition found;
  const auto ours = [](const TemplateProbe& probe, bool thinking) {
    ChatOptions options = probe.options;
    options.thinking = thinking;
    const std::string video = std::string(vision_start) + std::string(video_pad) + std::string(vision_end);
    return segments_text(render(probe.messages, probe.tools, options), image_pad, video);
  };
  const std::vector<TemplateProbe> probes = template_probes();
  try {
    const auto source = jinja::Template::parse(jinja);
    const std::string question = render_probe(source, probes[0]);
    found.thinks = opens_thoughts(question);
    found.switches = !found.thinks && render_probe(source, probes[0], false).ends_with("<think>\n\n</think>\n\n");
    for (const TemplateProbe& probe : probes) {
      std::string theirs;
      try {
        theirs = &probe == &probes[0] ? question : render_probe(source, probe);
      } catch (const InputError& e) {
        if (probe.essential) throw InputError(std::string("for ") + std::string(probe.name) + ": " + e.what());
        found.differences.emplace_back(probe.name);
        continue;
      }
      const std::string wanted = ours(probe, found.thinks);
      if (theirs == wanted) continue;
      found.differences.emplace_back(probe.name);
      const bool but_for_thoughts = (found.thinks || found.switches) && &probe != &probes[0] &&
                                    without_thoughts(theirs) == without_thoughts(wanted);
      if (!probe.essential || but_for_thoughts) continue;
      found.reason = "it renders " + std::string(probe.name) + " with " + first_difference(wanted, theirs);
      return found;
    }
    found.variant = found.thinks ? Variant::thinking : Variant::instruct;
  } catch (const InputError& e) {
    found.reason = one_line(e.what());
  }
  return found;
}

#endif

VLMT_END_NAMESPACE
