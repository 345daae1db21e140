// Where the compiler must keep to the order that a kernel is written in.
#pragma once

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu::detail {

/// A register with a value that the compiler cannot know: it is computed before this place, once, and nothing of it is
/// moved past another such place. g++ orders an unrolled kernel by its own ideas; where registers are few it computes
/// many products first and keeps them in memory.
template <class Register>
VLMT_INLINE void pin(Register& r) noexcept {
#if defined(__x86_64__)
  asm volatile("" : "+v"(r));
#else
  asm volatile("" : "+w"(r));
#endif
}

/// What was stored is in memory from here on: the compiler may not keep it in registers from one round of a loop to the
/// next.
VLMT_INLINE void settle_memory() noexcept {
  asm volatile("" ::: "memory");
}

}  // namespace cpu::detail

VLMT_END_NAMESPACE
