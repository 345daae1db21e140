// Conversations with vlmt-chat through a pipe: attachments, what holds a question back, and full contexts; and prompts
// that are joined from standard input and the command line.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "programs/run_program.hpp"

namespace {

using program_test::Outcome;
using program_test::parse_json;
using program_test::read_text;
using program_test::write_png;
using program_test::write_text;
using Strings = std::vector<std::string>;

class Conversation : public program_test::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write_png(path("my pic.png"), 256, 256);
    write_png(path("x.png"), 384, 256);
  }

  /// Runs the golden model with greedy sampling.
  Outcome chat(Strings arguments, const std::string& input = {}) const {
    const Strings model = {"-m", golden("qwen3vl/model.gguf"), "--mmproj", golden("qwen3vl/mmproj.gguf"), "--greedy"};
    arguments.insert(arguments.begin(), model.begin(), model.end());
    return run("vlmt-chat", arguments, input);
  }
  Outcome talk(const std::string& input) const { return chat({"-i", "-n", "2", "--stats"}, input); }

  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
  }
  /// Answers in the output of --stats.
  static std::size_t answers(const Outcome& o) { return count(o.err, "\nprefill "); }
};

TEST_F(Conversation, AttachesPathsInAllTheirForms) {
  const std::string pic = path("my pic.png"), home = home_.string();
  for (const std::string& line :
       {"/image \"" + pic + "\"\nWhat is it?\n", "/image " + home + "/my\\ pic.png\nWhat is it?\n",
        "/image file://" + home + "/my%20pic.png What is it?\n", "'" + pic + "'\nWhat is it?\n",
        "/image " + pic + " What is it?\n"}) {
    const Outcome o = talk(line);
    EXPECT_EQ(o.code, 0) << line << o.err;
    EXPECT_EQ(answers(o), 1u) << o.err;
    EXPECT_NE(o.err.find("for 1 images, 64 tokens"), std::string::npos) << line << o.err;
    EXPECT_NE(o.out.find("my pic.png: 256 x 256"), std::string::npos) << o.out;
  }
  const Outcome both = talk("/image " + path("x.png") + " '" + pic + "' Which is larger?\n");
  EXPECT_EQ(both.code, 0) << both.err;
  EXPECT_NE(both.err.find("for 2 images, 160 tokens"), std::string::npos) << both.err;
}

TEST_F(Conversation, AMissingFileHoldsTheQuestionBack) {
  for (const char* line : {"/image \"none.png\"\nRead the text.\n", "/frames none\nWhen?\n",
                           "/image none.png what is it?\n", "/gone/none.png\nWhat is it?\n", "/image\nWhat?\n"}) {
    const Outcome o = talk(line);
    EXPECT_EQ(o.code, 1) << line;
    EXPECT_EQ(answers(o), 0u) << line << o.out << o.err;
    EXPECT_NE(o.err.find("/drop"), std::string::npos) << o.err;
  }
  const Outcome mended = talk("/image none.png\nheld\n/image " + path("x.png") + "\nWhat is it?\n");
  EXPECT_EQ(mended.code, 1);  // "held" has no answer
  EXPECT_EQ(answers(mended), 1u) << mended.err;
  EXPECT_NE(mended.err.find("for 1 images"), std::string::npos) << mended.err;
  const Outcome dropped = talk("/image " + path("x.png") + "\n/image none.png\n/drop\nWhat is it?\n");
  EXPECT_EQ(answers(dropped), 1u);
  EXPECT_NE(dropped.err.find("for 1 images"), std::string::npos) << dropped.err;
  const Outcome none = talk("/image " + path("x.png") + "\n/drop\nWhat is it?\n");
  EXPECT_EQ(none.code, 0) << none.err;
  EXPECT_NE(none.err.find("for 0 images"), std::string::npos) << none.err;
}

TEST_F(Conversation, ImagesStayAttachedUntilAMessageIsAnswered) {
  write_text(path("cut.png"), read_text(path("x.png")).substr(0, 60));
  const Outcome o = talk("/image " + path("x.png") + "\n/image " + path("cut.png") + "\nWhat is it?\nAgain?\n");
  EXPECT_EQ(o.code, 1);
  EXPECT_EQ(answers(o), 0u) << o.err;
  EXPECT_EQ(count(o.err, "still attached: " + path("x.png")), 2u) << o.err;
}

TEST_F(Conversation, UnansweredLinesOfAPipeAreAFailure) {
  EXPECT_EQ(talk("/nonsense\nHi\n").code, 1);
  EXPECT_EQ(talk("Hi\n/stats\n/bye\nnever asked\n").code, 0);
}

TEST_F(Conversation, OneQuestionTakesUrisAndStandardInput) {
  const auto tokens = [](const Outcome& o) {
    EXPECT_EQ(o.code, 0) << o.err;
    return o.code == 0 ? parse_json(o.out)["stats"]["visual_tokens"].get<int>() : -1;
  };
  const Strings rest = {"--json", "-n", "2", "What?"};
  const auto ask = [&](const std::string& image, const std::string& input = {}) {
    Strings arguments = {"--image", image};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return chat(arguments, input);
  };
  EXPECT_EQ(tokens(ask("file://" + home_.string() + "/my%20pic.png")), 64);
  EXPECT_EQ(tokens(ask("'" + path("my pic.png") + "'")), 64);
  EXPECT_EQ(tokens(ask("-", read_text(path("x.png")))), 96);
  EXPECT_EQ(ask("-").code, 1);
  EXPECT_EQ(ask("data:image/png;base64,AAAA").code, 1);
  const Outcome text = chat({"-n", "2", "What is it?"}, read_text(path("x.png")));
  EXPECT_EQ(text.code, 1);
  EXPECT_NE(text.err.find("--image -"), std::string::npos) << text.err;
}

TEST_F(Conversation, PipedTextComesBeforeThePrompt) {
  const auto answer = [&](const Strings& arguments, const std::string& input) {
    Strings all = {"--json", "-n", "4"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome o = chat(all, input);
    EXPECT_EQ(o.code, 0) << o.err;
    const auto json = parse_json(o.out);
    return json["stats"]["prompt_tokens"].dump() + json["tokens"].dump();
  };
  const std::string joined = answer({"one two three\n\nSummarise it."}, "");
  EXPECT_EQ(answer({"Summarise it."}, "one two three\n"), joined);
  EXPECT_EQ(answer({"-p", "Summarise it."}, "one two three\n"), joined);
  EXPECT_EQ(answer({}, "one two three\n\nSummarise it.\n"), joined);
  EXPECT_NE(answer({"Summarise it."}, ""), joined);
}

TEST_F(Conversation, ACutAnswerTellsWhatCutIt) {
  const auto finish = [&](const Strings& arguments) {
    Strings all = {"--json", "--ignore-eos"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return parse_json(chat(all).out)["finish"];
  };
  EXPECT_EQ(finish({"-n", "3", "Hi"}), "length");
  EXPECT_EQ(finish({"-n", "0", "-c", "32", "Hi"}), "context");
  const Outcome o = talk("Hi\n");
  EXPECT_NE(o.err.find("vlmt-chat: the answer was cut after 2 tokens; --max-tokens 0"), std::string::npos) << o.err;
  const Outcome full = chat({"-i", "-n", "0", "-c", "24"}, "Hi\n");
  EXPECT_NE(full.err.find("the context of 24 tokens is full; /reset starts a new conversation; --context allows up to"),
            std::string::npos)
      << full.err;
}

TEST_F(Conversation, AFullContextSaysWhatHelps) {
  const Outcome once = chat({"-c", "9", "What is the capital of France?"});
  EXPECT_EQ(once.code, 1);
  EXPECT_NE(once.err.find(" tokens (0 from images); the context holds 9"), std::string::npos) << once.err;
  const Outcome o = chat({"-i", "-n", "4", "-c", "48"}, "Hi\n" + std::string(400, 'x') + "\n/reset\nHi\n");
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(
      o.err.find("; the context holds 48, answer included; /reset starts a new conversation; --context allows up"),
      std::string::npos)
      << o.err;
}

TEST_F(Conversation, RandomRunsCanBeRepeated) {
  const auto answer = [&](const Strings& more) {
    Strings arguments = {"-m", golden("qwen3vl/model.gguf"), "--json", "--temp", "1.5", "-n", "12", "Hi"};
    arguments.insert(arguments.begin(), more.begin(), more.end());
    const Outcome o = run("vlmt-chat", arguments);
    EXPECT_EQ(o.code, 0) << o.err;
    return parse_json(o.out);
  };
  const auto first = answer({});
  const auto again = answer({"--seed", first["seed"].dump()});
  EXPECT_EQ(again["seed"], first["seed"]);
  EXPECT_EQ(again["tokens"], first["tokens"]);
  EXPECT_NE(answer({})["seed"], first["seed"]);
  EXPECT_TRUE(answer({"--greedy"})["seed"].is_null());
  const Outcome stats = run("vlmt-chat", {"--seed", "77", "--stats", "-n", "2", "Hi"});
  EXPECT_NE(stats.err.find("seed      77\n"), std::string::npos) << stats.err;
}

}  // namespace
