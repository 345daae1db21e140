// Owned memory of the CPU backend, and Carver, which splits one allocation into arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <sys/mman.h>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

/// Alignment of every array that vlmt allocates: a cache line and the widest vector.
inline constexpr std::size_t buffer_alignment = 64;

/// Zeroed, page-aligned memory from the operating system, returned on destruction. Pages are allocated on first touch,
/// on the NUMA node of the touching thread. Memory is not reserved: a shortage shows on first touch, not in the
/// constructor.
class Buffer {
 public:
  Buffer() = default;
  /// Throws LimitError if the address range cannot be mapped.
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw_error(LimitError("cannot allocate " + std::to_string(bytes) + " bytes"));
    data_ = static_cast<std::byte*>(p);
#if defined(MADV_HUGEPAGE)
    // Fewer TLB misses when weights are streamed; in small buffers huge pages waste memory.
    if (bytes >= huge_page_threshold) ::madvise(p, bytes, MADV_HUGEPAGE);
#endif
  }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(bytes_, taken.bytes_);
    return *this;
  }
  ~Buffer() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
  }

  std::byte* data() const noexcept {
    return data_;
  }
  std::size_t bytes() const noexcept {
    return bytes_;
  }

 private:
  static constexpr std::size_t huge_page_threshold = std::size_t{32} << 20;

  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Carves arrays out of one block. Without a block it only counts, so the same code plans the memory and hands it out,
/// and the two cannot differ.
class Carver {
 public:
  /// Counting mode.
  Carver() = default;
  /// `base` must be aligned to 64 bytes, as that of a Buffer is.
  explicit Carver(std::byte* base, std::size_t capacity) noexcept : base_(base), capacity_(capacity) {}

  /// An array of n T, aligned to 64 bytes; nullptr while counting. Memory is not cleared. Throws LimitError if
  /// the total size overflows; asserts that the block is large enough.
  template <class T>
  T* take(std::size_t n) {
    static_assert(std::is_trivially_copyable_v<T>, "vlmt: a workspace holds plain data only");
    static_assert(alignof(T) <= buffer_alignment,
                  "vlmt: a workspace aligns its arrays to 64 bytes, this type needs more");
    const auto size = checked_mul(n, sizeof(T));
    const auto end = size ? checked_add(used_, *size) : std::nullopt;
    if (!end || *end > SIZE_MAX - buffer_alignment) throw_error(LimitError("workspace size overflows"));
    const std::size_t at = used_;
    used_ = round_up(*end, buffer_alignment);
    if (base_ == nullptr) return nullptr;
    VLMT_ASSERT_LE("Carver::take", used_, capacity_);
    return reinterpret_cast<T*>(base_ + at);
  }

  std::size_t bytes() const noexcept { return used_; }

 private:
  std::byte* base_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
};

VLMT_END_NAMESPACE
