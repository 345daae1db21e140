// Permission for the AMX tile registers: a process must ask Linux before its first tile instruction.
#pragma once

#include "vlmt/base/config.hpp"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

VLMT_BEGIN_NAMESPACE

/// True if this process may use tile registers: the processor has them and Linux grants them. Asks once; thread-safe.
inline bool tile_permission() noexcept {
#if defined(__x86_64__) && defined(__linux__)
  static const bool granted = [] {
    constexpr long request = 0x1023;  // ARCH_REQ_XCOMP_PERM
    constexpr long tile_data = 18;    // XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, request, tile_data) == 0;
  }();
  return granted;
#else
  return false;
#endif
}

#if VLMT_HAS_AVX512_AMX
/// Asks before main, so that kernels need no check.
inline const bool tiles_granted = tile_permission();
#endif

VLMT_END_NAMESPACE
