// Checks of the path of a file that a program will write.
#pragma once

#include <string>
#include <vector>

#include <vlmt/base/error.hpp>
#include <vlmt/io/output_file.hpp>

namespace programs {

/// Throws vlmt::FileError if `path` cannot be written, or is one of the files that the program reads, under any name.
inline void check_output(const std::string& path, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    if (!vlmt::is_same_file(input, path)) continue;
    throw vlmt::FileError("is also an input, which would be lost", {.file = path, .expected = "another file"});
  }
  vlmt::OutputFile::check(path);
}

}  // namespace programs
