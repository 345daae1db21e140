// Prints notes on images that were read.
#pragma once

#include <cstdio>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace programs {

/// A receiver of notes (vlmt::ImageOptions::on_note) that prints "PROGRAM: NAME: NOTE" to standard error. Prints each
/// line once, as files may be read several times. May be called from several threads.
inline auto note_printer(std::string program) {
  struct Printed {
    std::mutex mutex;
    std::set<std::string> lines;
  };
  return [program = std::move(program), printed = std::make_shared<Printed>()](const std::string& name,
                                                                               const std::string& note) {
    const std::string line = name + ": " + note;
    const std::lock_guard lock(printed->mutex);
    if (printed->lines.insert(line).second) std::fprintf(stderr, "%s: %s\n", program.c_str(), line.c_str());
  };
}

}  // namespace programs
