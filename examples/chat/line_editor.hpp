// Lines that are edited at a terminal, with libedit.
#pragma once

#include <optional>
#include <string>

#include <termios.h>

#include "../common/history_file.hpp"

struct editline;
struct history;

/// Edits lines of any length: cursor keys, history, completion by Tab. A text that the terminal marks as pasted
/// (bracketed paste) is inserted whole, with its line feeds. One at a time: it owns the terminal's settings, which the
/// destructor and the signals that end the program restore.
class LineEditor {
 public:
  explicit LineEditor(bool keep_history);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  /// The next line, without its line feed; nothing after Ctrl-D or at the end of input. An empty line after Ctrl-C.
  std::optional<std::string> next();

 private:
  void remember(const std::string& line);

  editline* editor_ = nullptr;
  history* history_ = nullptr;
  programs::HistoryFile file_;
};
