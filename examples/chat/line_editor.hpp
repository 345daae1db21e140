// Lines that are edited at a terminal, with libedit.
#pragma once

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>

#include "../common/history_file.hpp"

struct editline;
struct history;

/// Edits lines of any length: cursor keys, history, completion by Tab. A text that the terminal marks as pasted
/// (bracketed paste) is inserted whole, with its line feeds. One at a time: it owns the terminal's settings, which the
/// destructor and the signals that end or stop the program restore.
class LineEditor {
 public:
  /// Standard input must be a terminal. `out` shows the lines and must be one, too. Construct it before
  /// programs::handle_interrupts().
  LineEditor(std::FILE* out, bool keep_history);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  /// The next line, without its line feed; nothing after Ctrl-D or at the end of input. An empty line after Ctrl-C.
  std::optional<std::string> next();

 private:
  static int read_character(editline* editor, wchar_t* c);
  int read_character(wchar_t* c);
  /// The next character that was read; nothing if its bytes are incomplete.
  std::optional<wchar_t> buffered_character();
  void remember(const std::string& line);

  std::FILE* out_;
  editline* editor_ = nullptr;
  history* history_ = nullptr;
  programs::HistoryFile file_;
  std::string bytes_;       ///< read ahead
  std::size_t taken_ = 0;   ///< of bytes_
  bool cancelled_ = false;  ///< by Ctrl-C
};
