// printf-style formatting into a string, for reports.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <string>

/// The text that printf would print, cut after 1023 characters.
[[gnu::format(printf, 1, 2)]] inline std::string format(const char* pattern, ...) {
  char text[1024];
  va_list args;
  va_start(args, pattern);
  std::vsnprintf(text, sizeof text, pattern, args);
  va_end(args);
  return text;
}
