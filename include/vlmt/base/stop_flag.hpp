// A request to stop long work, and the exception that reports it.
#pragma once

#include <atomic>
#include <exception>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

/// Set by the caller of long work, from any thread or from a signal handler. The work checks it every few milliseconds,
/// drops what is half done and throws Cancelled; with -fno-exceptions that ends the program.
class StopFlag {
 public:
  StopFlag() = default;
  StopFlag(const StopFlag&) = delete;
  StopFlag& operator=(const StopFlag&) = delete;

  void set() noexcept { set_.store(true, std::memory_order_relaxed); }
  void clear() noexcept { set_.store(false, std::memory_order_relaxed); }
  bool is_set() const noexcept { return set_.load(std::memory_order_relaxed); }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free, "vlmt: a signal handler sets the flag");
  std::atomic<bool> set_{false};
};

/// Thrown by work whose StopFlag was set. Not an Error: nothing is wrong with the input.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

/// Throws Cancelled if the flag is set; null is never set. For long work on one thread.
inline void throw_if_set(const StopFlag* stop) {
  if (stop != nullptr && stop->is_set()) throw_error(Cancelled());
}

VLMT_END_NAMESPACE
