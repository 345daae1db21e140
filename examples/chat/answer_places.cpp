// See answer_places.hpp.
#include "answer_places.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include <vlmt/base/error.hpp>
#include <vlmt/io/draw_places.hpp>
#include <vlmt/io/stored_rect.hpp>
#include <vlmt/io/write_png.hpp>
#include <vlmt/text/places/find_places.hpp>
#include <vlmt/text/utf8.hpp>

namespace {

using Json = nlohmann::ordered_json;

std::string count_of(std::size_t n, const std::string& one) {
  return std::to_string(n) + " " + one + (n == 1 ? "" : one.ends_with('x') ? "es" : "s");
}

bool is_point(const PlaceOnImage& p) {
  return p.place.kind == vlmt::Place::Kind::point;
}

/// Whole coordinates without a decimal point.
Json number(double v) {
  return v == std::floor(v) ? Json(static_cast<std::int64_t>(v)) : Json(v);
}

/// A text in quotes on one line, cut after 80 bytes, for terminals.
std::string shown(const std::string& text) {
  std::string out = "\"";
  for (const char c : vlmt::to_valid_utf8(std::string_view(text).substr(0, 80))) {
    out += static_cast<unsigned char>(c) < ' ' || c == 127 ? '?' : c;
  }
  return out + (text.size() > 80 ? "...\"" : "\"");
}

Json pixels_json(const vlmt::PixelRect& r, bool point) {
  return point ? Json{r.x1, r.y1} : Json{r.x1, r.y1, r.x2, r.y2};
}

void add_point(Json& json, const std::string& name, const vlmt::gui::Point& p) {
  json[name] = {{"model", {number(p.model_x), number(p.model_y)}}, {"pixels", {p.x, p.y}}, {"clamped", p.clamped}};
}

/// The arguments of an action.
struct ArgumentsJson {
  Json& json;

  void operator()(const vlmt::gui::Click& a) const {
    constexpr std::array<const char*, 3> buttons = {"left", "right", "middle"};
    json["type"] = "click";
    json["button"] = buttons[static_cast<std::size_t>(a.button)];
    json["count"] = a.count;
    if (a.at) add_point(json, "at", *a.at);
  }
  void operator()(const vlmt::gui::LongPress& a) const {
    json["type"] = "long_press";
    add_point(json, "at", a.at);
    if (a.seconds) json["seconds"] = *a.seconds;
  }
  void operator()(const vlmt::gui::Move& a) const {
    json["type"] = "move";
    add_point(json, "to", a.to);
  }
  void operator()(const vlmt::gui::Drag& a) const {
    json["type"] = "drag";
    add_point(json, "to", a.to);
  }
  void operator()(const vlmt::gui::Swipe& a) const {
    json["type"] = "swipe";
    add_point(json, "from", a.from);
    add_point(json, "to", a.to);
  }
  void operator()(const vlmt::gui::Scroll& a) const {
    json["type"] = "scroll";
    json["amount"] = a.amount;
    json["horizontal"] = a.horizontal;
    if (a.at) add_point(json, "at", *a.at);
  }
  void operator()(const vlmt::gui::Type& a) const { text("type", a.text); }
  void operator()(const vlmt::gui::Keys& a) const {
    json["type"] = "keys";
    json["keys"] = a.keys;
  }
  void operator()(const vlmt::gui::System& a) const {
    constexpr std::array<const char*, 4> keys = {"back", "home", "menu", "enter"};
    json["type"] = "system";
    json["key"] = keys[static_cast<std::size_t>(a.key)];
  }
  void operator()(const vlmt::gui::Open& a) const { text("open", a.app); }
  void operator()(const vlmt::gui::Wait& a) const {
    json["type"] = "wait";
    json["seconds"] = a.seconds;
  }
  void operator()(const vlmt::gui::Answer& a) const { text("answer", a.text); }
  void operator()(const vlmt::gui::Interact& a) const { text("interact", a.text); }
  void operator()(const vlmt::gui::Done& a) const {
    json["type"] = "done";
    json["success"] = a.success;
  }

 private:
  void text(const char* type, const std::string& value) const {
    json["type"] = type;
    json["text"] = value;
  }
};

/// The points of an action, with what they are called on a drawing.
std::vector<vlmt::DrawnPlace> points_of(const vlmt::GuiCall& call) {
  std::vector<vlmt::DrawnPlace> out;
  const auto add = [&](const vlmt::gui::Point& p, const char* more = "") {
    out.push_back({{p.x, p.y, p.x + 1, p.y + 1}, true, call.name + more});
  };
  std::visit(
      [&](const auto& action) {
        if constexpr (requires { action.from; }) {
          add(action.from, " from");
          add(action.to, " to");
        } else if constexpr (requires { action.to; }) {
          add(action.to);
        } else if constexpr (requires { action.at.has_value(); }) {
          if (action.at) add(*action.at);
        } else if constexpr (requires { action.at; }) {
          add(action.at);
        }
      },
      call.action);
  return out;
}

void add_notes(std::vector<std::string>& notes, const vlmt::FoundPlaces& found) {
  if (found.cut) notes.emplace_back("the answer ends inside a list of places: the last may be missing");
  if (found.unreadable > 0) {
    notes.push_back(count_of(found.unreadable, "place") + " cannot be read: two or four coordinates are needed");
  }
  if (found.left_out > 0) {
    notes.push_back(count_of(found.left_out, "place") + " beyond the first " + std::to_string(vlmt::max_places) +
                    " left out");
  }
  if (found.too_long) {
    notes.push_back("only the first " + std::to_string(vlmt::max_answer_bytes) + " bytes of the answer were read");
  }
}

}  // namespace

AnswerPlaces places_of(const std::string& answer, std::span<const ShownImage> images, Coordinates coordinates) {
  AnswerPlaces out;
  if (images.empty()) return out;
  vlmt::FoundPlaces found = vlmt::find_places(answer);
  std::size_t clamped = 0, swapped = 0, unknown = 0;
  const auto frame_of = [&](const ShownImage& image) {
    return coordinates == Coordinates::relative ? vlmt::CoordinateFrame{}
                                                : vlmt::CoordinateFrame{static_cast<double>(image.resized_width),
                                                                        static_cast<double>(image.resized_height)};
  };
  for (vlmt::Place& place : found.places) {
    PlaceOnImage p;
    p.image = images.size() - 1;
    if (place.image) {
      const bool known = *place.image >= 1 && static_cast<std::size_t>(*place.image) <= images.size();
      if (known) p.image = static_cast<std::size_t>(*place.image) - 1;
      unknown += known ? 0 : 1;
    }
    const ShownImage& image = images[p.image];
    p.pixels = vlmt::to_pixels(place, frame_of(image), image.width, image.height);
    p.stored = vlmt::stored_rect(p.pixels.rect, image.width, image.height, image.orientation);
    p.turned = image.orientation > 1;
    clamped += p.pixels.clamped ? 1 : 0;
    swapped += p.pixels.swapped ? 1 : 0;
    p.place = std::move(place);
    out.places.push_back(std::move(p));
  }
  add_notes(out.notes, found);
  if (clamped > 0) out.notes.push_back(count_of(clamped, "place") + " clamped to the image");
  if (swapped > 0) out.notes.push_back(count_of(swapped, "place") + " with corners in another order: swapped");
  if (unknown > 0)
    out.notes.push_back(count_of(unknown, "place") + " of an image that is not there: taken as the last");
  const ShownImage& screen = images.back();
  vlmt::GuiScreen gui = {.width = screen.width, .height = screen.height};
  if (coordinates == Coordinates::resized) gui.computer = gui.mobile = frame_of(screen);
  try {
    out.actions = vlmt::find_gui_calls(answer, gui);
  } catch (const vlmt::Error& e) {
    out.notes.emplace_back(e.what());
  }
  return out;
}

Json places_json(const AnswerPlaces& found) {
  Json list = Json::array();
  for (const PlaceOnImage& p : found.places) {
    const bool point = is_point(p);
    Json json = {{"kind", point ? "point" : "box"}, {"label", p.place.label}, {"image", p.image + 1}};
    const auto& m = p.place.model;
    json["model"] =
        point ? Json{number(m[0]), number(m[1])} : Json{number(m[0]), number(m[1]), number(m[2]), number(m[3])};
    json["pixels"] = pixels_json(p.pixels.rect, point);
    if (p.turned) json["stored_pixels"] = pixels_json(p.stored, point);
    json["clamped"] = p.pixels.clamped;
    json["swapped"] = p.pixels.swapped;
    list.push_back(std::move(json));
  }
  return list;
}

Json actions_json(const AnswerPlaces& found) {
  Json list = Json::array();
  for (const vlmt::GuiCall& call : found.actions) {
    Json json = {{"action", call.name}};
    std::visit(ArgumentsJson{json}, call.action);
    list.push_back(std::move(json));
  }
  return list;
}

std::vector<std::string> draw_answer(const AnswerPlaces& found, std::span<const ShownImage> images,
                                     const std::string& path, const vlmt::ImageOptions& options) {
  std::vector<std::string> lines = found.notes;
  if (images.empty()) {
    lines.push_back("there is no image to draw on: " + path + " is not written");
    return lines;
  }
  const std::size_t chosen = found.places.empty() ? images.size() - 1 : found.places.front().image;
  std::vector<vlmt::DrawnPlace> drawn;
  std::size_t boxes = 0, others = 0;
  for (const PlaceOnImage& p : found.places) {
    if (p.image == chosen) {
      drawn.push_back({p.pixels.rect, is_point(p), p.place.label});
      boxes += is_point(p) ? 0 : 1;
    } else {
      ++others;
    }
  }
  for (const vlmt::GuiCall& call : found.actions) {
    std::vector<vlmt::DrawnPlace> points = points_of(call);
    if (chosen + 1 == images.size()) {
      std::move(points.begin(), points.end(), std::back_inserter(drawn));
    } else {
      others += points.size();
    }
  }
  if (drawn.empty()) {
    lines.push_back("the answer has no boxes or points: " + path + " is not written");
    return lines;
  }
  vlmt::Image image = images[chosen].source.image().decode(options);
  const std::vector<std::size_t> numbered = vlmt::draw_places(image, drawn);
  vlmt::write_png(image, path);
  const std::size_t points = drawn.size() - boxes;
  std::string line = path + ": ";
  if (boxes > 0) line += count_of(boxes, "box") + (points > 0 ? " and " : "");
  if (points > 0) line += count_of(points, "point");
  line += " on " + images[chosen].source.name;
  if (images.size() > 1) line += ", image " + std::to_string(chosen + 1) + " of " + std::to_string(images.size());
  if (drawn.size() > vlmt::max_drawn_places) {
    line += "; only the first " + std::to_string(vlmt::max_drawn_places) + " are drawn";
  }
  if (others > 0) line += "; " + std::to_string(others) + " on other images are not drawn";
  lines.push_back(std::move(line));
  constexpr std::size_t most_told = 20;
  for (std::size_t i = 0; i < std::min(numbered.size(), most_told); ++i) {
    lines.push_back("#" + std::to_string(numbered[i] + 1) + " is " + shown(drawn[numbered[i]].label));
  }
  if (numbered.size() > most_told) {
    lines.push_back("and " + std::to_string(numbered.size() - most_told) + " more that the font cannot write");
  }
  return lines;
}
