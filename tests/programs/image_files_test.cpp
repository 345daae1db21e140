// How the programs read image files: transparency, damage, formats, and frames in folders.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "vlmt/io/safetensors.hpp"

#include "programs/run_program.hpp"

namespace {

using program_test::Outcome;
using program_test::write_png;
using program_test::write_text;
using Strings = std::vector<std::string>;

class ImageFiles : public program_test::ProgramTest {
 protected:
  /// Writes a file of tests/data/io/make_variants.py, and returns its path.
  std::string variant(const std::string& name) const {
    static const auto all = vlmt::SafetensorsFile::open(std::string(VLMT_TEST_DATA) + "/io/variants.safetensors");
    const auto bytes = all.read<std::uint8_t>(name);
    write_text(path(name), {bytes.begin(), bytes.end()});
    return path(name);
  }

  Outcome chat(Strings more) const {
    more.insert(more.begin(), {"-m", golden("qwen3vl/model.gguf"), "--mmproj", golden("qwen3vl/mmproj.gguf"),
                               "--greedy", "-n", "12", "--ignore-eos", "What is it?"});
    return run("vlmt-chat", more);
  }

  /// The answer, without a word about files on standard error.
  std::string answer(const Strings& more) const {
    const Outcome o = chat(more);
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(lines_about(o, home_.string()), "");
    return o.out;
  }

  /// The lines on standard error that have `text`.
  static std::string lines_about(const Outcome& o, const std::string& text) {
    std::istringstream in(o.err);
    std::string out;
    for (std::string line; std::getline(in, line);) {
      if (line.find(text) != std::string::npos) out += line + "\n";
    }
    return out;
  }
};

TEST_F(ImageFiles, TransparentImagesAreSeenOnWhiteOrAnotherBackground) {
  const std::string png = variant("rgba8.png");
  const std::string white = answer({"--image", png});
  EXPECT_EQ(white, answer({"--image", variant("rgba.webp")}));
  EXPECT_EQ(white, answer({"--image", variant("rgba32_v5.bmp"), "--background", "white"}));
  EXPECT_EQ(white, answer({"--image", png, "--background", "#FFFFFF"}));
  const std::string black = answer({"--image", png, "--background", "black"});
  EXPECT_NE(white, black);
  EXPECT_EQ(black, answer({"--image", png, "--background", "#000"}));
  for (const char* wrong : {"mauve", "#12", "#12345g", "", "112233"}) {
    const Outcome o = chat({"--image", png, "--background", wrong});
    EXPECT_EQ(o.code, 2) << wrong;
    EXPECT_TRUE(o.is_one_line_from("vlmt-chat: --background")) << o.err;
  }
}

TEST_F(ImageFiles, NotesAreOneLineForEachFile) {
  const std::string good = variant("rgb8.png"), animated = variant("animated.gif"), cut = path("cut.png");
  const std::string bytes = program_test::read_text(good);
  write_text(cut, bytes.substr(0, bytes.size() - 12));
  const std::string want = answer({"--image", good});
  const Outcome noted = chat({"--image", cut});
  EXPECT_EQ(noted.out, want);
  EXPECT_EQ(lines_about(noted, home_.string()), "vlmt-chat: " + cut + ": the end of the file is missing\n");
  const Outcome strict = chat({"--image", cut, "--strict-images"});
  EXPECT_EQ(strict.code, 1);
  EXPECT_EQ(lines_about(strict, home_.string()),
            "vlmt-chat: " + cut +
                ": `strict`: is damaged: the end of the file is missing; without --strict-images it is read\n");
  const Outcome both = chat({"--image", animated, "--image", cut, "--image", good});
  EXPECT_EQ(both.code, 0);
  EXPECT_EQ(lines_about(both, home_.string()), "vlmt-chat: " + animated +
                                                   ": animated: the first of 3 frames is read\nvlmt-chat: " + cut +
                                                   ": the end of the file is missing\n");
  write_text(path("lost.png"), bytes.substr(0, bytes.size() / 2));
  const Outcome lost = chat({"--image", path("lost.png")});
  EXPECT_EQ(lost.code, 1);
  EXPECT_TRUE(lost.is_one_line_from("vlmt-chat")) << lost.err;
  EXPECT_NE(lost.err.find(" of 13 rows are there"), std::string::npos) << lost.err;
}

TEST_F(ImageFiles, OtherFormatsAreRefusedByName) {
  write_text(path("a.png"), std::string("II*\0\x08\0\0\0", 8));
  const Outcome o = chat({"--image", path("a.png")});
  EXPECT_EQ(o.code, 1);
  EXPECT_EQ(
      lines_about(o, home_.string()),
      "vlmt-chat: " + path("a.png") + ": is a TIFF file; vlmt reads JPEG, PNG, WebP, GIF and BMP: convert it first\n");
}

TEST_F(ImageFiles, FramesAreInTheOrderOfTheirNumbers) {
  std::filesystem::create_directory(home_ / "padded");
  std::filesystem::create_directory(home_ / "plain");
  for (int i = 1; i <= 12; ++i) {
    const std::string number = std::to_string(i);
    // Frames differ in their pixels: all are of one size, and each is one brightness darker.
    const std::string file = path("padded/frame_" + std::string(2 - number.size(), '0') + number + ".bmp");
    std::string bmp = program_test::read_text(variant("rgb24.bmp"));
    std::fill(bmp.begin() + 54, bmp.end(), static_cast<char>(20 * i));
    write_text(file, bmp);
    std::filesystem::copy_file(file, path("plain/frame_" + number + ".bmp"));
  }
  const std::string want = answer({"--frames", path("padded")});
  EXPECT_EQ(want, answer({"--frames", path("plain")}));
  for (const char* name : {"plain/.DS_Store", "plain/notes.txt"}) write_text(path(name), "");
  const Outcome skipped = chat({"--frames", path("plain")});
  EXPECT_EQ(skipped.out, want);
  EXPECT_EQ(lines_about(skipped, home_.string()),
            "vlmt-chat: " + path("plain") + ": skipped 2 files that are hidden or no images, such as .DS_Store\n");
  for (const char* name : {"7", "8", "9"}) std::filesystem::remove(path("padded/frame_0" + std::string(name) + ".bmp"));
  const Outcome gap = chat({"--frames", path("padded")});
  EXPECT_EQ(gap.code, 0);
  EXPECT_EQ(lines_about(gap, home_.string()),
            "vlmt-chat: " + path("padded") + ": frames 7 to 9 are missing between frame_06.bmp and frame_10.bmp\n");
  std::filesystem::create_directory(home_ / "none");
  const Outcome none = chat({"--frames", path("none")});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.err.find("no frames in the folder"), std::string::npos) << none.err;
}

TEST_F(ImageFiles, EvalReadsImagesAsChatDoes) {
  variant("rgba8.png");
  const std::string cut = variant("rgba16.png");
  const std::string bytes = program_test::read_text(cut);
  write_text(cut, bytes.substr(0, bytes.size() - 4));
  std::string set;
  for (const char* name : {"rgba8", "rgba16"}) {
    set += R"({"id": ")" + std::string(name) + R"(", "task": "t", "content": [{"type": "image", "image": ")" + name +
           R"(.png"}, {"type": "text", "text": "What is it?"}], "answer": "yes", "metric": "exact"})" + "\n";
  }
  write_text(path("items.jsonl"), set);
  const auto eval = [&](Strings more) {
    more.insert(more.begin(),
                {path("items.jsonl"), "-m", golden("qwen3vl/model.gguf"), "--mmproj", golden("qwen3vl/mmproj.gguf"),
                 "--max-tokens", "12", "--format", "json", "--out", path("out")});
    return run("vlmt-eval", more);
  };
  const auto answers = [](const Outcome& o) {
    Strings out;
    const nlohmann::json report = program_test::parse_json(o.out);
    for (const auto& item : report["results"][0]["answers"]) out.push_back(item["answer"]);
    return out;
  };
  const Outcome white = eval({});
  EXPECT_EQ(white.code, 0) << white.err;
  EXPECT_EQ(lines_about(white, cut), "vlmt-eval: " + cut + ": the end of the file is missing\n");
  const Outcome black = eval({"--background", "black"});  // not answered by the log of the first run
  EXPECT_NE(answers(white), answers(black));
  EXPECT_EQ(answers(white), answers(eval({"--background", "#fff"})));
  // A strict run needs no answer that the log has.
  const Outcome strict = eval({"--background", "#123456", "--strict-images"});
  EXPECT_EQ(strict.code, 1) << strict.err;
  EXPECT_NE(strict.err.find("is damaged: the end of the file is missing"), std::string::npos) << strict.err;
}

}  // namespace
