// vlmt-chat at a terminal: long lines, pasted text, keys, history, completion and Ctrl-C.
#include <csignal>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "programs/run_program.hpp"
#include "programs/terminal_program.hpp"

namespace {

using program_test::read_text;
using program_test::TerminalProgram;
using program_test::write_png;
using Strings = std::vector<std::string>;

const std::string escape = "\033";

class TerminalChat : public program_test::ProgramTest {
 protected:
  Strings arguments(Strings more = {}) const {
    Strings all = {"-m", golden("qwen3vl/model.gguf"), "--mmproj", golden("qwen3vl/mmproj.gguf"), "--greedy", "-n",
                   "2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
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
  static std::string answered_tokens(TerminalProgram& terminal) {
    terminal.wait_for_prompt();
    terminal.type("/stats\n");
    terminal.wait_for("load ");
    return prompt_tokens(terminal.wait_for("memory "));
  }
};

TEST_F(TerminalChat, LongLinesArriveWhole) {
  std::string line;
  while (line.size() < 4200) line += "word ";
  line += "end";
  const std::string expected = piped_tokens(line);
  TerminalProgram typed("vlmt-chat", arguments(), home_.string());
  typed.wait_for_prompt();
  typed.type(line + "\n");
  typed.wait_for("end");
  EXPECT_EQ(answered_tokens(typed), expected);
  TerminalProgram pasted("vlmt-chat", arguments(), home_.string());
  pasted.wait_for_prompt();
  pasted.paste(line);
  pasted.type("\n");
  pasted.wait_for("end");
  EXPECT_EQ(answered_tokens(pasted), expected);
}

TEST_F(TerminalChat, APastedTextIsOneMessage) {
  TerminalProgram terminal("vlmt-chat", arguments(), home_.string());
  terminal.wait_for_prompt();
  terminal.paste("one\rtwo\r\nthree");
  terminal.type(" four?\n");
  terminal.wait_for("four?");
  const std::string tokens = answered_tokens(terminal);
  // The same text as a prompt, with line feeds.
  Strings all = arguments({"--stats", "one\ntwo\nthree four?"});
  EXPECT_EQ(tokens, prompt_tokens(run("vlmt-chat", all).err));
  terminal.wait_for_prompt();
  terminal.type("\004");
  EXPECT_EQ(terminal.code(), 0);
}

TEST_F(TerminalChat, APasteTallerThanTheTerminalIsKept) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line " + std::to_string(i) + "\n";
  TerminalProgram terminal("vlmt-chat", arguments({"--stats"}), home_.string());
  terminal.wait_for_prompt();
  terminal.paste(text + "last");
  terminal.type("\n");
  terminal.wait_for("load ");
  EXPECT_EQ(prompt_tokens(terminal.wait_for("memory ")),
            prompt_tokens(run("vlmt-chat", arguments({"--stats", text + "last"})).err));
}

TEST_F(TerminalChat, KeysEditTheLine) {
  TerminalProgram terminal("vlmt-chat", arguments(), home_.string());
  terminal.wait_for_prompt();
  // Left twice, then insert: "Helo" becomes "Hello" and never holds "[D".
  terminal.type("/Helo" + escape + "[D" + escape + "[Dl\n");
  terminal.wait_for("unknown command /Hello;");
  terminal.wait_for_prompt();
  terminal.type(escape + "[A\n");  // up: the line before
  terminal.wait_for("unknown command /Hello;");
  terminal.wait_for_prompt();
  terminal.type("/h\xc3\xa4\n");  // UTF-8 in any locale
  terminal.wait_for("unknown command /h\xc3\xa4;");
}

TEST_F(TerminalChat, HistoryOutlivesTheProgram) {
  {
    TerminalProgram terminal("vlmt-chat", arguments(), home_.string());
    terminal.wait_for_prompt();
    terminal.type("/remembered\n");
    terminal.wait_for("unknown command");
    terminal.wait_for_prompt();
    terminal.type("/quit\n");
    EXPECT_EQ(terminal.code(), 0);
  }
  EXPECT_EQ(read_text(path("state/vlmt/history")), "/remembered\n/quit\n");
  TerminalProgram terminal("vlmt-chat", arguments({"--no-history"}), home_.string());
  terminal.wait_for_prompt();
  terminal.type("/forgotten\n");
  terminal.wait_for("unknown command /forgotten");
  terminal.wait_for_prompt();
  terminal.type("/quit\n");
  EXPECT_EQ(terminal.code(), 0);
  EXPECT_EQ(read_text(path("state/vlmt/history")), "/remembered\n/quit\n");
}

TEST_F(TerminalChat, TabCompletesPaths) {
  write_png(path("a picture.png"), 64, 64);
  TerminalProgram terminal("vlmt-chat", arguments(), home_.string());
  terminal.wait_for_prompt();
  terminal.type("/im\t" + path("a") + "\t\n");
  terminal.wait_for("a picture.png: 64 x 64");
}

TEST_F(TerminalChat, CtrlCClearsTheLineAndTheTerminalIsRestored) {
  TerminalProgram terminal("vlmt-chat", arguments(), home_.string());
  terminal.wait_for_prompt();
  EXPECT_TRUE(terminal.output().find(escape + "[?2004h") != std::string::npos);
  terminal.type("/cleared");
  terminal.wait_for("/cleared");
  terminal.type("\003");
  terminal.wait_for("\n> ");
  terminal.type("/asked\n");
  terminal.wait_for("unknown command /asked;");
  terminal.wait_for_prompt();
  EXPECT_FALSE(terminal.collects_lines());
  terminal.type("\004");
  EXPECT_EQ(terminal.code(), 0);
  EXPECT_TRUE(terminal.collects_lines());
  EXPECT_TRUE(terminal.output().find(escape + "[?2004l") != std::string::npos);

  TerminalProgram ended("vlmt-chat", arguments(), home_.string());
  ended.wait_for_prompt();
  ended.send_signal(SIGTERM);
  EXPECT_EQ(ended.code(), 128 + SIGTERM);
  EXPECT_TRUE(ended.collects_lines());
}

TEST_F(TerminalChat, AStoppedChatLeavesTheTerminalAndComesBack) {
  TerminalProgram terminal("vlmt-chat", arguments(), home_.string());
  terminal.wait_for_prompt();
  terminal.type("/before");
  terminal.wait_for("/before");
  terminal.type("\x1a");  // Ctrl-Z
  terminal.wait_until_stopped();
  terminal.wait_for(escape + "[?2004l");
  EXPECT_TRUE(terminal.collects_lines());
  terminal.send_signal(SIGCONT);
  terminal.wait_for(escape + "[?2004h");
  EXPECT_FALSE(terminal.collects_lines());
  terminal.type("hand\n");
  terminal.wait_for("unknown command /beforehand;");
}

}  // namespace
