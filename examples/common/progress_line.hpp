// A progress line on standard error that overwrites itself. Prints nothing if standard error is not a terminal.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

#include <unistd.h>

namespace programs {

/// Thread-safe. Work that takes long also shows its seconds, which a thread counts up: a step of the work may take
/// several of them.
class ProgressLine {
 public:
  ProgressLine() = default;
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { clear(); }

  /// Shows `what`, which should stay the same during a stage, and the percentage done; nothing if total is 0.
  void show(const std::string& what, std::size_t done, std::size_t total) {
    if (total != 0) show(what, static_cast<double>(done) / static_cast<double>(total));
  }
  void show(const std::string& what, double fraction) {
    if (!terminal_) return;
    const std::lock_guard lock(mutex_);
    if (what != what_) start_ = Clock::now();
    what_ = what;
    percent_ = static_cast<int>(fraction * 100.0);
    print();
    if (clock_.joinable()) return;
    try {
      clock_ = std::jthread([this](const std::stop_token& stop) { count_seconds(stop); });
    } catch (const std::system_error&) {
      // Out of threads: the seconds change with the percentage.
    }
  }
  void clear() {
    if (!terminal_) return;
    const std::lock_guard lock(mutex_);
    if (!shown_.empty()) std::fprintf(stderr, "\r\033[K");
    shown_.clear();
    what_.clear();
  }

 private:
  using Clock = std::chrono::steady_clock;

  // With the lock.
  void print() {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start_).count();
    std::string line = what_ + " " + std::to_string(percent_) + " %";
    if (seconds >= 2) line += ", " + std::to_string(seconds) + " s";
    if (line == shown_) return;
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    shown_ = line;
  }

  void count_seconds(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait_for(lock, stop, std::chrono::milliseconds(500), [] { return false; });
      if (!shown_.empty()) print();
    }
  }

  bool terminal_ = isatty(STDERR_FILENO) != 0;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string what_;
  std::string shown_;  ///< the line on the terminal
  int percent_ = 0;
  Clock::time_point start_;
  std::jthread clock_;  // last: it uses the other members
};

}  // namespace programs
