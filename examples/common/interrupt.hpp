// Ctrl-C as a StopFlag: the first one asks the work to end, a second one kills the program.
#pragma once

#include <csignal>

#include <vlmt/base/stop_flag.hpp>

namespace programs {

/// Set by Ctrl-C (SIGINT) once handle_interrupts() has been called. A program that goes on clears it.
inline vlmt::StopFlag interrupted;

/// The exit code of an interrupted program, as of one that SIGINT kills.
inline constexpr int interrupted_code = 128 + SIGINT;

/// Call it before long work, but after a program has read its standard input: reads are repeated when the signal
/// arrives, except by read().
inline void handle_interrupts() noexcept {
  struct sigaction action = {};
  action.sa_handler = [](int) {
    if (interrupted.is_set()) {
      std::signal(SIGINT, SIG_DFL);
      std::raise(SIGINT);
    }
    interrupted.set();
  };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);  // without SA_RESTART: it interrupts read() at a prompt
}

}  // namespace programs
