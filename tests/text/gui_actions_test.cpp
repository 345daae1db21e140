// Calls of GUI tools in answers: each action, the forms of calls, and what is refused.
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/text/places/find_actions.hpp"

namespace vlmt::gui_actions_test {
namespace {

constexpr GuiScreen screen = {.width = 1920, .height = 1080};

std::string call(const std::string& arguments, const std::string& tool = "computer_use") {
  return "<tool_call>\n{\"name\": \"" + tool + "\", \"arguments\": " + arguments + "}\n</tool_call>";
}

template <class A>
A only(const std::string& arguments, const std::string& tool = "computer_use") {
  const std::vector<GuiCall> calls = find_gui_calls(call(arguments, tool), screen);
  EXPECT_EQ(calls.size(), 1u) << arguments;
  if (calls.size() != 1 || !std::holds_alternative<A>(calls[0].action)) {
    ADD_FAILURE() << arguments;
    return {};
  }
  EXPECT_EQ(calls[0].offset, 12u);
  return std::get<A>(calls[0].action);
}

void expect_at(const gui::Point& p, int x, int y) {
  EXPECT_EQ(p.x, x);
  EXPECT_EQ(p.y, y);
}

/// The message of the refusal; empty if the answer is accepted.
std::string refusal(const std::string& answer) {
  try {
    find_gui_calls(answer, screen);
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

TEST(FindGuiCalls, ReadsEachActionOfComputers) {
  struct Case {
    const char* name;
    gui::Button button;
    int count;
  };
  for (const Case& c : {Case{"left_click", gui::Button::left, 1}, Case{"right_click", gui::Button::right, 1},
                        Case{"middle_click", gui::Button::middle, 1}, Case{"double_click", gui::Button::left, 2},
                        Case{"triple_click", gui::Button::left, 3}}) {
    const auto click = only<gui::Click>("{\"action\": \"" + std::string(c.name) + "\", \"coordinate\": [500, 250.0]}");
    EXPECT_EQ(click.button, c.button);
    EXPECT_EQ(click.count, c.count);
    ASSERT_TRUE(click.at);
    expect_at(*click.at, 960, 270);
    EXPECT_EQ(click.at->model_x, 500.0);
    EXPECT_EQ(click.at->model_y, 250.0);
    EXPECT_FALSE(click.at->clamped);
  }
  EXPECT_FALSE(only<gui::Click>(R"({"action": "left_click"})").at);
  expect_at(only<gui::Move>(R"({"action": "mouse_move", "coordinate": [1000, 1000]})").to, 1919, 1079);
  expect_at(only<gui::Drag>(R"({"action": "left_click_drag", "coordinate": [0, 0]})").to, 0, 0);
  const auto scroll = only<gui::Scroll>(R"({"action": "scroll", "pixels": -300, "coordinate": [10, 20]})");
  EXPECT_EQ(scroll.amount, -300.0);
  EXPECT_FALSE(scroll.horizontal);
  expect_at(scroll.at.value(), 19, 21);
  EXPECT_TRUE(only<gui::Scroll>(R"({"action": "hscroll", "pixels": 5})").horizontal);
  EXPECT_EQ(only<gui::Type>(R"({"action": "type", "text": "a\nb \"c\""})").text, "a\nb \"c\"");
  EXPECT_EQ(only<gui::Keys>(R"({"action": "key", "keys": ["ctrl", "c"]})").keys,
            (std::vector<std::string>{"ctrl", "c"}));
  EXPECT_EQ(only<gui::Keys>(R"({"action": "key", "text": "enter"})").keys, std::vector<std::string>{"enter"});
  EXPECT_EQ(only<gui::Wait>(R"({"action": "wait", "time": 2.5})").seconds, 2.5);
  EXPECT_EQ(only<gui::Answer>(R"({"action": "answer", "text": "42"})").text, "42");
  EXPECT_EQ(only<gui::Interact>(R"({"action": "interact", "text": "Log in, please."})").text, "Log in, please.");
  EXPECT_TRUE(only<gui::Done>(R"({"action": "terminate", "status": "success"})").success);
  EXPECT_FALSE(only<gui::Done>(R"({"action": "terminate", "status": "failure"})").success);
  EXPECT_TRUE(only<gui::Done>(R"({"action": "done"})").success);
}

TEST(FindGuiCalls, ReadsEachActionOfPhones) {
  const auto click = only<gui::Click>(R"({"action": "click", "coordinate": [935, 406]})", "mobile_use");
  expect_at(click.at.value(), 1796, 438);  // of 999 x 999
  expect_at(only<gui::Click>(R"({"action": "click", "coordinate": [999, 999]})", "mobile_use").at.value(), 1919, 1079);
  const auto press =
      only<gui::LongPress>(R"({"action": "long_press", "coordinate": [0, 999], "time": 2})", "mobile_use");
  expect_at(press.at, 0, 1079);
  EXPECT_EQ(press.seconds, 2.0);
  const auto swipe =
      only<gui::Swipe>(R"({"action": "swipe", "coordinate": [0, 999], "coordinate2": [999, 0]})", "mobile_use");
  expect_at(swipe.from, 0, 1079);
  expect_at(swipe.to, 1919, 0);
  EXPECT_EQ(only<gui::System>(R"({"action": "system_button", "button": "Home"})", "mobile_use").key,
            gui::SystemKey::home);
  EXPECT_EQ(only<gui::Open>(R"({"action": "open", "text": "Clock"})", "mobile_use").app, "Clock");
}

TEST(FindGuiCalls, ReadsCallsInTheirForms) {
  const std::string bare = R"({"name": "computer_use", "arguments": {"action": "wait", "time": 1}})";
  for (const std::string& answer : {bare, "Thought: I wait.\nAction: " + bare, "```json\n[" + bare + "]\n```",
                                    std::string(R"({"action": "wait", "time": 1})"), "<tool_call>" + bare,
                                    "<tool_call>\n" + bare + "</tool_call>"}) {
    const auto calls = find_gui_calls(answer, screen);
    ASSERT_EQ(calls.size(), 1u) << answer;
    EXPECT_EQ(calls[0].name, "wait");
    EXPECT_EQ(calls[0].offset, answer.find('{'));
  }
  EXPECT_EQ(
      find_gui_calls(call(R"({"action": "wait", "time": 1})") + "\n" + call(R"({"action": "done"})"), screen).size(),
      2u);
  // A click without a tool's name is one of a phone, as computers have left_click.
  EXPECT_EQ(std::get<gui::Click>(find_gui_calls(R"({"action": "click", "coordinate": [999, 0]})", screen)[0].action)
                .at->clamped,
            false);
  for (const char* none : {"", "No action.", R"([{"bbox_2d": [1, 2, 3, 4], "label": "a"}])", R"({"action": 3})",
                           R"({"name": "search", "arguments": {"action": "left_click"}})"}) {
    EXPECT_TRUE(find_gui_calls(none, screen).empty()) << none;
  }
  EXPECT_TRUE(find_gui_calls(call(R"({"query": "cats"})", "search"), screen).empty());
}

TEST(FindGuiCalls, ClampsAndTells) {
  const auto click = only<gui::Click>(R"({"action": "left_click", "coordinate": [1e30, -4]})");
  expect_at(click.at.value(), 1919, 0);
  EXPECT_TRUE(click.at->clamped);
  // Pixels of the resized screenshot.
  GuiScreen resized = screen;
  resized.computer = {960, 540};
  const auto calls = find_gui_calls(call(R"({"action": "left_click", "coordinate": [480, 270]})"), resized);
  expect_at(std::get<gui::Click>(calls.at(0).action).at.value(), 960, 540);
}

TEST(FindGuiCalls, RefusesWithTheTextAndItsPlace) {
  const std::string unknown = refusal(call(R"({"action": "fly", "coordinate": [1, 2]})"));
  EXPECT_NE(unknown.find("answer: offset 62: `action`: cannot be read (expected one of click, left_click"),
            std::string::npos)
      << unknown;
  EXPECT_NE(unknown.find("found \"fly\")"), std::string::npos) << unknown;
  struct Case {
    const char* arguments;
    const char* says;
  };
  for (const Case& c :
       {Case{R"({"action": "click"})", "`coordinate`: is missing from the GUI call (expected [x, y]"},
        Case{R"({"action": "left_click", "coordinate": [1]})", "found \"[1]\""},
        Case{R"({"action": "left_click", "coordinate": [1, 2, 3]})", "expected [x, y]"},
        Case{R"({"action": "left_click", "coordinate": [1, "2"]})", "expected [x, y]"},
        Case{R"({"action": "left_click", "coordinate": "1, 2"})", "expected [x, y]"},
        Case{R"({"action": "left_click", "coordinate": null})", "expected [x, y]"},
        Case{R"({"action": "scroll", "pixels": "many"})", "a number from -1000000 to 1000000"},
        Case{R"({"action": "scroll"})", "`pixels`: is missing"},
        Case{R"({"action": "wait", "time": 1e300})", "a number from 0 to 86400"},
        Case{R"({"action": "wait", "time": -1})", "a number from 0 to 86400"},
        Case{R"({"action": "type"})", "`text`: is missing"}, Case{R"({"action": "key", "keys": []})", "at least one"},
        Case{R"({"action": "key", "keys": [1]})", "a list of strings"},
        Case{R"({"action": "key"})", "`keys`: is missing"},
        Case{R"({"action": "terminate", "status": "maybe"})", "success or failure"},
        Case{R"({"action": "system_button", "button": "Power"})", "Back, Home, Menu or Enter"},
        Case{R"({"action": 5})", "`action`: cannot be read"}, Case{R"({})", "`action`: is missing"}}) {
    const std::string message = refusal(call(c.arguments));
    EXPECT_NE(message.find(c.says), std::string::npos) << c.arguments << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  EXPECT_NE(refusal("<tool_call>left_click(1, 2)</tool_call>").find("offset 0: has a tool call that is no JSON object"),
            std::string::npos);
  EXPECT_NE(refusal("<tool_call>{\"name\" 1}").find("that is not JSON"), std::string::npos);
}

// An agent must not act on half a call.
TEST(FindGuiCalls, RefusesEveryCutCall) {
  const std::string answer = call(R"({"action": "type", "text": "rm -r /tmp/a"})");
  const std::size_t whole = answer.rfind('}') + 1;
  for (std::size_t n = answer.find("{"); n < answer.size(); ++n) {
    EXPECT_EQ(refusal(answer.substr(0, n)).empty(), n >= whole) << answer.substr(0, n);
  }
  EXPECT_NE(refusal(R"({"action": "type", "text": "a)").find("ends within"), std::string::npos);
}

TEST(FindGuiCalls, BoundsHostileAnswers) {
  std::string many;
  for (std::size_t i = 0; i <= max_gui_calls; ++i) many += R"({"action": "done"})";
  EXPECT_NE(refusal(many).find("has too many GUI calls"), std::string::npos);
  EXPECT_NE(refusal(std::string(max_answer_bytes + 1, ' ')).find("too long"), std::string::npos);
  EXPECT_NE(refusal("<tool_call>" + std::string(100000, '{')).find("not JSON"), std::string::npos);
  EXPECT_EQ(refusal(std::string(1000000, '[')), "");
  std::mt19937 random(3);
  const std::string sound = call(R"({"action": "swipe", "coordinate": [1, 2], "coordinate2": [3, 4]})", "mobile_use");
  const std::string_view special = "{}[]<>\"'\\,:0-.e\n \xFF";
  for (int round = 0; round < 20000; ++round) {
    std::string answer = sound;
    for (int change = 0; change < 1 + round % 4; ++change) {
      answer[random() % answer.size()] = special[random() % special.size()];
    }
    const std::string message = refusal(answer);
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  EXPECT_THROW(find_gui_calls("", {.width = 0, .height = 10}), InputError);
}

}  // namespace
}  // namespace vlmt::gui_actions_test
