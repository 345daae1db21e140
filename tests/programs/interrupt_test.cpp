// Ctrl-C in the programs, on a terminal: a chat goes on, others end with code 130 and leave no temporary files.
#include "common/interrupt.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/quant/q8_0.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "programs/run_program.hpp"

namespace {

using program_test::read_text;
using program_test::write_png;
using program_test::write_text;
using Clock = std::chrono::steady_clock;
using Strings = std::vector<std::string>;

/// A program on a terminal of its own.
class TerminalProgram {
 public:
  /// `folder`: for temporary files, in tmp/, and what the program keeps.
  TerminalProgram(const std::string& program, const Strings& arguments, const std::string& folder) {
    terminal_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_TRUE(terminal_ >= 0 && grantpt(terminal_) == 0 && unlockpt(terminal_) == 0);
    const std::string name = ptsname(terminal_);
    const std::string executable = std::string(VLMT_BIN) + "/" + program;
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    const std::string threads = std::to_string(vlmt::OmpTeam::default_size().usable);
    child_ = fork();
    if (child_ != 0) return;
    setsid();
    const int side = open(name.c_str(), O_RDWR);
    if (side < 0 || ioctl(side, TIOCSCTTY, 0) != 0 || dup2(side, 0) < 0 || dup2(side, 1) < 0 || dup2(side, 2) < 0) {
      _exit(126);
    }
    setenv("TMPDIR", (folder + "/tmp").c_str(), 1);
    setenv("XDG_CACHE_HOME", (folder + "/cache").c_str(), 1);
    setenv("OMP_NUM_THREADS", threads.c_str(), 0);
    std::signal(SIGINT, SIG_DFL);
    execv(executable.c_str(), argv.data());
    _exit(127);
  }
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;
  ~TerminalProgram() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(terminal_);
  }

  void type(const std::string& keys) const {
    EXPECT_EQ(write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  void press_ctrl_c() const { type("\x03"); }

  /// Reads until the output since the last call contains `text`, and returns it. Fails after a minute.
  std::string wait_for(const std::string& text) {
    std::string out = std::exchange(rest_, {});
    while (out.find(text) == std::string::npos) {
      if (!read_some(out)) {
        ADD_FAILURE() << "no \"" << text << "\" in: " << out;
        return out;
      }
    }
    const std::size_t end = out.find(text) + text.size();
    rest_ = out.substr(end);
    out.resize(end);
    return out;
  }

  /// The exit code, or 128 + the signal that ended the program. Fails after a minute.
  int code() {
    while (read_some(rest_)) continue;
    int status = 0;
    const Clock::time_point end = Clock::now() + std::chrono::minutes(1);
    while (waitpid(child_, &status, WNOHANG) == 0) {
      if (Clock::now() > end) {
        ADD_FAILURE() << "still runs; output: " << rest_;
        return -1;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    child_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  /// After code(): the rest of the output.
  const std::string& rest() const { return rest_; }

 private:
  bool read_some(std::string& out) const {
    char buffer[4096];
    pollfd wait{terminal_, POLLIN, 0};
    if (poll(&wait, 1, 60'000) <= 0) return false;
    const ssize_t n = read(terminal_, buffer, sizeof buffer);
    if (n <= 0) return false;  // EIO: the program has closed its side
    out.append(buffer, static_cast<std::size_t>(n));
    return true;
  }

  int terminal_ = -1;
  pid_t child_ = -1;
  std::string rest_;
};

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
    chat.wait_for("everything.");  // the terminal's echo
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + 100 * i));
    chat.press_ctrl_c();
    const std::string out = chat.wait_for("\n> ");
    EXPECT_NE(out.find("(cancelled: not part of the conversation)"), std::string::npos) << out;
    EXPECT_NE(out.find("ended by cancelled"), std::string::npos) << out;
  }
  chat.type("\x03/stats\n");  // at the prompt: a new line
  chat.wait_for("ended by cancelled");
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
    Strings texts;
    const auto json = program_test::parse_json(out);
    for (const auto& answer : json["results"][0]["answers"]) texts.push_back(answer["answer"]);
    return texts;
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

}  // namespace
