// vlmt-chat on images and contexts that do not fit: shrunk or refused, always with a line, and a dry run that agrees.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "vlmt/testing/tiny_model.hpp"

#include "programs/run_program.hpp"

namespace {

namespace fs = std::filesystem;
using program_test::Outcome;
using program_test::parse_json;
using program_test::write_png;
using program_test::write_text;
using Strings = std::vector<std::string>;

/// A tiny model under the pixel limits of the released ones.
class ImageSize : public program_test::ProgramTest {
 protected:
  void make_model(std::size_t context) const {
    vlmt::testing::TinyModel tiny;
    tiny.hidden = 64;
    tiny.ffn = 64;
    tiny.context = context;
    vlmt::testing::write_tiny_model(tiny, path("model.gguf"));
    vlmt::testing::write_tiny_mmproj(tiny, path("mmproj.gguf"));
  }
  Outcome chat(Strings arguments, const std::string& input = {}) const {
    const Strings model = {"-m", path("model.gguf"), "--mmproj", path("mmproj.gguf"), "--greedy"};
    arguments.insert(arguments.begin(), model.begin(), model.end());
    return run("vlmt-chat", arguments, input);
  }
  nlohmann::json json(Strings arguments) const {
    arguments.push_back("--json");
    const Outcome o = chat(arguments);
    EXPECT_EQ(o.code, 0) << o.err;
    return parse_json(o.out);
  }
  /// Sets the kept speed of the encoder of this model, in operations per second.
  void set_speed(std::uint64_t speed) const {
    const std::string file = path("cache/vlmt/vision-speeds.txt");
    if (!fs::exists(file)) {
      write_png(path("measured.png"), 640, 640);
      json({"--image", path("measured.png"), "--dry-run"});
    }
    const std::string text = program_test::read_text(file);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;  // the form, and one encoder
    const std::string number = std::to_string(speed);
    write_text(file,
               std::regex_replace(text, std::regex("\n[0-9.e+]+ [0-9.e+]+ "), "\n" + number + " " + number + " "));
  }
};

TEST_F(ImageSize, APhotoIsShrunkToTheContextAndTheAnswerHasRoom) {
  make_model(2048);
  write_png(path("photo.png"), 4032, 3024);
  const Strings question = {"--image", path("photo.png"), "-n", "40", "What is it?"};
  set_speed(1'000'000'000'000);  // else a slow machine shrinks it for lack of time
  const auto planned = [&] {
    Strings arguments = question;
    arguments.push_back("--dry-run");
    return json(arguments);
  }();
  EXPECT_EQ(planned["context"], 2048);
  EXPECT_EQ(planned["images"][0]["full_tokens"], 11844);
  EXPECT_EQ(planned["images"][0]["limit"]["reason"], "room");
  const std::size_t tokens = planned["images"][0]["tokens"];
  EXPECT_GT(tokens, 1700u);

  const Outcome answer = chat(question);
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_NE(answer.out, "");
  EXPECT_NE(answer.err.find("4032 x 3024 would be 11844 tokens; shrunk to " + std::to_string(tokens) + " tokens"),
            std::string::npos)
      << answer.err;
  EXPECT_NE(answer.err.find("the model is trained for 2048"), std::string::npos) << answer.err;

  Strings as_json = question;
  as_json.push_back("--ignore-eos");
  const auto answered = json(as_json);
  EXPECT_EQ(answered["images"], planned["images"]);
  EXPECT_EQ(answered["stats"]["prompt_tokens"], planned["prompt_tokens"]);
  EXPECT_EQ(answered["stats"]["visual_tokens"], tokens);
  EXPECT_EQ(answered["tokens"].size(), 40u);

  // A bound that was asked for leaves the room as it is.
  for (const Strings& bound : {Strings{"--max-image-tokens", "16384"}, Strings{"--max-pixels", "16M"}}) {
    Strings arguments = question;
    arguments.insert(arguments.end(), bound.begin(), bound.end());
    arguments.push_back("--dry-run");
    EXPECT_EQ(json(arguments)["images"][0]["tokens"], tokens) << bound[0];
  }
  // --exact-images refuses with the numbers, before the model is loaded.
  for (const Strings& exact : {Strings{"--exact-images"}, Strings{"--exact-images", "--dry-run"}}) {
    Strings arguments = question;
    arguments.insert(arguments.end(), exact.begin(), exact.end());
    const Outcome o = chat(arguments);
    EXPECT_EQ(o.code, 1) << exact[0];
    EXPECT_TRUE(o.is_one_line_from("vlmt-chat")) << o.err;
    EXPECT_NE(o.err.find("found 11844"), std::string::npos) << o.err;
  }
}

TEST_F(ImageSize, ASlowMachineShrinksToFewSteps) {
  make_model(32768);
  write_png(path("image.png"), 1024, 1024);  // 1024 tokens
  const Strings question = {"--image", path("image.png"), "-n", "2", "What is it?"};
  Strings dry = question;
  dry.push_back("--dry-run");
  const auto fast = json(dry);
  EXPECT_EQ(fast["images"][0]["tokens"], 1024);
  EXPECT_GT(fast["images"][0]["encode_seconds"].get<double>(), 0.0);
  // The whole image takes about 11e9 operations here, one of 512 tokens 3e9.
  set_speed(200'000'000);
  const auto slow = json(dry);
  EXPECT_EQ(slow["images"][0]["limit"]["tokens"], 512);
  EXPECT_EQ(slow["images"][0]["limit"]["reason"], "time");
  EXPECT_LT(slow["images"][0]["encode_seconds"].get<double>(), 20.0);
  EXPECT_GT(slow["images"][0]["full_encode_seconds"].get<double>(), 20.0);
  EXPECT_EQ(json(question)["images"], slow["images"]);
  const Outcome o = chat(question);
  EXPECT_TRUE(std::regex_search(
      o.err, std::regex("would be 1024 tokens; shrunk to 484 tokens \\(704 x 704\\) to be encoded in about [0-9]+ s; "
                        "--max-image-tokens 1024 takes about [0-9]+ s\n")))
      << o.err;
  // A size that was asked for is used.
  dry.insert(dry.end(), {"--max-image-tokens", "1024"});
  EXPECT_EQ(json(dry)["images"][0]["tokens"], 1024);
  Strings exact = question;
  exact.push_back("--exact-images");
  const Outcome refused = chat(exact);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("--max-image-tokens encodes it anyway"), std::string::npos) << refused.err;
}

TEST_F(ImageSize, KeptSpeedsThatCannotBeUsedAreMeasuredAgain) {
  make_model(32768);
  write_png(path("image.png"), 640, 640);
  const Strings dry = {"--image", path("image.png"), "--dry-run"};
  const std::string file = path("cache/vlmt/vision-speeds.txt");
  json(dry);
  set_speed(1'000'000);
  EXPECT_EQ(json(dry)["images"][0]["limit"]["tokens"], 256);
  write_text(file, "no speeds");
  EXPECT_EQ(json(dry)["images"][0]["limit"], nullptr);
  EXPECT_TRUE(program_test::read_text(file).starts_with("vlmt vision speeds 1\n"));
  fs::remove_all(path("cache"));
  write_text(path("cache"), "a file where the folder should be");
  EXPECT_EQ(json(dry)["images"][0]["limit"], nullptr);
  EXPECT_EQ(program_test::read_text(path("cache")), "a file where the folder should be");
  // Small images need no speed.
  fs::remove_all(path("cache"));
  write_png(path("small.png"), 320, 320);
  json({"--image", path("small.png"), "--dry-run"});
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(ImageSize, AVideoOfSixtyFullHdFramesFits) {
  make_model(8192);
  write_png(path("frame.png"), 1920, 1080);
  fs::create_directory(path("video"));
  for (int i = 0; i < 60; ++i) {
    fs::create_hard_link(path("frame.png"), path("video/" + std::to_string(1000 + i) + ".png"));
  }
  const auto planned = json({"--frames", path("video"), "--dry-run", "What happens?"});
  EXPECT_EQ(planned["images"][0]["full_tokens"], 11700);
  EXPECT_EQ(planned["images"][0]["limit"]["reason"], "room");
  EXPECT_LE(planned["prompt_tokens"].get<std::size_t>(), 8192u - 1024u);
  EXPECT_GT(planned["prompt_tokens"].get<std::size_t>(), 6000u);
}

TEST_F(ImageSize, LaterImagesOfAConversationAreShrunkToWhatIsLeft) {
  make_model(700);
  write_png(path("image.png"), 640, 640);  // 400 tokens
  const std::string image = "/image " + path("image.png") + "\n";
  const Outcome o = chat({"-i", "-n", "40", "--ignore-eos", "--stats"},
                         image + "One?\n" + image + "Two?\n" + image + image + "Three?\n/reset\n" + image + "Four?\n");
  EXPECT_EQ(o.code, 1) << o.err;  // two images do not fit any more, so "Three?" is held back
  EXPECT_NE(o.err.find("would be 400 tokens; shrunk to "), std::string::npos) << o.err;
  EXPECT_NE(o.out.find("image.png: 640 x 640, resized to 640 x 640: 400 tokens"), std::string::npos) << o.out;
  EXPECT_NE(o.err.find("; /reset starts a new conversation"), std::string::npos) << o.err;
  // The first image keeps its size, so the second turn takes it from the KV cache.
  const std::regex cached("; ([0-9]+) more from the KV cache");
  std::vector<int> counts;
  for (std::sregex_iterator i(o.err.begin(), o.err.end(), cached), end; i != end; ++i) {
    counts.push_back(std::stoi((*i)[1]));
  }
  ASSERT_EQ(counts.size(), 3u) << o.err;
  EXPECT_EQ(counts[0], 0);
  EXPECT_GT(counts[1], 400);
  EXPECT_EQ(counts[2], 0);
}

TEST_F(ImageSize, ContextsFollowTheTrainedContext) {
  make_model(600);
  EXPECT_EQ(json({"--dry-run", "Hi"})["context"], 600);
  EXPECT_EQ(json({"--dry-run", "-c", "0", "Hi"})["context"], 600);
  EXPECT_EQ(json({"--dry-run", "-c", "100", "Hi"})["context"], 100);
  // Text beyond it is refused with the numbers, in a dry run, too.
  const std::string text(1000, 'x');
  for (const Strings& more : {Strings{}, Strings{"--dry-run"}}) {
    Strings arguments = {text};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome o = chat(arguments);
    EXPECT_EQ(o.code, 1);
    EXPECT_TRUE(o.is_one_line_from("vlmt-chat")) << o.err;
    EXPECT_NE(o.err.find("the context holds 600"), std::string::npos) << o.err;
  }
  // A given context beyond it is used, with a warning.
  const Outcome beyond = chat({"-c", "2000", "-n", "2", "--ignore-eos", text});
  EXPECT_EQ(beyond.code, 0);
  EXPECT_TRUE(beyond.is_one_line_from("vlmt-chat")) << beyond.err;
  EXPECT_NE(beyond.err.find("2000 tokens is larger than the 600"), std::string::npos) << beyond.err;

  make_model(32768);
  EXPECT_EQ(json({"--dry-run", "Hi"})["context"], 8192);
  EXPECT_EQ(json({"--dry-run", "-n", "10000", "Hi"})["context"], 10240);
  // Memory bounds a chosen context; the line says so.
  const std::size_t all = json({"--dry-run", "-c", "4096", "Hi"})["plan_bytes"]["total"];
  const Outcome little = chat({"--dry-run", "--memory-limit", std::to_string(all), "Hi"});
  EXPECT_EQ(little.code, 0);
  EXPECT_NE(little.out.find("context   4096 tokens"), std::string::npos) << little.out;
  EXPECT_NE(little.err.find("4096 tokens instead of 8192: memory allows no more"), std::string::npos) << little.err;
  EXPECT_EQ(chat({"--dry-run", "--memory-limit", "1M", "Hi"}).code, 1);
}

TEST_F(ImageSize, AnAnswerThatIsCutSaysSo) {
  make_model(64);
  // The random model does not end its answers by itself within these tokens.
  const Outcome short_answer = chat({"-n", "3", "Hi"});
  const Outcome full = chat({"-n", "0", "Hi"});
  for (const Outcome& o : {short_answer, full}) {
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_TRUE(o.is_one_line_from("vlmt-chat")) << o.err;
  }
  EXPECT_NE(short_answer.err.find("cut after 3 tokens; --max-tokens"), std::string::npos) << short_answer.err;
  EXPECT_NE(full.err.find("the context of 64 tokens is full, and the model is trained for no more"), std::string::npos)
      << full.err;
  const Outcome given = chat({"-n", "0", "-c", "40", "Hi"});
  EXPECT_NE(given.err.find("the context of 40 tokens is full; --context allows up to 64"), std::string::npos)
      << given.err;
}

}  // namespace
