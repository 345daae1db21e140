// Peak anonymous memory of this process, sampled by a background thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <stop_token>
#include <string>
#include <thread>

namespace programs {

/// Bytes of resident anonymous memory of this process (RssAnon), without pages of mapped files. 0 if unknown.
inline std::size_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

/// Samples anonymous_bytes() every 5 ms until it is destroyed. Thread-safe.
class MemoryWatch {
 public:
  MemoryWatch()
      : thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            peak();
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
          }
        }) {}

  /// Takes a sample and returns the largest so far.
  std::size_t peak() noexcept {
    const std::size_t now = anonymous_bytes();
    std::size_t most = peak_.load();
    while (most < now && !peak_.compare_exchange_weak(most, now)) {
    }
    return std::max(most, now);
  }

 private:
  std::atomic<std::size_t> peak_{0};
  std::jthread thread_;
};

}  // namespace programs
