// Finds the calls of GUI tools in an answer: computer_use and mobile_use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/places/gui_action.hpp"
#include "vlmt/text/places/json_snippet.hpp"
#include "vlmt/text/places/place.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// The screenshot that an agent sees, in pixels, and the coordinates that its tools use.
struct GuiScreen {
  int width = 0;
  int height = 0;
  CoordinateFrame computer = {1000.0, 1000.0};
  CoordinateFrame mobile = {999.0, 999.0};  ///< as the tool's description by Qwen says: a screen of 999 x 999
};

/// An action, and where the answer has it.
struct GuiCall {
  gui::Action action;
  std::string name;        ///< as the answer has it: "left_click"
  std::size_t offset = 0;  ///< byte of the answer at which the call begins
};

inline constexpr std::size_t max_gui_calls = 1'000;

/// The calls of computer_use and mobile_use, in order. They are read from <tool_call>{"name": ..., "arguments":
/// {"action": ...}}</tool_call>, from the same JSON without tags, and from the arguments alone; calls of other tools
/// are no GUI calls.
///
/// Throws InputError, with the offset and the text, for an unknown action, missing or wrong arguments, a call that the
/// answer cuts, and a <tool_call> that is not JSON; LimitError for more than max_gui_calls calls or more than
/// max_answer_bytes. An agent should do nothing of such an answer. Throws InputError for a screen without extent.
std::vector<GuiCall> find_gui_calls(std::string_view answer, const GuiScreen& screen);

#if VLMT_HAS_BODIES

namespace detail {

/// The arguments of one call.
class GuiArguments {
 public:
  GuiArguments(std::string_view text, const std::vector<JsonNode>& nodes, std::size_t object)
      : text_(text), nodes_(nodes), object_(object) {}

  std::size_t offset() const { return nodes_[object_].begin; }

  /// The value of a key; null if there is none.
  const JsonNode* find(std::string_view name) const {
    const JsonNode* found = nullptr;
    for_each_json_member(text_, nodes_, object_, [&](std::string_view key, std::size_t value) {
      if (key == name) found = &nodes_[value];
    });
    return found;
  }

  [[noreturn]] void refuse(std::string_view key, const std::string& expected) const {
    const JsonNode* value = find(key);
    const JsonNode& shown_node = value != nullptr ? *value : nodes_[object_];
    throw InputError(value != nullptr ? "cannot be read" : "is missing from the GUI call",
                     {.file = "answer",
                      .offset = shown_node.begin,
                      .field = std::string(key),
                      .expected = expected,
                      .found = shown(text_.substr(shown_node.begin, shown_node.end - shown_node.begin))});
  }

  std::string text(std::string_view key) const {
    const JsonNode* value = find(key);
    if (value == nullptr || value->kind != JsonNode::Kind::string) refuse(key, "a string");
    return json_string(text_, *value);
  }

  double number(std::string_view key, double least, double most) const {
    const JsonNode* value = find(key);
    const auto number = value != nullptr ? json_number(text_, *value) : std::nullopt;
    if (!number || *number < least || *number > most) {
      refuse(key, "a number from " + std::to_string(static_cast<std::int64_t>(least)) + " to " +
                      std::to_string(static_cast<std::int64_t>(most)));
    }
    return *number;
  }

  /// A list of strings, or one string.
  std::vector<std::string> texts(std::string_view key) const {
    const JsonNode* value = find(key);
    std::vector<std::string> out;
    if (value != nullptr && value->kind == JsonNode::Kind::array) {
      for_each_json_item(nodes_, index(value), [&](std::size_t i) {
        if (nodes_[i].kind != JsonNode::Kind::string) refuse(key, "a list of strings");
        out.push_back(json_string(text_, nodes_[i]));
      });
    } else {
      out.push_back(text(key));
    }
    if (out.empty()) refuse(key, "at least one");
    return out;
  }

  gui::Point point(std::string_view key, const CoordinateFrame& frame, const GuiScreen& screen) const {
    const JsonNode* value = find(key);
    std::vector<double> numbers;
    if (value != nullptr && value->kind == JsonNode::Kind::array) {
      for_each_json_item(nodes_, index(value), [&](std::size_t i) {
        if (const auto number = json_number(text_, nodes_[i])) numbers.push_back(*number);
      });
    }
    if (numbers.size() != 2 || nodes_[index(value)].next != index(value) + 3) refuse(key, "[x, y]");
    const Place place{.kind = Place::Kind::point,
                      .model = {numbers[0], numbers[1], numbers[0], numbers[1]},
                      .label = {},
                      .image = {},
                      .offset = value->begin};
    const PixelPlace pixel = to_pixels(place, frame, screen.width, screen.height);
    return {pixel.rect.x1, pixel.rect.y1, numbers[0], numbers[1], pixel.clamped};
  }

 private:
  std::size_t index(const JsonNode* node) const { return static_cast<std::size_t>(node - nodes_.data()); }

  std::string_view text_;
  const std::vector<JsonNode>& nodes_;
  std::size_t object_;
};

/// A row for each action: how to read it.
struct GuiReader {
  std::string_view name;
  bool mobile;  ///< only mobile_use has it
  gui::Action (*read)(const GuiArguments&, const CoordinateFrame&, const GuiScreen&);
};

inline std::optional<gui::Point> gui_pointer(const GuiArguments& a, const CoordinateFrame& frame,
                                             const GuiScreen& screen) {
  return a.find("coordinate") != nullptr ? std::optional(a.point("coordinate", frame, screen)) : std::nullopt;
}

template <gui::Button B, int Count>
gui::Action read_click(const GuiArguments& a, const CoordinateFrame& f, const GuiScreen& s) {
  return gui::Click{gui_pointer(a, f, s), B, Count};
}

template <class A>
gui::Action read_point(const GuiArguments& a, const CoordinateFrame& f, const GuiScreen& s) {
  return A{a.point("coordinate", f, s)};
}

template <class A>
gui::Action read_text(const GuiArguments& a, const CoordinateFrame&, const GuiScreen&) {
  return A{a.text("text")};
}

template <bool Horizontal>
gui::Action read_scroll(const GuiArguments& a, const CoordinateFrame& f, const GuiScreen& s) {
  return gui::Scroll{gui_pointer(a, f, s), a.number("pixels", -1e6, 1e6), Horizontal};
}

inline gui::Action read_done(const GuiArguments& a, const CoordinateFrame&, const GuiScreen&) {
  const std::string status = a.find("status") != nullptr ? a.text("status") : "success";
  if (status != "success" && status != "failure") a.refuse("status", "success or failure");
  return gui::Done{status == "success"};
}

inline gui::Action read_system_key(const GuiArguments& a, const CoordinateFrame&, const GuiScreen&) {
  constexpr std::array<std::string_view, 4> names = {"Back", "Home", "Menu", "Enter"};
  const std::string button = a.text("button");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (button == names[i]) return gui::System{static_cast<gui::SystemKey>(i)};
  }
  a.refuse("button", "Back, Home, Menu or Enter");
}

// A minute is long for a screen to settle; a day bounds what an answer can ask for.
inline constexpr double max_gui_seconds = 86'400.0;

inline constexpr GuiReader gui_readers[] = {
    {"click", true, read_point<gui::Click>},
    {"left_click", false, read_click<gui::Button::left, 1>},
    {"right_click", false, read_click<gui::Button::right, 1>},
    {"middle_click", false, read_click<gui::Button::middle, 1>},
    {"double_click", false, read_click<gui::Button::left, 2>},
    {"triple_click", false, read_click<gui::Button::left, 3>},
    {"left_click_drag", false, read_point<gui::Drag>},
    {"mouse_move", false, read_point<gui::Move>},
    {"long_press", true,
     [](const GuiArguments& a, const CoordinateFrame& f, const GuiScreen& s) -> gui::Action {
       gui::LongPress press{a.point("coordinate", f, s), {}};
       if (a.find("time") != nullptr) press.seconds = a.number("time", 0.0, max_gui_seconds);
       return press;
     }},
    {"swipe", true,
     [](const GuiArguments& a, const CoordinateFrame& f, const GuiScreen& s) -> gui::Action {
       return gui::Swipe{a.point("coordinate", f, s), a.point("coordinate2", f, s)};
     }},
    {"scroll", false, read_scroll<false>},
    {"hscroll", false, read_scroll<true>},
    {"type", false, read_text<gui::Type>},
    {"key", false,
     [](const GuiArguments& a, const CoordinateFrame&, const GuiScreen&) -> gui::Action {
       return gui::Keys{a.texts(a.find("keys") == nullptr && a.find("text") != nullptr ? "text" : "keys")};
     }},
    {"system_button", true, read_system_key},
    {"open", true, read_text<gui::Open>},
    {"wait", false,
     [](const GuiArguments& a, const CoordinateFrame&, const GuiScreen&) -> gui::Action {
       return gui::Wait{a.number("time", 0.0, max_gui_seconds)};
     }},
    {"answer", false, read_text<gui::Answer>},
    {"interact", false, read_text<gui::Interact>},
    {"terminate", false, read_done},
    {"done", false, read_done},
};

class GuiCallFinder {
 public:
  GuiCallFinder(std::string_view answer, const GuiScreen& screen) : text_(answer), screen_(screen) {
    if (answer.size() > max_answer_bytes) {
      throw LimitError("the answer is too long", {.file = "answer",
                                                  .expected = "at most " + std::to_string(max_answer_bytes) + " bytes",
                                                  .found = std::to_string(answer.size())});
    }
    for (const CoordinateFrame* frame : {&screen.computer, &screen.mobile}) {
      check_frame(*frame, screen.width, screen.height);
    }
  }

  std::vector<GuiCall> find() {
    for (std::size_t at = 0; (at = text_.find_first_of("{[<", at)) != std::string_view::npos;) {
      if (text_[at] != '<') {
        at = json(at, false);
      } else if (!text_.substr(at).starts_with(tool_call)) {
        ++at;
      } else {
        const std::size_t value = text_.find_first_not_of(" \t\r\n", at + tool_call.size());
        if (value == std::string_view::npos) refuse("ends within a tool call", at);
        if (text_[value] != '{') refuse("has a tool call that is no JSON object", at);
        at = json(value, true);
      }
    }
    return std::move(calls_);
  }

 private:
  static constexpr std::string_view tool_call = "<tool_call>";

  [[noreturn]] void refuse(const std::string& message, std::size_t at) const {
    throw InputError(message, {.file = "answer", .offset = at, .found = shown(text_.substr(at))});
  }

  std::size_t json(std::size_t at, bool tagged) {
    const JsonSnippet snippet = read_json_snippet(text_, at);
    if (tagged && snippet.state == JsonSnippet::State::broken) refuse("has a tool call that is not JSON", at);
    for (std::size_t i = 0; i < snippet.nodes.size();) {
      const JsonNode& node = snippet.nodes[i];
      const bool taken = node.kind == JsonNode::Kind::object && node.whole && object(snippet.nodes, i);
      i = taken ? node.next : i + 1;
    }
    if (snippet.state == JsonSnippet::State::cut) {
      bool named = tagged;
      for (const JsonNode& node : snippet.nodes) {
        const std::string_view key = text_.substr(node.begin, node.end - node.begin);
        named |= node.kind == JsonNode::Kind::key && (key == "action" || key == "arguments");
      }
      if (named) refuse("ends within a tool call", at);
    }
    return snippet.end;
  }

  // True if the object is the call of a tool.
  bool object(const std::vector<JsonNode>& nodes, std::size_t i) {
    const GuiArguments outer(text_, nodes, i);
    const JsonNode* name = outer.find("name");
    const JsonNode* arguments = outer.find("arguments");
    if (name != nullptr && name->kind == JsonNode::Kind::string && arguments != nullptr &&
        arguments->kind == JsonNode::Kind::object) {
      const std::string tool = json_string(text_, *name);
      if (tool == "computer_use" || tool == "mobile_use") {
        call(GuiArguments(text_, nodes, static_cast<std::size_t>(arguments - nodes.data())), outer.offset(),
             tool == "mobile_use");
      }
      return true;
    }
    const JsonNode* action = outer.find("action");
    if (action == nullptr || action->kind != JsonNode::Kind::string) return false;
    call(outer, outer.offset(), std::nullopt);
    return true;
  }

  void call(const GuiArguments& arguments, std::size_t offset, std::optional<bool> mobile) {
    if (calls_.size() == max_gui_calls) {
      throw LimitError("has too many GUI calls",
                       {.file = "answer", .offset = offset, .expected = "at most " + std::to_string(max_gui_calls)});
    }
    const std::string name = arguments.text("action");
    std::string known;
    for (const GuiReader& reader : gui_readers) {
      if (reader.name == name) {
        const CoordinateFrame& frame = mobile.value_or(reader.mobile) ? screen_.mobile : screen_.computer;
        calls_.push_back({reader.read(arguments, frame, screen_), name, offset});
        return;
      }
      known += (known.empty() ? "" : ", ") + std::string(reader.name);
    }
    arguments.refuse("action", "one of " + known);
  }

  std::string_view text_;
  const GuiScreen& screen_;
  std::vector<GuiCall> calls_;
};

}  // namespace detail

VLMT_BODY std::vector<GuiCall> find_gui_calls(std::string_view answer, const GuiScreen& screen) {
  return detail::GuiCallFinder(answer, screen).find();
}

#endif

VLMT_END_NAMESPACE
