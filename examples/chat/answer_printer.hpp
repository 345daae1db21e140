// Prints an answer while it comes, the thoughts before it dimmed where that is possible.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

#include "../common/output.hpp"

/// Thoughts are dimmed if the output is a terminal and NO_COLOR (no-color.org) is not set. Otherwise they are printed
/// between <think> and </think>, so that they cannot be taken for the answer. Throws programs::OutputError.
class AnswerPrinter {
 public:
  AnswerPrinter(std::FILE* out, bool hide_reasoning)
      : AnswerPrinter(out, hide_reasoning, isatty(fileno(out)) != 0 && !no_color()) {}
  AnswerPrinter(std::FILE* out, bool hide_reasoning, bool dim) : out_(out), hidden_(hide_reasoning), dim_(dim) {}
  AnswerPrinter(const AnswerPrinter&) = delete;
  AnswerPrinter& operator=(const AnswerPrinter&) = delete;
  ~AnswerPrinter() {
    // After an exception the terminal must not stay dimmed. Whether that is written no longer matters.
    if (inside_) std::fputs(closing(), out_);
  }

  void reasoning(std::string_view piece) {
    if (hidden_ || piece.empty()) return;
    if (!inside_) write(dim_ ? "\x1b[2m" : "<think>\n");
    inside_ = true;
    if (!dim_) {
      write(piece);
    } else {
      // Thoughts must not end the dimming themselves.
      for (const char c : piece) write({c == '\x1b' ? "?" : &c, 1});
    }
    programs::flush(out_);
  }

  void answer(std::string_view piece) {
    if (piece.empty()) return;
    if (inside_) {
      close();
      write("\n\n");
    }
    write(piece);
    programs::flush(out_);
  }

  /// Ends the dimming if no answer followed the thoughts.
  void finish() {
    if (inside_) close();
    programs::flush(out_);
  }

 private:
  static bool no_color() {
    const char* value = std::getenv("NO_COLOR");
    return value != nullptr && value[0] != '\0';
  }
  void write(std::string_view text) { programs::write(text, out_); }
  const char* closing() const { return dim_ ? "\x1b[0m" : "\n</think>"; }
  void close() {
    inside_ = false;
    write(closing());
  }

  std::FILE* out_;
  bool hidden_;
  bool dim_;
  bool inside_ = false;
};
