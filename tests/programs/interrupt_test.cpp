// Ctrl-C in the programs, on a terminal: a chat goes on, others end with code 130 and leave no temporary files.
#include "common/interrupt.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/quant/q8_0.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "common/wake_pipe.hpp"
#include "programs/run_program.hpp"
#include "programs/terminal_program.hpp"

namespace {

using program_test::read_text;
using program_test::TerminalProgram;
using program_test::write_png;
using program_test::write_text;
using Clock = std::chrono::steady_clock;
using Strings = std::vector<std::string>;

class Interrupts : public program_test::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    std::filesystem::create_directory(path("tmp"));
  }
  void TearDown() override {
    EXPECT_TRUE(std::filesystem::is_empty(path("tmp"))) << "temporary files are left";
    ProgramTest::TearDown();
  }

  TerminalProgram start(const std::string& program, const Strings& arguments) const {
    return {program, arguments, home_.string()};
  }
  /// The golden model with answers that do not end by themselves.
  static Strings endless(const Strings& more) {
    Strings all = {"-m",        golden("qwen3vl/model.gguf"),
                   "--mmproj",  golden("qwen3vl/mmproj.gguf"),
                   "--greedy",  "--ignore-eos",
                   "-n",        "0",
                   "--context", "300000",
                   "--kv",      "Q4_0"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// Writes a model whose image takes minutes, and an image.
  Strings slow_vision() const {
    vlmt::testing::TinyModel shape;
    shape.vision_depth = 200;
    shape.vision_hidden = 256;
    shape.vision_ffn = 512;
    vlmt::testing::write_tiny_model(shape, path("model.gguf"));
    vlmt::testing::write_tiny_mmproj<vlmt::Q8_0>(shape, path("mmproj.gguf"));
    write_png(path("image.png"), 1920, 1080);
    return {"-m", path("model.gguf"), "--mmproj", path("mmproj.gguf"), "--greedy", "-n", "5", "--ignore-eos"};
  }
};

TEST_F(Interrupts, EndAnAnswer) {
  TerminalProgram chat = start("vlmt-chat", endless({"Tell me everything."}));
  chat.wait_for("prefill");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  chat.press_ctrl_c();
  EXPECT_EQ(chat.code(), 130);
}

TEST_F(Interrupts, CancelAnAnswerOfAConversation) {
  TerminalProgram chat = start("vlmt-chat", endless({"--stats"}));
  chat.wait_for("> ");
  for (int i = 0; i < 3; ++i) {
    chat.type("Tell me everything.\n");
    chat.wait_for("everything.\r\n");  // the chat has read the line
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + 100 * i));
    chat.press_ctrl_c();
    const std::string out = chat.wait_for("\n> ");
    EXPECT_NE(out.find("(cancelled: not part of the conversation)"), std::string::npos) << out;
    EXPECT_NE(out.find("ended by cancelled"), std::string::npos) << out;
  }
  chat.type("/quit\n");
  EXPECT_EQ(chat.code(), 0);
}

// Ctrl-C that came between the prompt and the read was taken for a second one: it killed the chat.
TEST_F(Interrupts, NeverEndAConversationAtItsPrompt) {
  TerminalProgram chat = start("vlmt-chat", endless({}));
  chat.wait_for("> ");
  for (int i = 0; i < 20; ++i) {
    chat.type("Hi\n");
    chat.wait_for("Hi\r\n");
    chat.press_ctrl_c();
    chat.wait_for("\n> ");
    chat.type("half\x03\x03/nonsense\n");  // what is typed after Ctrl-C is a line of its own
    chat.wait_for("unknown command /nonsense;");
    chat.wait_for("\n> ");
  }
  chat.type("/quit\n");
  EXPECT_EQ(chat.code(), 0);
}

TEST_F(Interrupts, CancelTheEncodingOfAnImage) {
  TerminalProgram chat = start("vlmt-chat", slow_vision());
  chat.wait_for("> ");
  chat.type("/image " + path("image.png") + "\nDescribe it.\n");
  chat.wait_for("encoding images 1 %");
  const Clock::time_point start = Clock::now();
  chat.press_ctrl_c();
  const std::string out = chat.wait_for("\n> ");
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));  // half a second on an idle machine
  EXPECT_NE(out.find("(cancelled: not part of the conversation; the images stay attached"), std::string::npos) << out;
  chat.type("Describe it.\n");
  chat.wait_for("encoding images 1 %");  // still attached, and encoded anew
  chat.press_ctrl_c();
  chat.wait_for("\n> ");
  chat.type("/reset\nHello.\n");
  EXPECT_EQ(chat.wait_for("\n> ").find("encoding"), std::string::npos);
  chat.wait_for("\n> ");
  chat.type("/quit\n");
  EXPECT_EQ(chat.code(), 0);
}

TEST_F(Interrupts, EndTheEncodingOfAnImage) {
  Strings arguments = slow_vision();
  arguments.insert(arguments.end(), {"--image", path("image.png"), "Describe it."});
  TerminalProgram chat = start("vlmt-chat", arguments);
  chat.wait_for("encoding images 1 %");
  chat.press_ctrl_c();
  EXPECT_EQ(chat.code(), 130);
}

TEST_F(Interrupts, EndABenchmark) {
  TerminalProgram bench = start(
      "vlmt-bench", {"-m", golden("qwen3vl/model.gguf"), "-p", "0", "-n", "100", "-r", "1000", "--limit-memory", "64"});
  bench.wait_for("run 2 of");
  bench.press_ctrl_c();
  EXPECT_EQ(bench.code(), 130);
}

TEST_F(Interrupts, EndAQuantisation) {
  vlmt::testing::TinyModel shape;
  shape.layers = 60;
  vlmt::testing::write_tiny_model(shape, path("model.gguf"));
  TerminalProgram quantize = start("vlmt-quantize", {path("model.gguf"), path("out.gguf"), "--type", "Q2_K"});
  quantize.wait_for("blk.3.");
  quantize.press_ctrl_c();
  EXPECT_EQ(quantize.code(), 130);
  EXPECT_NE(quantize.rest().find("vlmt-quantize: interrupted"), std::string::npos) << quantize.rest();
  EXPECT_FALSE(std::filesystem::exists(path("out.gguf")));
  EXPECT_FALSE(std::filesystem::exists(path("out.gguf.part")));
}

// An interrupted evaluation keeps its complete answers, and the same command gives the results of one that was not.
TEST_F(Interrupts, AnEvaluationGoesOn) {
  vlmt::testing::TinyModel shape;
  vlmt::testing::write_tiny_model(shape, path("model.gguf"));
  std::string set;
  constexpr int questions = 60;
  for (int i = 0; i < questions; ++i) {
    set += R"({"id": ")" + std::to_string(i) + R"(", "task": "t", "content": [{"type": "text", "text": "What is )" +
           std::to_string(i) + R"(?"}], "answer": "yes", "metric": "exact"})" + "\n";
  }
  write_text(path("items.jsonl"), set);
  const auto arguments = [&](const std::string& out) {
    return Strings{home_.string(), "-m",    path("model.gguf"), "--max-tokens", "200", "--weights",
                   "Q4_K_M",       "--out", path(out),          "--format",     "json"};
  };
  TerminalProgram eval = start("vlmt-eval", arguments("out"));
  eval.wait_for(" 10 %");
  eval.press_ctrl_c();
  EXPECT_EQ(eval.code(), 130);
  EXPECT_NE(eval.rest().find("holds the answers so far"), std::string::npos) << eval.rest();
  const auto rest = run("vlmt-eval", arguments("out"));
  EXPECT_EQ(rest.code, 0) << rest.err;
  EXPECT_EQ(rest.err.find(": " + std::to_string(questions) + " answers"), std::string::npos) << rest.err;
  const auto whole = run("vlmt-eval", arguments("other"));
  EXPECT_EQ(whole.code, 0) << whole.err;
  EXPECT_NE(whole.err.find(": " + std::to_string(questions) + " answers"), std::string::npos) << whole.err;
  const auto texts = [&](const std::string& out) {
    Strings all;
    const auto json = program_test::parse_json(out);
    for (const auto& answer : json["results"][0]["answers"]) all.push_back(answer["answer"]);
    return all;
  };
  EXPECT_EQ(texts(rest.out), texts(whole.out));
}

TEST(InterruptHandler, TheSecondOneKills) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        programs::handle_interrupts();
        std::raise(SIGINT);
        if (!programs::interrupted.is_set()) std::exit(1);
        programs::interrupted.clear();
        std::raise(SIGINT);
        if (!programs::interrupted.is_set()) std::exit(2);
        std::raise(SIGINT);
        std::exit(3);
      },
      testing::KilledBySignal(SIGINT), "");
}

// As programs that edit lines do, which restore the terminal first.
TEST(InterruptHandler, TheSecondOneDoesWhatTheFirstDidBefore) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::signal(SIGINT, [](int) { std::_Exit(7); });
        programs::handle_interrupts();
        std::raise(SIGINT);
        std::raise(SIGINT);
        std::exit(1);
      },
      testing::ExitedWithCode(7), "");
}

TEST(InterruptHandler, NoneKillsAtAPrompt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        programs::handle_interrupts();
        std::raise(SIGINT);
        {
          const programs::Prompt prompt;
          if (programs::interrupted.is_set()) std::exit(1);
          // On any thread, and before the program waits.
          for (int i = 0; i < 3; ++i) std::thread([] { std::raise(SIGINT); }).join();
          if (programs::wait_for_input() || !programs::interrupted.is_set()) std::exit(2);
          programs::interrupted.clear();
          std::raise(SIGINT);
        }
        if (!programs::interrupted.is_set()) std::exit(3);  // for the work after the prompt
        std::raise(SIGINT);
        std::exit(4);
      },
      testing::KilledBySignal(SIGINT), "");
}

}  // namespace
