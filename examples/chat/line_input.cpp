// See line_input.hpp.
#include "line_input.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <unistd.h>

#include <vlmt/base/error.hpp>

#include "../common/interrupt.hpp"
#include "../common/output.hpp"
#include "../common/wake_pipe.hpp"
#include "line_editor.hpp"

namespace {

constexpr std::size_t max_line_bytes = std::size_t{512} << 20;  // a data: URI of max_source_bytes

}  // namespace

LineInput::LineInput(bool history) {
  if (isatty(STDIN_FILENO) == 0) return;
  if (isatty(STDOUT_FILENO) != 0) {
    editor_ = std::make_unique<LineEditor>(stdout, history);
  } else if (isatty(STDERR_FILENO) != 0) {  // the answers go to a file
    editor_ = std::make_unique<LineEditor>(stderr, history);
  }
}

LineInput::~LineInput() = default;

std::optional<std::string> LineInput::next() {
  const programs::Prompt prompt;
  programs::flush();
  return editor_ == nullptr ? next_piped() : editor_->next();
}

std::optional<std::string> LineInput::next_piped() {
  std::size_t searched = taken_;
  while (true) {
    if (const std::size_t end = piped_.find('\n', searched); end != std::string::npos) {
      std::string line = piped_.substr(taken_, end - taken_);
      taken_ = end + 1;
      return line;
    }
    searched = piped_.size() - taken_;
    piped_.erase(0, taken_);
    taken_ = 0;
    if (piped_.size() > max_line_bytes) {
      throw vlmt::LimitError(
          "the line is too long",
          {.file = "standard input", .expected = "at most " + std::to_string(max_line_bytes) + " bytes"});
    }
    if (!programs::wait_for_input()) {
      if (!programs::interrupted.is_set()) continue;
      programs::interrupted.clear();
      piped_.clear();
      programs::print("\n");
      return std::string();
    }
    std::array<char, 1 << 16> block;
    const ssize_t n = ::read(STDIN_FILENO, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      throw vlmt::FileError(std::string("cannot be read: ") + std::strerror(errno), {.file = "standard input"});
    }
    if (n == 0) {
      if (piped_.empty()) return std::nullopt;
      return std::exchange(piped_, {});
    }
    piped_.append(block.data(), static_cast<std::size_t>(n));
  }
}
