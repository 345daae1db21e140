// Standard output that cannot be written is an error, not silence: a full disk, a closed descriptor, a closed pipe.
#pragma once

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace programs {

/// Standard output cannot be written. Not a vlmt::Error, so that code that reports bad input and goes on does not
/// swallow it. Only run_main() catches it.
class OutputError : public std::runtime_error {
 public:
  /// `error`: an errno value, 0 if the reason is unknown.
  explicit OutputError(int error)
      : std::runtime_error("standard output cannot be written" +
                           (error == 0 ? std::string() : std::string(": ") + std::strerror(error))),
        error_(error) {}
  int error() const noexcept { return error_; }

 private:
  int error_;
};

/// Appends text to a buffered stream. Throws OutputError.
inline void write(std::string_view text, std::FILE* out = stdout) {
  if (std::fwrite(text.data(), 1, text.size(), out) != text.size()) throw OutputError(errno);
}

/// printf. Throws OutputError.
[[gnu::format(printf, 1, 2)]] inline void print(const char* format, ...) {
  std::va_list values;
  va_start(values, format);
  const int length = std::vprintf(format, values);
  const int error = errno;
  va_end(values);
  if (length < 0) throw OutputError(error);
}

/// Writes what is buffered. Throws OutputError, also if an earlier write without a check failed, such as one of
/// std::printf or std::cout.
inline void flush(std::FILE* out = stdout) {
  if (std::fflush(out) != 0) throw OutputError(errno);
  if (std::ferror(out) != 0) throw OutputError(0);
}

}  // namespace programs
