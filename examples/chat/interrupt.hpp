// Ctrl-C in a chat.
#pragma once

#include <csignal>
#include <exception>

/// Set by Ctrl-C in a chat.
inline volatile std::sig_atomic_t interrupted = 0;

/// Thrown to cancel a prefill after Ctrl-C.
struct Interrupted : std::exception {};
