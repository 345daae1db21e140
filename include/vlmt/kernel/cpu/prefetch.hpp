// Software prefetch.
#pragma once

#include <cstddef>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Bytes of a cache line.
inline constexpr std::size_t cache_line = 64;

/// Memory that is read after a kernel; the kernel prefetches it.
struct PrefetchRange {
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
};

namespace detail {

/// Destination of a prefetch: the first-level cache, or the second-level cache, where it evicts nothing that is in use
/// in the first level.
enum class CacheLevel { first_level = 3, second_level = 2 };

/// Prefetches memory that is read soon. Hardware prefetchers stop at page ends and give up on the long strides between
/// the blocks of a super-block format.
template <std::size_t Bytes, CacheLevel Where>
VLMT_INLINE void prefetch(const std::byte* p) noexcept {
  VLMT_UNROLL
  for (std::size_t i = 0; i < Bytes; i += cache_line) __builtin_prefetch(p + i, 0, static_cast<int>(Where));
}
template <CacheLevel Where>
VLMT_INLINE void prefetch(const std::byte* p, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; i += cache_line) __builtin_prefetch(p + i, 0, static_cast<int>(Where));
}

/// Spreads the prefetch of a memory range over `count` steps, so that no more reads are in flight than a core allows.
class SpreadPrefetch {
 public:
  VLMT_INLINE SpreadPrefetch(PrefetchRange ahead, std::size_t count) noexcept
      : next_(ahead.data), end_(ahead.data + ahead.bytes), share_(round_up(ceil_div(ahead.bytes, count), cache_line)) {}
  VLMT_INLINE void step() noexcept {
    if (next_ >= end_) return;
    prefetch<CacheLevel::second_level>(next_, share_);
    next_ += share_;
  }

 private:
  const std::byte* next_;
  const std::byte* end_;
  std::size_t share_;
};

}  // namespace detail

}  // namespace cpu

VLMT_END_NAMESPACE
