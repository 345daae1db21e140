// A progress line on standard error that overwrites itself. Prints nothing if standard error is not a terminal.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

#include <unistd.h>

namespace programs {

class ProgressLine {
 public:
  /// Shows `what` and the percentage done; nothing if total is 0.
  void show(const std::string& what, std::size_t done, std::size_t total) {
    if (!terminal_ || total == 0) return;
    std::fprintf(stderr, "\r\033[K%s %zu %%", what.c_str(), done * 100 / total);
    shown_ = true;
  }
  void clear() {
    if (shown_) std::fprintf(stderr, "\r\033[K");
    shown_ = false;
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
};

}  // namespace programs
