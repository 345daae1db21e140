// The command lines of all programs: numbers and their bounds.
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "programs/run_program.hpp"

namespace {

using program_test::Outcome;
using Strings = std::vector<std::string>;

const Strings all_programs = {"vlmt-bench",  "vlmt-chat",   "vlmt-eval",    "vlmt-inspect",
                              "vlmt-limits", "vlmt-parity", "vlmt-quantize"};

class Options : public program_test::ProgramTest {
 protected:
  /// The long names of the options with a number or a size, from the help text.
  std::set<std::string> numbers(const std::string& program) const {
    const Outcome help = run(program, {"--help"});
    EXPECT_EQ(help.code, 0) << program;
    const std::regex option(R"( +(?:-\w,)?(--[a-z-]+) (?:UINT|INT|FLOAT|WxH).*)");
    std::set<std::string> names;
    std::istringstream lines(help.out);
    std::smatch match;
    for (std::string line; std::getline(lines, line);) {
      if (std::regex_match(line, match, option)) names.insert(match[1]);
    }
    return names;
  }

  void expect_refusal(const std::string& program, const Strings& arguments, const std::string& name,
                      const std::string& text) const {
    const Outcome o = run(program, arguments);
    EXPECT_EQ(o.code, 2) << program << " " << name << " " << text << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_TRUE(o.is_one_line_from(program)) << o.err;
    EXPECT_NE(o.err.find(" " + name + ": "), std::string::npos) << o.err;
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err;
    EXPECT_EQ(o.err.find("18446744073709551615,"), std::string::npos) << o.err;
  }
};

TEST_F(Options, EveryNumberIsChecked) {
  std::size_t options = 0;
  for (const std::string& program : all_programs) {
    for (const std::string& name : numbers(program)) {
      ++options;
      // -101 is below every bound.
      for (const char* text : {"-101", "nan"}) expect_refusal(program, {name + "=" + text}, name, text);
    }
  }
  EXPECT_GT(options, 40u);
}

TEST_F(Options, BoundsAreThoseOfTheirOption) {
  const std::vector<std::pair<std::string, Strings>> wrong = {
      {"vlmt-chat", {"-t", "-1"}},
      {"vlmt-chat", {"-t", "1025"}},
      {"vlmt-chat", {"-t", "0x10"}},
      {"vlmt-chat", {"-t", "7seven"}},
      {"vlmt-chat", {"--chunk", "0"}},
      {"vlmt-chat", {"-n", "-2"}},
      {"vlmt-chat", {"-c", "-1"}},
      {"vlmt-chat", {"--max-image-tokens", "-1"}},
      {"vlmt-chat", {"--fps", "0"}},
      {"vlmt-chat", {"--fps", "inf"}},
      {"vlmt-chat", {"--temp", "-0.1"}},
      {"vlmt-chat", {"--top-p", "0"}},
      {"vlmt-chat", {"--top-p", "1.01"}},
      {"vlmt-chat", {"--min-p", "-0.5"}},
      {"vlmt-chat", {"--memory-limit", "99999999999999G"}},
      {"vlmt-chat", {"--max-pixels", "4X"}},
      {"vlmt-inspect", {"--plan", "-t", "-1"}},
      {"vlmt-inspect", {"--plan", "--image", "0x5"}},
      {"vlmt-eval", {"-t", "-1"}},
      {"vlmt-eval", {"--scale", "0.5,nan"}},
      {"vlmt-bench", {"-t", "2,-1"}},
      {"vlmt-bench", {"--image", "64x64,64"}},
      {"vlmt-parity", {"--limit", "-1"}},
      {"vlmt-quantize", {"-t", "-1"}},
      {"vlmt-limits", {"-t", "0"}},
  };
  for (const auto& [program, arguments] : wrong) {
    const Outcome o = run(program, arguments);
    EXPECT_EQ(o.code, 2) << arguments.back() << o.err;
    EXPECT_NE(o.err.find(": --"), std::string::npos) << o.err;
    EXPECT_NE(o.err.find("expected "), std::string::npos) << o.err;
  }
}

TEST_F(Options, MinusOneIsNoLimitAndARandomSeed) {
  const Outcome o = run("vlmt-chat", {"--json", "-n", "-1", "--seed", "-1", "-c", "48", "--ignore-eos", "Hi"});
  ASSERT_EQ(o.code, 0) << o.err;
  const Outcome zero = run("vlmt-chat", {"--json", "-n", "0", "-c", "48", "--ignore-eos", "Hi"});
  EXPECT_EQ(program_test::parse_json(o.out)["tokens"].size(), program_test::parse_json(zero.out)["tokens"].size());
}

TEST_F(Options, EveryProgramHasAVersion) {
  for (const std::string& program : all_programs) {
    const Outcome o = run(program, {"--version"});
    EXPECT_EQ(o.code, 0);
    EXPECT_TRUE(
        std::regex_match(o.out, std::regex(program + R"( \d+\.\d+\.\d+( \([^)]+\))?, compiled by .* for \w+\n)")))
        << o.out;
  }
}

TEST_F(Options, OptionsOfOtherProgramsAreUnderstood) {
  const Strings base = {"-m", golden("qwen3vl/model.gguf"), "--json", "--greedy"};
  const auto answer = [&](Strings arguments, const std::string& said) {
    arguments.insert(arguments.begin(), base.begin(), base.end());
    const Outcome o = run("vlmt-chat", arguments);
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_NE(o.err.find(said), std::string::npos) << o.err << "should say: " << said;
    return o.code == 0 ? program_test::parse_json(o.out)["tokens"].dump() : "";
  };
  const std::string ours = answer({"-n", "4", "-c", "512", "--kv-keys", "Q8_0", "--system", "Be brief.", "Hi"}, "");
  const std::string theirs =
      answer({"--n-predict", "4", "--ctx-size=512", "-ctk", "q8_0", "-sys", "Be brief.", "-p", "Hi"}, "");
  EXPECT_EQ(ours, theirs);
  // A flag takes no value: what follows one more of them is an option, too.
  EXPECT_EQ(answer({"--stats", "--n-predict", "4", "--ctx-size", "512", "-ctk", "q8_0", "-sys", "Be brief.", "Hi"}, ""),
            ours);
  EXPECT_NE(answer({"--stats", "--max-picture-tokens", "64", "-n", "4", "Hi"}, ""), "");
  EXPECT_EQ(answer({"-ngl",      "99",
                    "--predict", "4",
                    "-c",        "512",
                    "-ctk",      "q8_0",
                    "-sys",      "Be brief.",
                    "--no-mmap", "-fa",
                    "on",        "-b=2048",
                    "--jinja",   "--color",
                    "-no-cnv",   "--temperature",
                    "0.5",       "--repeat-penalty",
                    "1.0",       "Hi"},
                   "vlmt-chat: -ngl: ignored: vlmt has no GPU build"),
            ours);
  // Values are left alone, and so is everything after --.
  EXPECT_NE(answer({"-n", "4", "-p", "-ngl"}, ""), "");
  EXPECT_NE(answer({"-n", "4", "--", "--jinja"}, ""), "");
}

TEST_F(Options, OptionsThatWouldChangeResultsAreAnswered) {
  for (const auto& [option, said] :
       std::vector<std::pair<std::string, std::string>>{{"-hf", "downloads nothing"},
                                                        {"--lora", "adapters"},
                                                        {"--rope-scaling", "cannot be scaled"},
                                                        {"-f", "pipe"},
                                                        {"--mirostat", "--temp"},
                                                        {"--video", "--frames"}}) {
    const Outcome o = run("vlmt-chat", {option, "x", "Hi"});
    EXPECT_EQ(o.code, 2) << option;
    EXPECT_TRUE(o.is_one_line_from("vlmt-chat")) << o.err;
    EXPECT_NE(o.err.find(said), std::string::npos) << o.err;
  }
  // Programs keep their own meaning of a name.
  EXPECT_EQ(run("vlmt-bench", {"-b", "0"}).code, 2);
}

}  // namespace
