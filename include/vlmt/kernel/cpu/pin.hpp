// Compiler barriers that keep the order in which a kernel is written.
#pragma once

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu::detail {

/// Computes r here, once, and keeps the compiler from moving it past another pin. Otherwise g++ reorders an unrolled
/// kernel and, where registers are few, computes many products first and spills them.
template <class Register>
VLMT_INLINE void pin(Register& r) noexcept {
#if defined(__x86_64__)
  asm volatile("" : "+v"(r));
#else
  asm volatile("" : "+w"(r));
#endif
}

/// Forces earlier stores to memory: the compiler may not keep them in registers from one loop iteration to the next.
VLMT_INLINE void settle_memory() noexcept {
  asm volatile("" ::: "memory");
}

}  // namespace cpu::detail

VLMT_END_NAMESPACE
