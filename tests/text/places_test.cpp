// Boxes and points in answers: the forms in which models write them, damaged and hostile ones, and pixels.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/text/places/find_places.hpp"
#include "vlmt/text/places/json_snippet.hpp"
#include "vlmt/text/places/place.hpp"
#include "vlmt/text/utf8.hpp"

namespace vlmt::places_test {
namespace {

// "box 1 2 3 4 label; point 5 6" for short comparisons.
std::string shown(const FoundPlaces& found) {
  std::string out;
  for (const Place& p : found.places) {
    const bool point = p.kind == Place::Kind::point;
    out += (out.empty() ? "" : "; ") + std::string(point ? "point" : "box");
    for (std::size_t i = 0; i < (point ? 2 : 4); ++i) {
      char text[32];
      std::snprintf(text, sizeof text, " %g", p.model[i]);
      out += text;
    }
    if (!p.label.empty()) out += " " + p.label;
    if (p.image) out += " @" + std::to_string(*p.image);
  }
  if (found.cut) out += " (cut)";
  if (found.unreadable > 0) out += " (unreadable " + std::to_string(found.unreadable) + ")";
  if (found.left_out > 0) out += " (left out " + std::to_string(found.left_out) + ")";
  return out;
}
std::string places(std::string_view answer) {
  return shown(find_places(answer));
}

TEST(FindPlaces, ReadsJsonAsModelsWriteIt) {
  const std::string two =
      R"([{"bbox_2d": [23, 680, 327, 796], "label": "Flool"}, {"point_2d": [5, 6.5], "label": "dot"}])";
  const std::string expected = "box 23 680 327 796 Flool; point 5 6.5 dot";
  EXPECT_EQ(places(two), expected);
  EXPECT_EQ(places("```json\n" + two + "\n```"), expected);
  EXPECT_EQ(places("```\n" + two + "\n```"), expected);
  EXPECT_EQ(places("Here [1] they {are}, all \"two:\n```json\n" + two + "\n```\nIs it ] fine?"), expected);
  EXPECT_EQ(places(R"({"bbox_2d": [1,2,3,4]})"), "box 1 2 3 4");
  EXPECT_EQ(places("{\"bbox_2d\": [1,2,3,4]}\n{\"bbox_2d\": [5,6,7,8]}"), "box 1 2 3 4; box 5 6 7 8");
  EXPECT_EQ(places(R"({"objects": {"cats": [{"box": 1, "bbox": [1, 2, 3, 4], "name": "cat"}]}})"), "box 1 2 3 4 cat");
  EXPECT_EQ(places(R"([{'bbox_2d': [1, 2, 3, 4], 'label': 'a "b"', 'score': None, 'ok': True},])"),
            "box 1 2 3 4 a \"b\"");
  EXPECT_EQ(places(R"([{"bbox_2d": [[1, 2], [3, 4]]}, {"bbox_2d": [[1,2,3,4],[5,6,7,8]], "label": "both"}])"),
            "box 1 2 3 4; box 1 2 3 4 both; box 5 6 7 8 both");
  EXPECT_EQ(places(R"({"points": [{"point": [1, 2]}, {"point_2d": [[3, 4], [5, 6]]}]})"),
            "point 1 2; point 3 4; point 5 6");
  EXPECT_EQ(places("[]"), "");
  EXPECT_EQ(places(R"([{"bbox_2d": [], "label": "none"}])"), "");
  EXPECT_EQ(find_places("ab {\"bbox_2d\": [1,2,3,4]}").places.at(0).offset, 3u);
}

TEST(FindPlaces, PicksLabelsAndImages) {
  EXPECT_EQ(places(R"({"category": "c", "bbox_2d": [1,2,3,4], "text_content": "t", "name": "n"})"), "box 1 2 3 4 t");
  EXPECT_EQ(places(R"({"bbox_2d": [1,2,3,4], "label": 7})"), "box 1 2 3 4");
  EXPECT_EQ(places(R"({"bbox_2d": [1,2,3,4], "label": "\u82f9\u679c \ud83d\ude00 \"q\"\n"})"),
            "box 1 2 3 4 \xE8\x8B\xB9\xE6\x9E\x9C \xF0\x9F\x98\x80 \"q\"\n");
  EXPECT_EQ(places(R"({"bbox_2d": [1,2,3,4], "label": "\ud83d \u00"})"), "box 1 2 3 4 \xEF\xBF\xBD u00");
  EXPECT_EQ(places(R"({"bbox_2d": [1,2,3,4], "image": 2})"), "box 1 2 3 4 @2");
  EXPECT_EQ(places(R"({"bbox_2d": [1,2,3,4], "image": "image 3"})"), "box 1 2 3 4 @3");
  EXPECT_EQ(places(R"({"bbox_2d": [1,2,3,4], "image_index": 999999999999999999999})"), "box 1 2 3 4 @1000000000");
  EXPECT_EQ(places(R"({"bbox_2d": [1,2,3,4], "image": "photo.jpg"})"), "box 1 2 3 4");
  const auto found = find_places(R"({"bbox_2d": [1,2,3,4], "label": ")" + std::string(5000, 'x') + "\"}");
  EXPECT_EQ(found.places.at(0).label.size(), max_label_bytes);
}

// Every prefix of an answer: the places that are whole are kept, and that others are missing is told.
TEST(FindPlaces, KeepsWhatIsWholeOfCutAnswers) {
  const std::string answer =
      "```json\n[\n\t{\"bbox_2d\": [1, 2, 3, 4], \"label\": \"a } ]\"},\n\t{\"bbox_2d\": [5, 6, 7, 8], \"label\": "
      "\"b\"}\n]\n```";
  const std::size_t first = answer.find("},") + 1;
  const std::size_t second = answer.find("\n]");
  const std::size_t closed = answer.find("\n]") + 2;
  const std::size_t key = answer.find("bbox_2d\"") + 8;
  for (std::size_t n = 0; n <= answer.size(); ++n) {
    const auto found = find_places(answer.substr(0, n));
    SCOPED_TRACE(answer.substr(0, n));
    EXPECT_EQ(found.places.size(), n < first ? 0u : n < second ? 1u : 2u);
    EXPECT_EQ(found.cut, n >= key && n < closed);
    EXPECT_EQ(found.unreadable, 0u);
  }
  EXPECT_EQ(places(R"({"a": {"bbox_2d": [1,2,3,4]}, "b": [{"bbox_2d": [5,6,7,8]}, {"bbox_2d": [1)"),
            "box 1 2 3 4; box 5 6 7 8 (cut)");
  EXPECT_EQ(places("An answer that ends with [a list"), "");
}

TEST(FindPlaces, GoesOnAfterWhatIsBroken) {
  EXPECT_EQ(places(R"([{"bbox_2d": [1,2,3,4], "label": "12" screen"}, {"bbox_2d": [5,6,7,8]}])"), "box 5 6 7 8");
  EXPECT_EQ(places("[{\"bbox_2d\": [1,2,3,4], \"label\": \"open},\n{\"bbox_2d\": [5,6,7,8]}]"), "box 5 6 7 8");
  EXPECT_EQ(places(R"([{"bbox_2d": [1,2,3,4]} {"bbox_2d": [5,6,7,8]}])"), "box 1 2 3 4; box 5 6 7 8");
  EXPECT_EQ(places(R"([{"bbox_2d": [1,2,3,4]}, {"bbox_2d": [1,2,3]}, {"bbox_2d": "none"}, {"bbox_2d": [1,2,"a",4]}])"),
            "box 1 2 3 4 (unreadable 3)");
  EXPECT_EQ(places(R"({"bbox_2d": [1,2,3,nan]} {"bbox_2d": [1,2,3,--4]} {"bbox_2d": [1,2,3,1.2.3]})"),
            " (unreadable 2)");
  EXPECT_EQ(places(R"({"box_2d": [1,2,3,4]})"), "") << "Gemini's order of coordinates is another one";
}

TEST(FindPlaces, BoundsNumbers) {
  EXPECT_EQ(places(R"({"bbox_2d": [-1e999, 1e999, 1e-999, 123456789012345678901234567890]})"),
            "box -1e+09 1e+09 0 1e+09");
  const std::string zeros(1000, '0'), nines(100000, '9');
  EXPECT_EQ(places("{\"point_2d\": [-0." + zeros + "1, -" + nines + "]}"), "point 0 -1e+09");
  EXPECT_EQ(places(R"({"point_2d": [+5, .5]})"), "point 5 0.5");
}

TEST(FindPlaces, ReadsTags) {
  EXPECT_EQ(places("<|object_ref_start|>the cat<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|> and "
                   "<|box_start|>(5, 6), (7, 8)<|box_end|>"),
            "box 1 2 3 4 the cat; box 5 6 7 8 the cat");
  EXPECT_EQ(places("<ref>dog</ref><box>(1,2),(3,4)</box>"), "box 1 2 3 4 dog");
  EXPECT_EQ(places("<|point_start|>(1,2)<|point_end|>"), "point 1 2");
  EXPECT_EQ(places("<points x1=\"10.5\" y1=\"20\" x2='30' y2='40' alt=\"a = b\">eyes</points>"),
            "point 10.5 20 a = b; point 30 40 a = b");
  EXPECT_EQ(places("<point x=\"1\" y=\"2\" alt=\"nose\">nose</point>"), "point 1 2 nose");
  EXPECT_EQ(places("<|box_start|>(1,2),(3,4)<|box_end|><|box_start|>(5,6"), "box 1 2 3 4 (cut)");
  EXPECT_EQ(places("<|box_start|>(1,2),(3,4)<|box_e"), " (cut)");
  EXPECT_EQ(places("<points x1=\"1\" y1=\"2\" x2=\"3"), " (cut)");
  EXPECT_EQ(places("<|box_start|>(1,2),(3)<|box_end|>"), " (unreadable 1)");
  EXPECT_EQ(places("<point x=\"a\" y=\"2\">"), " (unreadable 1)");
  EXPECT_EQ(places("a < b <box> c <i>(1,2),(3,4)</i>"), "");
}

TEST(FindPlaces, ReadsPlainListsWhereNothingElseIsMeant) {
  EXPECT_EQ(places("(1, 2)"), "point 1 2");
  EXPECT_EQ(places(" (1,2), (3,4)\n"), "point 1 2; point 3 4");
  EXPECT_EQ(places("[(1,2), (3,4)]"), "point 1 2; point 3 4");
  EXPECT_EQ(places("```json\n[[1, 2], [3, 4]]\n```"), "point 1 2; point 3 4");
  EXPECT_EQ(places("[1, 2, 3, 4]"), "box 1 2 3 4");
  EXPECT_EQ(places("[[1, 2, 3, 4], [5, 6, 7, 8]]"), "box 1 2 3 4; box 5 6 7 8");
  EXPECT_EQ(places("[[1, 2, 3, 4], [5, 6"), "box 1 2 3 4 (cut)");
  for (const char* none : {"", "12", "1, 2", "[1, 2]", "[1, 2, 3]", "(1, 2, 3, 4, 5)", "in (1, 2)", "(1, 2) and so on",
                           "(1, (2, 3))", "(1 2", ")(", "((((", "[1,2,3,4]]", "- (1, 2)", "f(1, 2)", "``````", "```"}) {
    EXPECT_EQ(places(none), "") << none;
  }
  EXPECT_EQ(find_places("```\n(1, 2)\n```").places.at(0).offset, 4u);
}

// Time and memory in proportion to the answer, whatever it is.
TEST(FindPlaces, HostileAnswersAreBounded) {
  const auto repeated = [](std::string_view unit, std::size_t n) {
    std::string out;
    while (out.size() < n) out += unit;
    return out;
  };
  constexpr std::size_t size = std::size_t{1} << 20;
  const auto start = std::chrono::steady_clock::now();
  for (const char* unit : {"[",
                           "{",
                           "{\"a\":",
                           "[{\"bbox_2d\":[",
                           "<",
                           "<points ",
                           "<box>",
                           "<points x=",
                           "=",
                           "\"",
                           "\\",
                           "(",
                           "(1,2),",
                           "[1,2,3,4],",
                           "{\"a\":[{\"bbox_2d\":[1,2,3,4]},",
                           "1",
                           "<points x1='1' y1='2' ",
                           "```",
                           "{'",
                           "\xFF",
                           "\n",
                           "{\"bbox_2d\": [1, 2, 3, 4], \"label\": \"a\"}"}) {
    const std::string body = repeated(unit, size);
    for (const std::string& answer :
         {body, "[" + body, body + "]", "<points x1=" + body + ">", "{\"bbox_2d\":" + body}) {
      const auto found = find_places(answer);
      EXPECT_LE(found.places.size(), max_places) << unit;
    }
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 60.0) << "110 answers of 1 MiB";

  const std::string million = repeated("{\"bbox_2d\": [1,2,3,4]},", 23'000'000);
  const auto found = find_places("[" + million + "]");
  EXPECT_EQ(found.places.size(), max_places);
  EXPECT_TRUE(found.too_long);
  EXPECT_EQ(found.left_out, max_answer_bytes / 23 - max_places);
}

// Random bytes, and random changes of a sound answer.
TEST(FindPlaces, AnyBytesAreAnAnswer) {
  std::mt19937 random(7);
  const std::string sound =
      "```json\n[{\"bbox_2d\": [1, 2, 3, 4], \"label\": \"\\u82f9\xE8\x8B\xB9\"}]```<points x1=\"1\" y1=\"2\" alt='a'>"
      "<|box_start|>(1,2),(3,4)<|box_end|>";
  const std::string_view special = "{}[]()<>\"'\\,:=`0-.eE\n u\xFF\x80";
  for (int round = 0; round < 20000; ++round) {
    std::string answer = sound;
    for (int change = 0; change < 1 + round % 8; ++change) {
      const std::size_t at = random() % answer.size();
      switch (random() % 3) {
        case 0:
          answer[at] = special[random() % special.size()];
          break;
        case 1:
          answer.erase(at, 1 + random() % 4);
          break;
        default:
          answer.insert(at, 1, static_cast<char>(random()));
      }
      if (answer.empty()) answer = "{";
    }
    for (const Place& place : find_places(answer).places) {
      EXPECT_TRUE(is_valid_utf8(place.label));
      for (const double v : place.model) EXPECT_LE(std::abs(v), 1e9);
      EXPECT_LT(place.offset, answer.size());
    }
  }
}

Place box(double x1, double y1, double x2, double y2) {
  return {.kind = Place::Kind::box, .model = {x1, y1, x2, y2}, .label = {}, .image = {}, .offset = 0};
}
Place point(double x, double y) {
  return {.kind = Place::Kind::point, .model = {x, y, x, y}, .label = {}, .image = {}, .offset = 0};
}

TEST(ToPixels, OrdersAndClamps) {
  const CoordinateFrame frame;
  EXPECT_EQ(to_pixels(box(0, 0, 1000, 1000), frame, 640, 480).rect, (PixelRect{0, 0, 640, 480}));
  EXPECT_EQ(to_pixels(box(250, 500, 500, 750), frame, 640, 480).rect, (PixelRect{160, 240, 320, 360}));
  const PixelPlace swapped = to_pixels(box(500, 500, 250, 750), frame, 640, 480);
  EXPECT_EQ(swapped.rect, (PixelRect{160, 240, 320, 360}));
  EXPECT_TRUE(swapped.swapped);
  EXPECT_FALSE(swapped.clamped);
  const PixelPlace outside = to_pixels(box(-1e9, 500, 1e9, 1001), frame, 640, 480);
  EXPECT_EQ(outside.rect, (PixelRect{0, 240, 640, 480}));
  EXPECT_TRUE(outside.clamped);
  EXPECT_FALSE(outside.swapped);
  // Edges are rounded to nearest, points lie in their pixel.
  EXPECT_EQ(to_pixels(box(334, 336, 664, 666), frame, 100, 100).rect, (PixelRect{33, 34, 66, 67}));
  EXPECT_EQ(to_pixels(point(339, 330), frame, 100, 100).rect, (PixelRect{33, 33, 34, 34}));
  // At least one pixel, and within the image.
  EXPECT_EQ(to_pixels(box(1000, 1000, 1000, 1000), frame, 640, 480).rect, (PixelRect{639, 479, 640, 480}));
  EXPECT_EQ(to_pixels(box(5000, 5, 6000, 5), frame, 1, 1).rect, (PixelRect{0, 0, 1, 1}));
  EXPECT_EQ(to_pixels(point(1000, 0), frame, 640, 480).rect, (PixelRect{639, 0, 640, 1}));
  EXPECT_FALSE(to_pixels(point(1000, 0), frame, 640, 480).clamped);
  EXPECT_EQ(to_pixels(point(500, 999.9), frame, 640, 480).rect, (PixelRect{320, 479, 321, 480}));
  EXPECT_TRUE(to_pixels(point(500, -0.1), frame, 640, 480).clamped);
  // Pixels of the resized image.
  EXPECT_EQ(to_pixels(box(32, 32, 64, 96), {128, 96}, 400, 300).rect, (PixelRect{100, 100, 200, 300}));
}

TEST(ToPixels, RefusesImagesAndFramesWithoutExtent) {
  for (const CoordinateFrame frame :
       {CoordinateFrame{0, 1}, CoordinateFrame{1, -1}, CoordinateFrame{NAN, 1}, CoordinateFrame{1, INFINITY}}) {
    EXPECT_THROW(to_pixels(point(1, 1), frame, 10, 10), InputError);
    EXPECT_THROW(to_model({0, 0, 1, 1}, frame, 10, 10), InputError);
  }
  EXPECT_THROW(to_pixels(point(1, 1), {}, 0, 10), InputError);
  EXPECT_THROW(to_pixels(point(1, 1), {}, 10, -1), InputError);
}

}  // namespace
}  // namespace vlmt::places_test
