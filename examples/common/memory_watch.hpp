// The largest amount of memory that this process has had of its own, sampled in the background.
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

/// Bytes of anonymous memory of this process now (RssAnon): without the pages of mapped files. 0 if nobody tells.
inline std::size_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

/// Samples anonymous_bytes() until it is destroyed.
class MemoryWatch {
 public:
  MemoryWatch()
      : thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            peak();
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
          }
        }) {}

  /// The largest sample so far, this moment included.
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
