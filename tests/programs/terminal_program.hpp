// Runs one of vlmt's programs on a terminal of its own.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <sys/types.h>

namespace program_test {

/// A program in a pseudo-terminal of 24 lines of 80 characters.
class TerminalProgram {
 public:
  /// `folder`: the home folder, with what the program keeps in state/ and cache/ and temporary files in tmp/.
  TerminalProgram(const std::string& program, const std::vector<std::string>& arguments, const std::string& folder);
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;
  /// Kills the program.
  ~TerminalProgram();

  /// Types text; large texts in the pace in which the program reads them.
  void type(const std::string& keys);
  /// Types text as terminals paste it.
  void paste(const std::string& text) { type("\033[200~" + text + "\033[201~"); }
  void press_ctrl_c() { type("\x03"); }
  void send_signal(int signal) const;
  /// Waits until Ctrl-Z has stopped the program; SIGCONT continues it.
  void wait_until_stopped() const;

  /// Reads until the output since the last call contains `text`, and returns it to the end of the text. Fails after a
  /// minute without output.
  std::string wait_for(const std::string& text);
  std::string wait_for_prompt() { return wait_for("> "); }

  /// The exit code, or 128 + the signal that ended the program. Fails after a minute without output.
  int code();

  const std::string& output() const { return output_; }
  /// The output since the last wait_for().
  std::string rest() const { return output_.substr(taken_); }
  /// True if the terminal collects lines and echoes them, as outside of programs that edit lines themselves.
  bool collects_lines() const;

 private:
  bool read_some();

  int terminal_ = -1;
  pid_t child_ = -1;
  std::string output_;
  std::size_t taken_ = 0;
};

}  // namespace program_test
