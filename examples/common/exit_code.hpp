// How the programs end.
#pragma once

#include <cstdio>
#include <exception>
#include <new>
#include <utility>

namespace programs {

/// Runs a program and gives its exit code: what `run` returns, or 1 after a line on standard error about what it threw.
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
