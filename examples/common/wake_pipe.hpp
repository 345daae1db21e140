// Waits for standard input or a signal. A signal is delivered to any thread, and perhaps just before the wait: an
// interrupted system call would miss both, a pipe does not.
#pragma once

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace programs {

namespace detail {

inline int wake_pipe[2] = {-1, -1};

}  // namespace detail

/// Call it before the handlers that call wake_prompt() are installed. Further calls do nothing.
inline void open_wake_pipe() noexcept {
  if (detail::wake_pipe[0] < 0) static_cast<void>(::pipe2(detail::wake_pipe, O_CLOEXEC | O_NONBLOCK));
}

/// For signal handlers: ends the current wait_for_input(), or the next one.
inline void wake_prompt() noexcept {
  const int error = errno;
  const char byte = 0;
  [[maybe_unused]] const ssize_t n = ::write(detail::wake_pipe[1], &byte, 1);
  errno = error;
}

/// Waits until standard input can be read or has ended: true. False if a signal handler woke it, also if there is
/// input: what was typed after Ctrl-C belongs to the next line.
inline bool wait_for_input() noexcept {
  while (true) {
    pollfd files[] = {{STDIN_FILENO, POLLIN, 0}, {detail::wake_pipe[0], POLLIN, 0}};
    const int ready = ::poll(files, 2, -1);
    const int error = errno;
    // Not files[1].revents: a signal that came with the input runs its handler after poll() has looked.
    char bytes[64];
    bool woken = false;
    while (::read(detail::wake_pipe[0], bytes, sizeof bytes) > 0) woken = true;
    if (woken) return false;
    if (ready < 0 && error != EINTR) return true;  // reading reports what is wrong
    if (ready > 0 && files[0].revents != 0) return true;
  }
}

}  // namespace programs
