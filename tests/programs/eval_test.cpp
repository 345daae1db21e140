// Runs vlmt-eval and the bundled model as processes, and the mixtures of vlmt-quantize.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "vlmt/io/gguf.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "programs/run_program.hpp"

namespace {

using program_test::Outcome;
using program_test::read_text;
using program_test::write_png;
using program_test::write_text;
using Json = nlohmann::json;
using Strings = std::vector<std::string>;

const std::string bundled_model = std::string(VLMT_SOURCE_DIR) + "/models/tiny/tiny-Q8_0.gguf";
const std::string bundled_samples = std::string(VLMT_SOURCE_DIR) + "/models/samples";

class EvalProgram : public program_test::ProgramTest {
 protected:
  /// A mixture-of-experts model with random weights and a set of two questions on one image each.
  void SetUp() override {
    ProgramTest::SetUp();
    vlmt::testing::TinyModel shape;
    shape.experts = 8;
    vlmt::testing::write_tiny_model(shape, path("moe.gguf"));
    vlmt::testing::write_tiny_mmproj(shape, path("mmproj.gguf"));
    std::string set;
    for (const char* name : {"a", "b"}) {
      write_png(path(std::string(name) + ".png"), name[0] == 'a' ? 64 : 96, 64);
      set += R"({"id": ")" + std::string(name) + R"(", "task": "t", "content": [{"type": "image", "image": ")" + name +
             R"(.png"}, {"type": "text", "text": "What?"}], "answer": "yes", "metric": "exact"})" + "\n";
    }
    write_text(path("items.jsonl"), set);
  }

  Outcome eval(Strings more) const {
    Strings arguments = {home_.string(), "-m", path("moe.gguf"), "--mmproj", path("mmproj.gguf"), "--max-tokens", "4"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run("vlmt-eval", arguments);
  }

  void expect_refusal(const Strings& more, const std::string& text, int code = 1) const {
    const Outcome o = eval(more);
    EXPECT_EQ(o.code, code) << o.err;
    EXPECT_TRUE(o.is_one_line_from("vlmt-eval")) << o.err;
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err;
  }

  static Strings answers_of(const Json& result) {
    Strings out;
    for (const Json& answer : result["answers"]) out.push_back(answer["answer"]);
    return out;
  }
};

TEST_F(EvalProgram, ComparesAndResumes) {
  const Strings settings = {
      "--weights", "file,Q4_K_M",        "--kv",        "F16,Q4_0", "--scale", "1,0.5",     "--experts", "all,4",
      "--images",  "true,blank,swapped", "--deepstack", "on,zero",  "--out",   path("out"), "--format",  "json"};
  const Outcome first = eval(settings);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.err.find("8 configurations, 2 questions: 16 answers"), std::string::npos) << first.err;
  const Json report = program_test::parse_json(first.out);
  ASSERT_EQ(report["results"].size(), 8u);
  for (const char* form : {"md", "csv", "json", "html"}) {
    EXPECT_GT(read_text(path("out/report." + std::string(form))).size(), 500u) << form;
  }
  // Without changes, all answers come from the log.
  const Outcome second = eval(settings);
  EXPECT_NE(second.err.find(": 0 answers"), std::string::npos) << second.err;
  EXPECT_EQ(program_test::parse_json(second.out)["results"], report["results"]);
  // A changed image repeats its question in every configuration that uses it, and both questions where it affects the
  // choice of experts.
  write_png(path("a.png"), 32, 64);
  EXPECT_NE(eval(settings).err.find(": 9 answers"), std::string::npos);
}

TEST_F(EvalProgram, AnswersDoNotDependOnThreads) {
  const Outcome one = eval({"-t", "1", "--format", "json"});
  ASSERT_EQ(one.code, 0) << one.err;
  for (const Strings& threads : {Strings{"-t", "2"}, Strings{"-t", "2", "--parallel", "1"}}) {
    Strings more = threads;
    more.insert(more.end(), {"--format", "json"});
    const Outcome other = eval(more);
    ASSERT_EQ(other.code, 0) << other.err;
    EXPECT_EQ(answers_of(program_test::parse_json(other.out)["results"][0]),
              answers_of(program_test::parse_json(one.out)["results"][0]));
  }
}

TEST_F(EvalProgram, ReportsErrorsInOneLine) {
  expect_refusal({"--tasks", "x"}, "the set has no such task");
  expect_refusal({"--experts", "1"}, "more experts for each token");
  expect_refusal({"--weights", "Q3"}, "--weights", 2);
  expect_refusal({"--scale", "2"}, "--scale", 2);
  expect_refusal({"--experts", "0"}, "--experts", 2);
  expect_refusal({"--context", "16"}, "items.jsonl:1: ");
  write_text(path("b.png"), "no image");
  expect_refusal({}, "items.jsonl:2: ");
  write_text(path("items.jsonl"), "{}\n");
  expect_refusal({}, "items.jsonl:1: `id`: is missing");
}

TEST_F(EvalProgram, QuantizeKnowsMixtures) {
  vlmt::testing::write_tiny_model({.layers = 8}, path("dense.gguf"));
  const auto types = [&](const std::string& input, const std::string& mixture) {
    const Outcome o = run("vlmt-quantize", {path(input), path("out.gguf"), "--type", mixture, "--quiet"});
    EXPECT_EQ(o.code, 0) << o.err;
    return vlmt::GgufFile::open(path("out.gguf"));
  };
  {
    const auto file = types("dense.gguf", "Q4_K_M");
    // The first and the last eighth of 8 layers, and every third layer in between.
    for (std::size_t layer = 0; layer < 8; ++layer) {
      const bool more = layer == 0 || layer == 7 || layer == 3 || layer == 6;
      const std::string p = "blk." + std::to_string(layer) + ".";
      const auto expected = more ? vlmt::Q6_K::type_id : vlmt::Q4_K::type_id;
      EXPECT_EQ(file.require_tensor(p + "attn_v.weight").type, expected) << layer;
      EXPECT_EQ(file.require_tensor(p + "ffn_down.weight").type, expected) << layer;
      EXPECT_EQ(file.require_tensor(p + "attn_output.weight").type, vlmt::Q4_K::type_id) << layer;
      EXPECT_EQ(file.require_tensor(p + "ffn_up.weight").type, vlmt::Q4_K::type_id) << layer;
    }
    EXPECT_EQ(file.require_tensor("token_embd.weight").type, vlmt::Q6_K::type_id);
    EXPECT_EQ(file.require<std::uint32_t>("general.file_type"), 15u);
  }
  {
    const auto file = types("moe.gguf", "Q4_K_S");
    EXPECT_EQ(file.require_tensor("blk.1.attn_k.weight").type, vlmt::Q8_0::type_id);
    EXPECT_EQ(file.require_tensor("blk.1.attn_v.weight").type, vlmt::Q8_0::type_id);
    EXPECT_EQ(file.require_tensor("blk.1.attn_output.weight").type, vlmt::Q5_K::type_id);
    EXPECT_EQ(file.require_tensor("blk.1.ffn_down_exps.weight").type, vlmt::Q4_K::type_id);
  }
  // The name of a format applies to all matrices.
  EXPECT_EQ(types("dense.gguf", "Q4_0").require_tensor("token_embd.weight").type, vlmt::Q4_0::type_id);
}

/// The trained model of models/tiny on the images of models/samples.
class BundledModel : public program_test::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    ASSERT_TRUE(std::filesystem::exists(bundled_model)) << bundled_model << " is missing in the source tree";
  }
};

TEST_F(BundledModel, AnswersAllSamplesCorrectly) {
  for (const char* model : {"tiny", "tiny-moe"}) {
    const Outcome o = run("vlmt-eval", {"-m", model, "--format", "json"});
    ASSERT_EQ(o.code, 0) << o.err;
    const Json report = program_test::parse_json(o.out);
    Strings metrics;
    for (const Json& row : report["results"][0]["rows"]) {
      metrics.push_back(row["metric"]);
      EXPECT_EQ(row["score"], 1.0) << model << row;
    }
    // The samples cover text, boxes, JSON and times.
    for (const char* metric : {"exact", "iou", "json_f1", "seconds"}) {
      EXPECT_NE(std::find(metrics.begin(), metrics.end(), metric), metrics.end()) << metric;
    }
  }
}

TEST_F(BundledModel, NeedsTheImagesToAnswer) {
  const Outcome o = run("vlmt-eval", {"--images", "true,blank", "--format", "json"});
  ASSERT_EQ(o.code, 0) << o.err;
  const Json rows = program_test::parse_json(o.out)["results"][1]["rows"];
  EXPECT_LT(rows.back()["score"], 0.4) << rows.back();
  EXPECT_LT(rows.back()["paired"]["p"], 0.001);
}

TEST_F(BundledModel, IsTheDefaultOfChat) {
  const Json first = program_test::parse_json(
      read_text(bundled_samples + "/items.jsonl").substr(0, read_text(bundled_samples + "/items.jsonl").find('\n')));
  const std::string image = bundled_samples + "/" + first["content"][0]["image"].get<std::string>();
  const Outcome o = run("vlmt-chat", {"--greedy", "--image", image, first["content"][1]["text"].get<std::string>()});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, first["answer"].get<std::string>() + "\n");
  const Outcome samples = run("vlmt-chat", {"--samples"});
  EXPECT_EQ(samples.code, 0) << samples.err;
  EXPECT_NE(samples.out.find("\n" + first["answer"].get<std::string>() + "\n"), std::string::npos) << samples.out;
  EXPECT_EQ(run("vlmt-inspect", {"--plan"}).code, 0);
}

}  // namespace
