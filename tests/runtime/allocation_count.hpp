// Counts the allocations of a thread.
#pragma once

#include <cstddef>

/// Counts calls of the global operators new and delete on this thread, while it lives. memory_test.cpp replaces them
/// for this test program. Only one may exist per thread.
class AllocationCount {
 public:
  AllocationCount() noexcept;
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;
  ~AllocationCount();

  std::size_t allocations() const noexcept { return allocations_; }
  /// Bytes allocated minus bytes freed; frees of earlier blocks count, too.
  std::ptrdiff_t held() const noexcept { return held_; }

  void add(std::ptrdiff_t bytes) noexcept {
    allocations_ += bytes > 0 ? 1 : 0;
    held_ += bytes;
  }

 private:
  std::size_t allocations_ = 0;
  std::ptrdiff_t held_ = 0;
};
