// Requests for memory ahead of its use.
#pragma once

#include <cstddef>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Bytes that a cache holds or asks for together.
inline constexpr std::size_t cache_line = 64;

/// Memory that is wanted after a kernel: asked for meanwhile.
struct Ahead {
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
};

namespace detail {

/// Where memory that is read soon is wanted: right at hand, or in the second-level cache, so that it does not drive out
/// what is in use meanwhile.
enum class Near { first_level = 3, second_level = 2 };

/// Asks for memory that is read soon. Hardware prefetchers stop at the ends of pages and give up on the long way from
/// one block of a super-block format to the next.
template <std::size_t Bytes, Near Where>
VLMT_INLINE void prefetch(const std::byte* p) noexcept {
  VLMT_UNROLL
  for (std::size_t i = 0; i < Bytes; i += cache_line) __builtin_prefetch(p + i, 0, static_cast<int>(Where));
}
template <Near Where>
VLMT_INLINE void prefetch(const std::byte* p, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; i += cache_line) __builtin_prefetch(p + i, 0, static_cast<int>(Where));
}

/// A share of a stretch of memory for each of `count` steps, so that no more reads are open at once than a core allows.
class SpreadPrefetch {
 public:
  VLMT_INLINE SpreadPrefetch(Ahead ahead, std::size_t count) noexcept
      : next_(ahead.data), end_(ahead.data + ahead.bytes), share_(round_up(ceil_div(ahead.bytes, count), cache_line)) {}
  VLMT_INLINE void step() noexcept {
    if (next_ >= end_) return;
    prefetch<Near::second_level>(next_, share_);
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
