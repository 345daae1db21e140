// Exit codes of the programs.
#pragma once

#include <cstdio>
#include <exception>
#include <new>
#include <utility>

namespace programs {

/// The exit code of a program: the result of `run`, or 1 after printing its exception to standard error in one line.
template <class Run>
int exit_code(const char* program, Run&& run) {
  try {
    return std::forward<Run>(run)();
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", program);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", program, e.what());
  }
  return 1;
}

}  // namespace programs
