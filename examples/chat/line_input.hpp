// Lines of a conversation, from a terminal or a pipe.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

class LineEditor;

/// Lines of standard input: edited at a terminal, where a pasted text of several lines is one line; else as they are.
class LineInput {
 public:
  /// `history`: keep the lines of a terminal in a file, for later conversations.
  explicit LineInput(bool history);
  ~LineInput();

  bool is_terminal() const noexcept { return editor_ != nullptr; }

  /// The next line; nothing at the end. An empty line after Ctrl-C. Throws vlmt::LimitError for a line of more than
  /// 512 MiB, vlmt::FileError if standard input cannot be read.
  std::optional<std::string> next();

 private:
  std::optional<std::string> next_piped();

  std::unique_ptr<LineEditor> editor_;
  std::string piped_;      ///< bytes read ahead
  std::size_t taken_ = 0;  ///< of piped_
};
