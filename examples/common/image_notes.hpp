// Prints notes on images that were read.
#pragma once

#include <cstdio>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <unistd.h>

namespace programs {

/// A receiver of notes (vlmt::ImageOptions::on_note) that prints "PROGRAM: NAME: NOTE" to standard error, on a terminal
/// over a progress line. Prints each line once, as files may be read several times. May be called from several threads.
inline auto note_printer(const std::string& program) {
  struct Printed {
    std::mutex mutex;
    std::set<std::string> lines;
  };
  const std::string start = (isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "") + program + ": ";
  return [start, printed = std::make_shared<Printed>()](const std::string& name, const std::string& note) {
    const std::string line = name + ": " + note;
    const std::lock_guard lock(printed->mutex);
    if (printed->lines.insert(line).second) std::fprintf(stderr, "%s%s\n", start.c_str(), line.c_str());
  };
}

}  // namespace programs
