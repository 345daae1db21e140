// vlmt-chat's boxes, points and GUI actions: with the bundled model, which answers with boxes, and with given answers.
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "vlmt/io/draw_places.hpp"
#include "vlmt/io/load_image.hpp"

#include "chat/answer_places.hpp"
#include "programs/run_program.hpp"

namespace places_program_test {
namespace {

using program_test::Outcome;
using program_test::parse_json;
using program_test::read_text;
using program_test::write_text;
using Strings = std::vector<std::string>;

const std::string models_folder = std::string(VLMT_SOURCE_DIR) + "/models/";
const std::string screen = models_folder + "samples/screen.png";
const std::string scene = models_folder + "samples/scene.png";
const std::string where = "Where is the \"Flool\" tab? Give the bbox as JSON.";

class PlacesProgram : public program_test::ProgramTest {
 protected:
  Outcome chat(Strings arguments, const std::string& input = {}) const {
    const Strings model = {"-m", models_folder + "tiny/tiny-Q8_0.gguf", "--mmproj",
                           models_folder + "tiny/mmproj-tiny-Q8_0.gguf", "--greedy"};
    arguments.insert(arguments.begin(), model.begin(), model.end());
    return run("vlmt-chat", arguments, input);
  }

  /// Expects the file to be `image` with one box of this label.
  static void expect_drawn(const std::string& file, const std::string& image, const vlmt::PixelRect& rect,
                           const std::string& label) {
    vlmt::Image expected = vlmt::load_image(image);
    vlmt::draw_places(expected, std::vector<vlmt::DrawnPlace>{{rect, false, label}});
    EXPECT_EQ(vlmt::load_image(file, {.strict = true}).rgb, expected.rgb);
  }
};

TEST_F(PlacesProgram, DrawsTheBoxOfAnAnswer) {
  const Outcome o = chat({"--json", "--image", screen, "--draw", path("out.png"), where});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.err, "vlmt-chat: " + path("out.png") + ": 1 box on " + screen + "\n");
  const auto report = parse_json(o.out);
  ASSERT_EQ(report["places"].size(), 1u) << o.out;
  const auto& place = report["places"][0];
  EXPECT_EQ(place["kind"], "box");
  EXPECT_EQ(place["label"], "Flool");
  EXPECT_EQ(place["image"], 1);
  EXPECT_FALSE(place.contains("stored_pixels"));
  EXPECT_EQ(parse_json(report["text"].get<std::string>())[0]["bbox_2d"], place["model"]);
  EXPECT_EQ(report["actions"].size(), 0u);
  EXPECT_EQ(report["place_notes"].size(), 0u);
  const auto model = place["model"].get<std::vector<double>>();
  const auto pixels = place["pixels"].get<std::vector<int>>();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(model[i] / 1000.0 * (i % 2 == 0 ? 288 : 224), pixels[i], 0.51);
  expect_drawn(path("out.png"), screen, {pixels[0], pixels[1], pixels[2], pixels[3]}, "Flool");
  // As text: the answer alone on standard output; the same with the extent of the resized image, which is another one.
  const Outcome text = chat({"--image", screen, "--draw", path("text.png"), where});
  EXPECT_EQ(text.out, report["text"].get<std::string>() + "\n");
  EXPECT_EQ(read_text(path("text.png")), read_text(path("out.png")));
  const Outcome resized = chat({"--json", "--coordinates", "resized", "--image", screen, where});
  EXPECT_EQ(parse_json(resized.out)["places"][0]["clamped"], true) << resized.out;
}

TEST_F(PlacesProgram, TellsThatAnAnswerHasNone) {
  const Outcome o = chat({"--image", scene, "--draw", path("out.png"), "What do you see?"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.err, "vlmt-chat: the answer has no boxes or points: " + path("out.png") + " is not written\n");
  EXPECT_FALSE(std::filesystem::exists(path("out.png")));
  EXPECT_EQ(parse_json(chat({"--json", "Hi"}).out)["places"].size(), 0u);
}

TEST_F(PlacesProgram, RefusesFilesBeforeTheModelIsLoaded) {
  const auto refused = [&](const Strings& arguments, const std::string& says, int code = 1) {
    const Outcome o = chat(arguments);
    EXPECT_EQ(o.code, code) << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_NE(o.err.find(says), std::string::npos) << o.err;
  };
  refused({"--draw", path("out.png"), "Hi"}, "--draw needs an image");
  refused({"--draw", path("out.jpg"), "--image", screen, "Hi"}, "must end with .png", 2);
  refused({"--draw", path("out.png"), "--samples"}, "--samples cannot be combined", 2);
  refused({"--draw", path("none/out.png"), "--image", screen, "Hi"}, "cannot be created");
  std::filesystem::copy_file(screen, path("in.png"));
  std::filesystem::create_hard_link(path("in.png"), path("hard.png"));
  const std::string before = read_text(path("in.png"));
  refused({"--draw", path("hard.png"), "--image", path("in.png"), "Hi"}, "is also an input");
  ASSERT_EQ(mkfifo(path("fifo.png").c_str(), 0600), 0);
  refused({"--draw", path("fifo.png"), "--image", screen, "Hi"}, "found a FIFO");
  std::filesystem::create_directory(path("frames"));
  std::filesystem::copy_file(screen, path("frames/1.png"));
  refused({"--draw", path("frames/1.png"), "--image", screen, "--frames", path("frames"), "Hi"}, "is also an input");
  EXPECT_EQ(read_text(path("in.png")), before);
}

TEST_F(PlacesProgram, KeepsTheAnswerIfDrawingFails) {
  std::filesystem::create_directory(path("out.png.part"));
  const Outcome o = chat({"--json", "--image", screen, "--draw", path("out.png"), where});
  EXPECT_EQ(o.code, 1);
  EXPECT_TRUE(o.is_one_line_from("vlmt-chat")) << o.err;
  EXPECT_NE(o.err.find("out.png.part: cannot be created"), std::string::npos) << o.err;
  EXPECT_EQ(parse_json(o.out)["places"].size(), 1u) << o.out;
}

TEST_F(PlacesProgram, DrawsAfterEachAnswerOfAConversation) {
  std::filesystem::copy_file(screen, path("in.png"));
  // The third question has no image of its own.
  const std::string two = "/image " + scene + " " + path("in.png") + " " + where;
  const Outcome o =
      chat({"-i", "--draw", path("out.png")}, where + "\n/image " + path("in.png") + " " + where + "\n" + where +
                                                  "\n/reset\n" + two + "\n/reset\n" + where + "\n");
  EXPECT_EQ(o.code, 0) << o.err;
  const std::string none = "vlmt-chat: there is no image to draw on: " + path("out.png") + " is not written\n";
  const std::string line = "vlmt-chat: " + path("out.png") + ": 1 box on " + path("in.png");
  EXPECT_EQ(o.err, none + line + "\n" + line + "\n" + line + ", image 2 of 2\n" + none);

  // An image that is attached later is not overwritten either.
  const std::string before = read_text(path("in.png"));
  const Outcome refused = chat({"-i", "--draw", path("in.png")}, "/image " + path("in.png") + " " + where + "\n");
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("is also an input"), std::string::npos) << refused.err;
  EXPECT_EQ(read_text(path("in.png")), before);
}

std::vector<ShownImage> shown(int n, int orientation = 1) {
  std::vector<ShownImage> images;
  for (int i = 0; i < n; ++i) {
    images.push_back(
        {{i == 0 ? screen : scene, nullptr}, i == 0 ? 288 : 256, i == 0 ? 224 : 192, 144, 112, orientation});
  }
  return images;
}

TEST(AnswerPlaces, BelongToTheImageThatTheyName) {
  const std::string answer =
      R"([{"bbox_2d": [0, 0, 500, 500], "image": 1}, {"point_2d": [500, 500]}, {"point_2d": [1, 1], "image": 3}])";
  const auto images = shown(2);
  const AnswerPlaces found = places_of(answer, images, Coordinates::relative);
  const auto json = places_json(found);
  EXPECT_EQ(json[0]["image"], 1);
  EXPECT_EQ(json[0]["pixels"], (nlohmann::json{0, 0, 144, 112}));
  EXPECT_EQ(json[1]["image"], 2);
  EXPECT_EQ(json[1]["pixels"], (nlohmann::json{128, 96}));
  EXPECT_EQ(json[2]["image"], 2);
  EXPECT_EQ(found.notes, Strings{"1 place of an image that is not there: taken as the last"});
  const auto resized = places_json(places_of(answer, shown(1), Coordinates::resized));
  EXPECT_EQ(resized[0]["pixels"], (nlohmann::json{0, 0, 288, 224}));
  EXPECT_EQ(resized[0]["clamped"], true);
}

TEST(AnswerPlaces, HavePixelsAsStored) {
  const auto found = places_of(R"([{"bbox_2d": [0, 0, 500, 250], "label": "a"}])", shown(1, 6), Coordinates::relative);
  const auto json = places_json(found);
  EXPECT_EQ(json[0]["pixels"], (nlohmann::json{0, 0, 144, 56}));
  EXPECT_EQ(json[0]["stored_pixels"], (nlohmann::json{0, 144, 56, 288}));
}

TEST(AnswerPlaces, TellWhatWasMended) {
  const auto found =
      places_of(R"([{"bbox_2d": [500, 0, 0, 2000]}, {"bbox_2d": [1, 2]}, {"bbox_2d": [1]}, {"bbox_2d": [)", shown(1),
                Coordinates::relative);
  EXPECT_EQ(found.places.size(), 2u);
  EXPECT_EQ(found.notes, (Strings{"the answer ends inside a list of places: the last may be missing",
                                  "1 place cannot be read: two or four coordinates are needed",
                                  "1 place clamped to the image", "1 place with corners in another order: swapped"}));
  EXPECT_TRUE(places_of(R"({"bbox_2d": [1, 2, 3, 4]})", {}, Coordinates::relative).places.empty());
}

TEST(AnswerPlaces, HaveActionsOnTheScreen) {
  const std::string answer =
      R"(<tool_call>{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [500, 250.5]}}</tool_call>
      {"action": "swipe", "coordinate": [999, 0], "coordinate2": [0, 999]} {"action": "key", "keys": ["ctrl", "c"]}
      {"action": "scroll", "pixels": -5} {"action": "type", "text": "a"} {"action": "wait", "time": 2}
      {"action": "terminate", "status": "failure"} {"action": "system_button", "button": "Menu"})";
  const auto json = actions_json(places_of(answer, shown(1), Coordinates::relative));
  EXPECT_EQ(parse_json(json.dump()), parse_json(R"([
    {"action": "left_click", "type": "click", "button": "left", "count": 1,
     "at": {"model": [500, 250.5], "pixels": [144, 56], "clamped": false}},
    {"action": "swipe", "type": "swipe", "from": {"model": [999, 0], "pixels": [287, 0], "clamped": false},
     "to": {"model": [0, 999], "pixels": [0, 223], "clamped": false}},
    {"action": "key", "type": "keys", "keys": ["ctrl", "c"]},
    {"action": "scroll", "type": "scroll", "amount": -5.0, "horizontal": false},
    {"action": "type", "type": "type", "text": "a"},
    {"action": "wait", "type": "wait", "seconds": 2.0},
    {"action": "terminate", "type": "done", "success": false},
    {"action": "system_button", "type": "system", "key": "menu"}])"));
  const auto unknown = places_of(R"({"action": "fly"})", shown(1), Coordinates::relative);
  ASSERT_EQ(unknown.notes.size(), 1u);
  EXPECT_NE(unknown.notes[0].find("found \"fly\""), std::string::npos) << unknown.notes[0];
}

class DrawAnswer : public program_test::ProgramTest {};

TEST_F(DrawAnswer, DrawsOnOneImageAndTellsTheRest) {
  const auto images = shown(2);
  const AnswerPlaces found = places_of(
      "[{\"bbox_2d\": [0, 0, 500, 500], \"image\": 1, \"label\": \"\xE8\x8B\xB9\\u001b\"}, {\"point_2d\": [500, "
      "500], \"image\": 1}, {\"point_2d\": [5, 5]}, {\"action\": \"left_click\", \"coordinate\": [5, 5]}]",
      images, Coordinates::relative);
  EXPECT_EQ(
      draw_answer(found, images, path("out.png"), {}),
      (Strings{path("out.png") + ": 1 box and 1 point on " + screen + ", image 1 of 2; 2 on other images are not drawn",
               "#1 is \"\xE8\x8B\xB9?\""}));
  vlmt::Image expected = vlmt::load_image(screen);
  vlmt::draw_places(expected,
                    std::vector<vlmt::DrawnPlace>{{{0, 0, 144, 112}, false, "#1"}, {{144, 112, 145, 113}, true, ""}});
  EXPECT_EQ(vlmt::load_image(path("out.png")).rgb, expected.rgb);
}

TEST_F(DrawAnswer, DrawsThePointsOfActions) {
  const auto images = shown(1);
  const AnswerPlaces found = places_of(
      R"([{"action": "left_click", "coordinate": [500, 500]}, {"action": "swipe", "coordinate": [0, 0], "coordinate2": [999, 999]}])",
      images, Coordinates::relative);
  EXPECT_EQ(draw_answer(found, images, path("out.png"), {}), Strings{path("out.png") + ": 3 points on " + screen});
  vlmt::Image expected = vlmt::load_image(screen);
  vlmt::draw_places(expected, std::vector<vlmt::DrawnPlace>{{{144, 112, 145, 113}, true, "left_click"},
                                                            {{0, 0, 1, 1}, true, "swipe from"},
                                                            {{287, 223, 288, 224}, true, "swipe to"}});
  EXPECT_EQ(vlmt::load_image(path("out.png")).rgb, expected.rgb);
}

TEST_F(DrawAnswer, BoundsWhatIsDrawnAndTold) {
  std::string answer;
  for (int i = 0; i < 2000; ++i) answer += "{\"point_2d\": [500, 500], \"label\": \"\xE8\x8B\xB9\"} ";
  const auto lines = draw_answer(places_of(answer, shown(1), Coordinates::relative), shown(1), path("out.png"), {});
  ASSERT_EQ(lines.size(), 22u);
  EXPECT_EQ(lines[0], path("out.png") + ": 2000 points on " + screen + "; only the first 1000 are drawn");
  EXPECT_EQ(lines[21], "and 980 more that the font cannot write");
}

}  // namespace
}  // namespace places_program_test
