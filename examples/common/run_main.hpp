// The frame of a program's main(): exceptions become one line and an exit code, and output that is lost is an error.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <vlmt/base/stop_flag.hpp>

#include "interrupt.hpp"
#include "output.hpp"

namespace programs {

/// What a shell reports for a program that a closed pipe has ended: 128 + SIGPIPE.
inline constexpr int broken_pipe_code = 141;

namespace detail {

/// Set by the first write to a pipe without readers.
inline volatile std::sig_atomic_t broken_pipe = 0;

/// Gives standard descriptors that the caller closed a file that can be neither read nor written. Else the next file to
/// be opened, such as a model to be written, would become standard output.
inline void occupy_closed_descriptors() noexcept {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) static_cast<void>(::open("/", O_PATH));
  }
}

/// Lets a write to a closed pipe fail instead of ending the program at once, so that destructors run. A handler rather
/// than SIG_IGN, which other programs started from here would inherit.
inline void catch_broken_pipes() noexcept {
  struct sigaction action = {};
  action.sa_handler = [](int) { broken_pipe = 1; };
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGPIPE, &action, nullptr);
}

}  // namespace detail

/// What an exception has to say to the user.
inline std::string message_of(const std::exception& e) {
  if (dynamic_cast<const vlmt::Cancelled*>(&e) != nullptr) return "interrupted";
  return dynamic_cast<const std::bad_alloc*>(&e) != nullptr ? "out of memory" : e.what();
}

/// The exit code of a program: the result of `run`, or 1 after printing its exception to standard error as one line,
/// `describe(exception)`; interrupted_code instead of 1 for vlmt::Cancelled. Also 1, with a line, if standard output
/// cannot be written. 141 without a line if standard output is a pipe that its reader has closed. Call it first in
/// main().
template <class Run, class Describe>
int run_main(const char* program, Run&& run, Describe&& describe) {
  detail::occupy_closed_descriptors();
  detail::catch_broken_pipes();
  int code = 1;
  std::string message, lost_output;
  try {
    try {
      code = std::forward<Run>(run)();
    } catch (const OutputError&) {
      throw;
    } catch (const std::exception& e) {
      if (dynamic_cast<const vlmt::Cancelled*>(&e) != nullptr) code = interrupted_code;
      message = std::forward<Describe>(describe)(e);
    }
    flush();
  } catch (const OutputError& e) {
    if (e.error() == EPIPE || (e.error() == 0 && detail::broken_pipe != 0)) {
      if (message.empty()) return broken_pipe_code;
    } else {
      lost_output = e.what();
    }
    if (code == 0) code = 1;
  }
  for (const std::string* line : {&message, &lost_output}) {
    if (!line->empty()) std::fprintf(stderr, "%s: %s\n", program, line->c_str());
  }
  return code;
}

template <class Run>
int run_main(const char* program, Run&& run) {
  return run_main(program, std::forward<Run>(run), message_of);
}

}  // namespace programs
