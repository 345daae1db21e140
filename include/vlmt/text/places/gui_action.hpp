// What an agent does to a screen, as types: clicks, keys, text and others, at pixels of the screenshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace gui {

/// A point of the screenshot.
struct Point {
  int x = 0;  ///< pixel of the upright screenshot
  int y = 0;
  double model_x = 0.0;  ///< as the answer has it
  double model_y = 0.0;
  bool clamped = false;  ///< it was outside of the screenshot
};

enum class Button : std::uint8_t { left, right, middle };
enum class SystemKey : std::uint8_t { back, home, menu, enter };

/// Without `at`, where the pointer is.
struct Click {
  std::optional<Point> at;
  Button button = Button::left;
  int count = 1;  ///< 2: double click, 3: triple click
};
struct LongPress {
  Point at;
  std::optional<double> seconds;
};
/// Moves the pointer.
struct Move {
  Point to;
};
/// With the left button held, from where the pointer is.
struct Drag {
  Point to;
};
struct Swipe {
  Point from;
  Point to;
};
/// Turns the wheel: positive is up, or to the right if it is horizontal.
struct Scroll {
  std::optional<Point> at;
  double amount = 0.0;  ///< as the answer has it
  bool horizontal = false;
};
struct Type {
  std::string text;
};
/// Keys that are pressed together, in order: {"ctrl", "c"}.
struct Keys {
  std::vector<std::string> keys;
};
struct System {
  SystemKey key = SystemKey::back;
};
/// Opens the app of this name.
struct Open {
  std::string app;
};
struct Wait {
  double seconds = 0.0;
};
/// The answer to the user's question.
struct Answer {
  std::string text;
};
/// Asks the user to do something.
struct Interact {
  std::string text;
};
/// The task is over.
struct Done {
  bool success = true;
};

using Action =
    std::variant<Click, LongPress, Move, Drag, Swipe, Scroll, Type, Keys, System, Open, Wait, Answer, Interact, Done>;

}  // namespace gui

VLMT_END_NAMESPACE
