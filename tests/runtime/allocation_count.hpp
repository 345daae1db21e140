// What a thread allocates while somebody asks for it.
#pragma once

#include <cstddef>

/// Counts what this thread takes from and gives back to the global operators new and delete, which memory_test.cpp
/// replaces for this test program. One at a time.
class AllocationCount {
 public:
  AllocationCount() noexcept;
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;
  ~AllocationCount();

  std::size_t allocations() const noexcept { return allocations_; }
  /// Bytes that have been allocated and not given back; those of blocks from before count as given back.
  std::ptrdiff_t held() const noexcept { return held_; }

  void add(std::ptrdiff_t bytes) noexcept {
    allocations_ += bytes > 0 ? 1 : 0;
    held_ += bytes;
  }

 private:
  std::size_t allocations_ = 0;
  std::ptrdiff_t held_ = 0;
};
