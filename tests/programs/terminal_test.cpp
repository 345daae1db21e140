// vlmt-chat at a terminal: long lines, pasted text, keys, history, completion and Ctrl-C.
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "programs/run_program.hpp"

namespace {

using program_test::read_text;
using program_test::write_png;
using Strings = std::vector<std::string>;
using Clock = std::chrono::steady_clock;

constexpr std::string_view escape = "\033";

/// A program in a pseudo-terminal of 24 lines of 80 characters.
class Terminal {
 public:
  Terminal(const std::string& program, const Strings& arguments, const std::string& state) {
    const std::string executable = std::string(VLMT_BIN) + "/" + program;
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    winsize size{24, 80, 0, 0};
    child_ = forkpty(&file_, nullptr, nullptr, &size);
    if (child_ == 0) {
      setenv("TERM", "xterm", 1);
      setenv("LC_ALL", "C", 1);
      setenv("XDG_STATE_HOME", state.c_str(), 1);
      setenv("HOME", state.c_str(), 1);
      execv(executable.c_str(), argv.data());
      _exit(127);
    }
  }
  ~Terminal() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(file_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Reads until `text` appears after what earlier calls have found. Returns what came before it.
  std::string wait_for(const std::string& text) {
    const auto end = Clock::now() + std::chrono::seconds(60);
    while (true) {
      if (const std::size_t at = output_.find(text, taken_); at != std::string::npos) {
        const std::string before = output_.substr(taken_, at - taken_);
        taken_ = at + text.size();
        return before;
      }
      if (Clock::now() > end || !read_some()) {
        ADD_FAILURE() << "no \"" << text << "\" in: " << output_.substr(taken_);
        return {};
      }
    }
  }
  void wait_for_prompt() { wait_for("> "); }

  /// Types text; large texts in the pace in which the program reads them.
  void send(const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      pollfd ready{file_, POLLOUT | POLLIN, 0};
      if (poll(&ready, 1, 30'000) <= 0) break;
      if ((ready.revents & POLLIN) != 0) read_some();
      if ((ready.revents & POLLOUT) == 0) continue;
      const ssize_t n = write(file_, text.data() + sent, std::min<std::size_t>(text.size() - sent, 256));
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    EXPECT_EQ(sent, text.size());
  }
  void paste(const std::string& text) { send(std::string(escape) + "[200~" + text + std::string(escape) + "[201~"); }

  /// The exit code.
  int wait_for_exit() {
    while (read_some()) {
    }
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  void interrupt() const { kill(child_, SIGINT); }
  void terminate() const { kill(child_, SIGTERM); }
  bool collects_lines() const {
    termios settings = {};
    tcgetattr(file_, &settings);
    return (settings.c_lflag & ICANON) != 0 && (settings.c_lflag & ECHO) != 0;
  }
  const std::string& output() const { return output_; }

 private:
  /// False at the end.
  bool read_some() {
    pollfd ready{file_, POLLIN, 0};
    if (poll(&ready, 1, 60'000) <= 0) return false;
    char block[4096];
    const ssize_t n = read(file_, block, sizeof block);
    if (n <= 0) return false;
    output_.append(block, static_cast<std::size_t>(n));
    return true;
  }

  int file_ = -1;
  pid_t child_ = -1;
  std::string output_;
  std::size_t taken_ = 0;
};

class TerminalChat : public program_test::ProgramTest {
 protected:
  Strings arguments(Strings more = {}) const {
    Strings all = {"-m", golden("qwen3vl/model.gguf"), "--mmproj", golden("qwen3vl/mmproj.gguf"), "--greedy", "-n",
                   "2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string state() const { return path("state"); }

  /// Prompt tokens that /stats shows for the only answer.
  static std::string prompt_tokens(const std::string& stats) {
    const std::size_t at = stats.find("prefill   ");
    return at == std::string::npos ? "none" : stats.substr(at + 10, stats.find(" tokens", at) - at - 10);
  }
  /// Those of a message that is piped in.
  std::string piped_tokens(const std::string& message) const {
    Strings all = arguments({"-i"});
    const program_test::Outcome o = run("vlmt-chat", all, message + "\n/stats\n");
    EXPECT_EQ(o.code, 0) << o.err;
    return prompt_tokens(o.out);
  }
  /// Waits for an answer and returns its prompt tokens.
  static std::string answered_tokens(Terminal& terminal) {
    terminal.wait_for_prompt();
    terminal.send("/stats\n");
    terminal.wait_for("load ");
    return prompt_tokens(terminal.wait_for("memory "));
  }
};

TEST_F(TerminalChat, LongLinesArriveWhole) {
  std::string line;
  while (line.size() < 4200) line += "word ";
  line += "end";
  const std::string expected = piped_tokens(line);
  Terminal typed("vlmt-chat", arguments(), state());
  typed.wait_for_prompt();
  typed.send(line + "\n");
  typed.wait_for("end");
  EXPECT_EQ(answered_tokens(typed), expected);
  Terminal pasted("vlmt-chat", arguments(), state());
  pasted.wait_for_prompt();
  pasted.paste(line);
  pasted.send("\n");
  pasted.wait_for("end");
  EXPECT_EQ(answered_tokens(pasted), expected);
}

TEST_F(TerminalChat, APastedTextIsOneMessage) {
  Terminal terminal("vlmt-chat", arguments(), state());
  terminal.wait_for_prompt();
  terminal.paste("one\rtwo\r\nthree");
  terminal.send(" four?\n");
  terminal.wait_for("four?");
  const std::string tokens = answered_tokens(terminal);
  // The same text as a prompt, with line feeds.
  Strings all = arguments({"--stats", "one\ntwo\nthree four?"});
  EXPECT_EQ(tokens, prompt_tokens(run("vlmt-chat", all).err));
  terminal.wait_for_prompt();
  terminal.send("\004");
  EXPECT_EQ(terminal.wait_for_exit(), 0);
}

TEST_F(TerminalChat, APasteTallerThanTheTerminalIsKept) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line " + std::to_string(i) + "\n";
  Terminal terminal("vlmt-chat", arguments({"--stats"}), state());
  terminal.wait_for_prompt();
  terminal.paste(text + "last");
  terminal.send("\n");
  terminal.wait_for("load ");
  EXPECT_EQ(prompt_tokens(terminal.wait_for("memory ")),
            prompt_tokens(run("vlmt-chat", arguments({"--stats", text + "last"})).err));
}

TEST_F(TerminalChat, KeysEditTheLine) {
  Terminal terminal("vlmt-chat", arguments(), state());
  terminal.wait_for_prompt();
  // Left twice, then insert: "Helo" becomes "Hello" and never holds "[D".
  terminal.send("/Helo" + std::string(escape) + "[D" + std::string(escape) + "[Dl\n");
  terminal.wait_for("unknown command /Hello;");
  terminal.wait_for_prompt();
  terminal.send(std::string(escape) + "[A\n");  // up: the line before
  terminal.wait_for("unknown command /Hello;");
  terminal.wait_for_prompt();
  terminal.send("/h\xc3\xa4\n");  // UTF-8 in any locale
  terminal.wait_for("unknown command /h\xc3\xa4;");
}

TEST_F(TerminalChat, HistoryOutlivesTheProgram) {
  {
    Terminal terminal("vlmt-chat", arguments(), state());
    terminal.wait_for_prompt();
    terminal.send("/remembered\n");
    terminal.wait_for("unknown command");
    terminal.wait_for_prompt();
    terminal.send("/quit\n");
    EXPECT_EQ(terminal.wait_for_exit(), 0);
  }
  EXPECT_EQ(read_text(state() + "/vlmt/history"), "/remembered\n/quit\n");
  Terminal terminal("vlmt-chat", arguments({"--no-history"}), state());
  terminal.wait_for_prompt();
  terminal.send("/forgotten\n");
  terminal.wait_for("unknown command /forgotten");
  terminal.wait_for_prompt();
  terminal.send("/quit\n");
  EXPECT_EQ(terminal.wait_for_exit(), 0);
  EXPECT_EQ(read_text(state() + "/vlmt/history"), "/remembered\n/quit\n");
}

TEST_F(TerminalChat, TabCompletesPaths) {
  write_png(path("a picture.png"), 64, 64);
  Terminal terminal("vlmt-chat", arguments(), state());
  terminal.wait_for_prompt();
  terminal.send("/im\t" + path("a") + "\t\n");
  terminal.wait_for("a picture.png: 64 x 64");
}

TEST_F(TerminalChat, CtrlCClearsTheLineAndTheTerminalIsRestored) {
  Terminal terminal("vlmt-chat", arguments(), state());
  terminal.wait_for_prompt();
  EXPECT_TRUE(terminal.output().find(std::string(escape) + "[?2004h") != std::string::npos);
  terminal.send("/cleared");
  terminal.wait_for("/cleared");
  terminal.send("\003");
  terminal.wait_for("\n> ");
  terminal.send("/asked\n");
  terminal.wait_for("unknown command /asked;");
  terminal.wait_for_prompt();
  EXPECT_FALSE(terminal.collects_lines());
  terminal.send("\004");
  EXPECT_EQ(terminal.wait_for_exit(), 0);
  EXPECT_TRUE(terminal.collects_lines());
  EXPECT_TRUE(terminal.output().find(std::string(escape) + "[?2004l") != std::string::npos);

  Terminal ended("vlmt-chat", arguments(), state());
  ended.wait_for_prompt();
  ended.terminate();
  EXPECT_EQ(ended.wait_for_exit(), 128 + SIGTERM);
  EXPECT_TRUE(ended.collects_lines());
}

}  // namespace
