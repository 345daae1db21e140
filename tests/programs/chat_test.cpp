// Runs vlmt-chat as a process: golden answers, refusals, and reports.
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <png.h>

#include <gtest/gtest.h>

#include "vlmt/io/safetensors.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "model/edited_gguf.hpp"
#include "programs/run_program.hpp"

namespace {

using program_test::Outcome;
using program_test::png_header;
using program_test::read_text;
using program_test::write_png;
using program_test::write_text;
using Strings = std::vector<std::string>;

class ChatProgram : public program_test::ProgramTest {
 protected:
  /// Runs the golden model with greedy sampling.
  Outcome chat(Strings arguments, const std::string& input = {}) const {
    const Strings model = {"-m", golden("qwen3vl/model.gguf"), "--mmproj", golden("qwen3vl/mmproj.gguf"), "--greedy"};
    arguments.insert(arguments.begin(), model.begin(), model.end());
    return run("vlmt-chat", arguments, input);
  }

  /// Expects exit code 1, no output, and one line on standard error that contains `text`.
  void expect_refusal(const Outcome& o, const std::string& text) const {
    EXPECT_EQ(o.code, 1) << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_TRUE(o.is_one_line_from("vlmt-chat")) << o.err;
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err << "should say: " << text;
  }
};

TEST_F(ChatProgram, GivesTheGoldenAnswers) {
  const auto cases = vlmt::SafetensorsFile::open(golden("qwen3vl/cases.safetensors"));
  const Strings exact = {"--json", "--numerics", "exact", "--kv", "F32", "-n", "8"};
  Strings text = exact;
  text.push_back("What is the capital of France? It's 42!");
  const Outcome answer = chat(text);
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(program_test::parse_json(answer.out)["tokens"].get<std::vector<int>>(),
            cases.read<std::int32_t>("text.greedy"));

  const auto& raw = cases.require_tensor("image.raw1");
  const auto pixels = cases.read<std::uint8_t>("image.raw1");
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  png.height = static_cast<std::uint32_t>(raw.shape[0]);
  png.width = static_cast<std::uint32_t>(raw.shape[1]);
  png.format = PNG_FORMAT_RGB;
  ASSERT_NE(png_image_write_to_file(&png, path("image.png").c_str(), 0, pixels.data(), 0, nullptr), 0);
  Strings with_image = exact;
  for (const char* a : {"--min-pixels", "4096", "--max-pixels", "65536", "--image"}) with_image.emplace_back(a);
  with_image.push_back(path("image.png"));
  with_image.push_back("Describe this image.");
  const Outcome seen = chat(with_image);
  ASSERT_EQ(seen.code, 0) << seen.err;
  const auto json = program_test::parse_json(seen.out);
  EXPECT_EQ(json["tokens"].get<std::vector<int>>(), cases.read<std::int32_t>("image.greedy"));
  EXPECT_EQ(json["stats"]["prompt_tokens"], cases.require_tensor("image.input_ids").shape[0]);
  EXPECT_EQ(json["images"][0]["tokens"], cases.require_tensor("image.image_embeds").shape[0]);
}

TEST_F(ChatProgram, RefusesFilesThatAreNotModels) {
  expect_refusal(run("vlmt-chat", {"-m", path("none.gguf"), "Hi"}), "none.gguf");
  write_text(path("text.gguf"), "this is no model");
  expect_refusal(run("vlmt-chat", {"-m", path("text.gguf"), "Hi"}), "text.gguf");
  const std::string model = read_text(golden("qwen3vl/model.gguf"));
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{10}, std::size_t{5000}, model.size() / 2, model.size() - 1}) {
    write_text(path("cut.gguf"), model.substr(0, size));
    expect_refusal(run("vlmt-chat", {"-m", path("cut.gguf"), "Hi"}), "cut.gguf");
  }
  expect_refusal(run("vlmt-chat", {"-m", golden("qwen3vl/mmproj.gguf"), "Hi"}), "general.architecture");
  expect_refusal(run("vlmt-chat", {"-m", home_.string(), "Hi"}), home_.string());
}

TEST_F(ChatProgram, RefusesOtherArchitecturesAndMismatchedPairs) {
  vlmt::testing::write_tiny_model({.architecture = "llama"}, path("llama.gguf"));
  expect_refusal(run("vlmt-chat", {"-m", path("llama.gguf"), "Hi"}), "llama");
  vlmt::testing::write_tiny_mmproj({.hidden = 128}, path("narrow.gguf"));
  expect_refusal(run("vlmt-chat", {"-m", golden("qwen3vl/model.gguf"), "--mmproj", path("narrow.gguf"), "Hi"}),
                 "belongs to another model");
  vlmt::testing::write_tiny_mmproj({.deepstack = 2}, path("shallow.gguf"));
  expect_refusal(run("vlmt-chat", {"-m", golden("qwen3vl/model.gguf"), "--mmproj", path("shallow.gguf"), "Hi"}),
                 "belongs to another model");
  expect_refusal(run("vlmt-chat", {"-m", golden("qwen3vl/model.gguf"), "--mmproj", golden("qwen3vl/model.gguf"), "Hi"}),
                 "not an mmproj file");
}

TEST_F(ChatProgram, RefusesWhatDoesNotFit) {
  expect_refusal(chat({"--context", "16", "A question that is longer than sixteen tokens, surely, is it not?"}),
                 "--context");
  expect_refusal(chat({"--memory-limit", "8M", "Hi"}), "KV cache");
  expect_refusal(chat({"--context", "16000000", "Hi"}), "KV cache");
  write_png(path("image.png"), 64, 64);
  expect_refusal(chat({"--context", "32", "--image", path("image.png"), "Hi"}), "--context");
}

TEST_F(ChatProgram, RefusesImagesByTheirSize) {
  write_png(path("201.png"), 201, 1);
  expect_refusal(chat({"--image", path("201.png"), "Hi"}), "too narrow");
  write_png(path("5000.png"), 1, 5000);
  expect_refusal(chat({"--image", path("5000.png"), "Hi"}), "too narrow");
  write_text(path("huge.png"), png_header(30000, 30000));
  expect_refusal(chat({"--image", path("huge.png"), "Hi"}), "--max-image-pixels");
  expect_refusal(chat({"--image", path("none.png"), "Hi"}), "none.png");
  write_text(path("text.png"), "no image");
  expect_refusal(chat({"--image", path("text.png"), "Hi"}), "text.png");
  write_text(path("cut.png"), png_header(64, 64));
  expect_refusal(chat({"--image", path("cut.png"), "Hi"}), "cut.png");
}

TEST_F(ChatProgram, AcceptsExtremeImageSizes) {
  write_png(path("1.png"), 1, 1);
  write_png(path("200.png"), 200, 1);
  for (const char* name : {"1.png", "200.png"}) {
    const Outcome answer = chat({"--image", path(name), "-n", "3", "What is it?"});
    EXPECT_EQ(answer.code, 0) << answer.err;
    EXPECT_NE(answer.out, "");
  }
}

TEST_F(ChatProgram, RunsDenseAndMixtureModels) {
  write_png(path("image.png"), 96, 64);
  vlmt::testing::write_tiny_mmproj({}, path("mmproj.gguf"));
  for (const std::size_t experts : {std::size_t{0}, std::size_t{8}}) {
    vlmt::testing::write_tiny_model({.experts = experts}, path("model.gguf"));
    const Outcome o = run("vlmt-chat", {"-m", path("model.gguf"), "--mmproj", path("mmproj.gguf"), "--image",
                                        path("image.png"), "--json", "-n", "5", "--ignore-eos", "Hi"});
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(program_test::parse_json(o.out)["tokens"].size(), 5u);
  }
}

TEST_F(ChatProgram, ReadsTheFramesOfAVideo) {
  std::filesystem::create_directory(home_ / "frames");
  for (int i = 0; i < 5; ++i) write_png(home_ / "frames" / ("f" + std::to_string(i) + ".png"), 96, 64);
  const Outcome o = chat({"--json", "-n", "2", "--frames", path("frames"), "--fps", "4", "When does it end?"});
  ASSERT_EQ(o.code, 0) << o.err;
  const auto json = program_test::parse_json(o.out);
  EXPECT_EQ(json["images"][0]["frames"], 5);
  EXPECT_EQ(json["stats"]["visual_tokens"], json["images"][0]["tokens"]);
}

TEST_F(ChatProgram, TokensDependOnTheSeedAndNotOnTheThreads) {
  const Strings base = {"--json", "--temp", "1.5", "-n", "12", "Tell me."};
  const auto tokens = [&](Strings more) {
    more.insert(more.begin(), {"-m", golden("qwen3vl/model.gguf")});
    more.insert(more.end(), base.begin(), base.end());
    const Outcome o = run("vlmt-chat", more);
    EXPECT_EQ(o.code, 0) << o.err;
    return program_test::parse_json(o.out)["tokens"].get<std::vector<int>>();
  };
  const auto first = tokens({"--seed", "7", "-t", "1"});
  EXPECT_EQ(first, tokens({"--seed", "7", "-t", "3"}));
  EXPECT_NE(first, tokens({"--seed", "8", "-t", "1"}));
}

TEST_F(ChatProgram, PrintsErrorsAsJson) {
  const Outcome o = chat({"--json", "--image", path("none.png"), "Hi"});
  EXPECT_EQ(o.code, 1);
  const auto json = program_test::parse_json(o.out);
  EXPECT_EQ(json.size(), 1u);
  EXPECT_NE(json["error"].get<std::string>().find("none.png"), std::string::npos);
}

TEST_F(ChatProgram, ReportsWrongArguments) {
  for (const Strings& wrong : {Strings{"--nonsense"}, Strings{"--kv", "Q5_K", "Hi"}, Strings{"--top-k", "many", "Hi"},
                               Strings{"-i", "--json"}}) {
    const Outcome o = chat(wrong);
    EXPECT_EQ(o.code, 2) << wrong[0];
    EXPECT_TRUE(o.is_one_line_from("vlmt-chat")) << o.err;
  }
  const Outcome help = run("vlmt-chat", {"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("--max-image-pixels"), std::string::npos);
}

TEST_F(ChatProgram, DryRunPrintsCostsAndThePlan) {
  write_png(path("image.png"), 640, 480);
  const Outcome o = chat({"--dry-run", "--json", "--image", path("image.png")});
  ASSERT_EQ(o.code, 0) << o.err;
  const auto json = program_test::parse_json(o.out);
  EXPECT_EQ(json["images"][0]["tokens"], 300);
  const auto& plan = json["plan_bytes"];
  std::size_t sum = 0;
  for (const char* part : {"weights", "tokenizer", "kv_cache", "workspace", "vision", "features"}) {
    EXPECT_GT(plan[part].get<std::size_t>(), 0u) << part;
    sum += plan[part].get<std::size_t>();
  }
  EXPECT_EQ(plan["total"].get<std::size_t>(), sum);
  EXPECT_NE(chat({"--dry-run"}).out.find("tokenizer 0."), std::string::npos);
}

TEST_F(ChatProgram, WarnsAboutMismatchedModelNames) {
  const auto warnings = [&](const std::string& mmproj) {
    const Outcome o = run("vlmt-chat", {"-m", golden("qwen3vl/model.gguf"), "--mmproj", mmproj, "--dry-run"});
    EXPECT_EQ(o.code, 0) << o.err;
    return o.err;
  };
  EXPECT_EQ(warnings(golden("qwen3vl/mmproj.gguf")).find("another model"), std::string::npos);
  EditedGguf(golden("qwen3vl/mmproj.gguf")).set("general.name", std::string("Other 8B")).write(path("other.gguf"));
  const std::string line = warnings(path("other.gguf"));
  EXPECT_NE(line.find("vlmt-chat: " + path("other.gguf") + ": `general.name`: the mmproj file may belong to another"),
            std::string::npos)
      << line;
  EXPECT_NE(line.find("\"Other 8B\""), std::string::npos) << line;
}

TEST_F(ChatProgram, PeakMemoryStaysWithinThePlan) {
  write_png(path("image.png"), 640, 480);
  const Outcome o = chat({"--json", "--image", path("image.png"), "-n", "200", "--context", "1024", "Hi"});
  ASSERT_EQ(o.code, 0) << o.err;
  const auto stats = program_test::parse_json(o.out)["stats"];
  EXPECT_GT(stats["peak_bytes"].get<double>(), 0.0);
#if !defined(VLMT_TEST_SANITIZED)  // the plan does not cover ASan's memory
  // The plan covers a full context. Unplanned memory (the C library) stays below 16 MiB here.
  EXPECT_LT(stats["peak_bytes"].get<double>(), stats["plan_bytes"]["total"].get<double>() + (16 << 20));
#endif
  EXPECT_GT(stats["decode_tokens_per_second"].get<double>(), 0.0);
}

TEST_F(ChatProgram, KeepsPackedWeights) {
  const Strings options = {"--json", "-n", "8", "--packed-cache", path("cache"), "What is it?"};
  const auto answer = [&](const Strings& arguments, const std::string& warning) {
    const Outcome o = chat(arguments);
    EXPECT_EQ(o.code, 0) << o.err;
    if (warning.empty()) {
      EXPECT_EQ(o.err.find("packed"), std::string::npos) << o.err;
    } else {
      EXPECT_NE(o.err.find("vlmt-chat: " + warning), std::string::npos) << o.err;
    }
    return nlohmann::json::parse(o.out);
  };
  const auto plan = [](const nlohmann::json& a, const char* part) {
    return a["stats"]["plan_bytes"][part].get<std::size_t>();
  };
  const auto first = answer(options, "");
  const auto second = answer(options, "");
  EXPECT_EQ(first["tokens"], second["tokens"]);
  EXPECT_EQ(plan(first, "mapped"), 0u);
  EXPECT_EQ(plan(second, "weights"), 0u);
  EXPECT_EQ(plan(second, "mapped"), plan(first, "weights"));
  EXPECT_EQ(plan(first, "total") - plan(second, "total"), plan(second, "mapped"));

  const std::string file = std::filesystem::directory_iterator(path("cache"))->path();
  const std::string whole = read_text(file);
  write_text(file, whole.substr(0, whole.size() / 2));
  EXPECT_EQ(answer(options, "weights are packed anew: " + file)["tokens"], first["tokens"]);
  std::string damaged = whole;
  damaged[whole.size() / 2] = static_cast<char>(damaged[whole.size() / 2] ^ 1);
  write_text(file, damaged);
  Strings verify = options;
  verify.insert(verify.begin(), "--verify-packed-cache");
  EXPECT_EQ(answer(verify, "weights are packed anew: " + file)["tokens"], first["tokens"]);
  EXPECT_EQ(read_text(file), whole);

  const Strings nowhere = {"--json", "-n", "8", "--packed-cache", file, "What is it?"};
  EXPECT_EQ(answer(nowhere, "packed weights are not kept: " + file)["tokens"], first["tokens"]);
  EXPECT_EQ(chat({"--verify-packed-cache", "Hi"}).code, 2);
}

TEST_F(ChatProgram, AChatContinuesAfterErrors) {
  write_png(path("image.png"), 64, 64);
  const std::string talk = "/image " + path("none.png") + "\n/image " + path("image.png") +
                           "\nWhat is it?\n/nonsense\n/stats\nAnd now?\n/reset\n/help\n/quit\nnever asked\n";
  const Outcome o = chat({"-i", "-n", "4"}, talk);
  EXPECT_EQ(o.code, 1) << o.err;  // two lines could not be followed
  EXPECT_NE(o.err.find("none.png"), std::string::npos);
  EXPECT_NE(o.err.find("/nonsense"), std::string::npos);
  EXPECT_NE(o.out.find("more from the KV cache"), std::string::npos) << o.out;
  EXPECT_EQ(o.out.find("never asked"), std::string::npos);
  EXPECT_NE(o.out.find("/image PATH"), std::string::npos);
}

TEST_F(ChatProgram, CtrlCCancelsTheAnswerOnly) {
  const Strings endless = {
      "-m", golden("qwen3vl/model.gguf"), "-i", "--ignore-eos", "-n", "0", "--context", "1000000", "--kv", "Q4_0"};
  const Outcome o = run("vlmt-chat", endless, "Tell me everything.\n/stats\n/quit\n", 2);
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("ended by cancelled"), std::string::npos) << o.out;
}

TEST_F(ChatProgram, AChatContinuesAfterTheContextIsExceeded) {
  const Outcome o = chat({"-i", "-n", "4", "--context", "48"}, std::string(400, 'x') + "\nHi\n");
  EXPECT_EQ(o.code, 1);  // the first line has no answer
  EXPECT_NE(o.err.find("context"), std::string::npos) << o.err;
  EXPECT_NE(o.out, "");
}

TEST_F(ChatProgram, FindsTheVisionEncoderBesideTheModel) {
  write_png(path("image.png"), 64, 64);
  std::filesystem::create_directory(home_ / "model");
  const std::string model = path("model/tiny.gguf");
  vlmt::testing::write_tiny_model({}, model);
  const Strings question = {"-m", model, "--greedy", "-n", "2", "--image", path("image.png"), "What?"};
  expect_refusal(run("vlmt-chat", question), "--mmproj");

  vlmt::testing::write_tiny_mmproj({.hidden = 128}, path("model/mmproj-wide.gguf"));  // of another model
  program_test::write_text(path("model/mmproj-broken.gguf"), "no GGUF");
  vlmt::testing::write_tiny_mmproj({}, path("model/tiny-mmproj-F32.gguf"));
  const Outcome found = run("vlmt-chat", question);
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_NE(found.err.find("the vision encoder is " + path("model/tiny-mmproj-F32.gguf") + ", found beside the model"),
            std::string::npos)
      << found.err;
  // Text needs none, and --no-mmproj uses none.
  EXPECT_EQ(run("vlmt-chat", {"-m", model, "--greedy", "-n", "2", "Hi"}).err.find("vision"), std::string::npos);
  Strings without = question;
  without.insert(without.begin(), "--no-mmproj");
  EXPECT_EQ(run("vlmt-chat", without).code, 1);

  vlmt::testing::write_tiny_mmproj({}, path("model/MMPROJ-copy.gguf"));
  expect_refusal(run("vlmt-chat", question), "MMPROJ-copy.gguf, " + path("model/tiny-mmproj-F32.gguf"));
  // A name of another model decides.
  EditedGguf(path("model/MMPROJ-copy.gguf"))
      .set("general.name", std::string("Other 8B"))
      .write(path("model/mmproj-o.gguf"));
  std::filesystem::remove(path("model/MMPROJ-copy.gguf"));
  EXPECT_EQ(run("vlmt-chat", question).code, 0);
}

TEST_F(ChatProgram, NamesAnMmprojFileInPlaceOfTheModel) {
  const Outcome o = run("vlmt-chat", {"-m", golden("qwen3vl/mmproj.gguf"), "Hi"});
  expect_refusal(o, "this is a vision encoder (mmproj) file");
  expect_refusal(o, "the option for it is --mmproj");
}

TEST_F(ChatProgram, HasABundledModel) {
  const Outcome o = run("vlmt-chat", {"--greedy", "-n", "2", "Hi"});
  EXPECT_EQ(o.code, 0) << o.err;
}

}  // namespace
