// Ctrl-C as a StopFlag: the first one asks the work to end, a second one kills the program. At a prompt it does
// neither.
#pragma once

#include <atomic>
#include <csignal>

#include <vlmt/base/stop_flag.hpp>

#include "wake_pipe.hpp"

namespace programs {

/// Set by Ctrl-C (SIGINT) once handle_interrupts() has been called. A program that goes on clears it.
inline vlmt::StopFlag interrupted;

/// The exit code of an interrupted program, as of one that SIGINT kills.
inline constexpr int interrupted_code = 128 + SIGINT;

namespace detail {

inline std::atomic<bool> at_prompt{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler reads it");

/// What SIGINT did before handle_interrupts().
inline struct sigaction before_interrupts = {};

inline void on_interrupt(int) {
  if (interrupted.is_set() && !at_prompt.load()) {
    sigaction(SIGINT, &before_interrupts, nullptr);
    std::raise(SIGINT);
  }
  interrupted.set();
  wake_prompt();
}

}  // namespace detail

/// A place where the program waits for its user: until the destructor, Ctrl-C sets `interrupted` and ends
/// wait_for_input(), and never kills, whenever it arrives. The flag is clear at first. Construct it before the user
/// sees the prompt. A Ctrl-C after the last input stays set, for the work that the input asked for.
class Prompt {
 public:
  Prompt() noexcept {
    detail::at_prompt.store(true);
    interrupted.clear();
  }
  Prompt(const Prompt&) = delete;
  Prompt& operator=(const Prompt&) = delete;
  ~Prompt() { detail::at_prompt.store(false); }
};

/// Call it once, before long work, but after a program has read its standard input: reads are repeated when the signal
/// arrives, except by read(). A second Ctrl-C does what SIGINT did before this call.
inline void handle_interrupts() noexcept {
  open_wake_pipe();
  struct sigaction action = {};
  action.sa_handler = detail::on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &detail::before_interrupts);  // without SA_RESTART: it interrupts read()
  if (detail::before_interrupts.sa_handler == SIG_IGN) detail::before_interrupts.sa_handler = SIG_DFL;
}

}  // namespace programs
