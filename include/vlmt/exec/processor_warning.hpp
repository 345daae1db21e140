// Warnings about a program that cannot use its processor: code for an older one, or more threads than processors.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdio>

#include "vlmt/base/config.hpp"
#include "vlmt/base/warning.hpp"
#include "vlmt/exec/arch.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

#if defined(__x86_64__) && !VLMT_HAS_AVX2 && !VLMT_ALLOW_GENERIC
/// Warns once if kernels are compiled for baseline x86-64 but the processor has AVX2. Called for every member of a
/// team, and so before the first kernel.
inline void warn_if_generic() noexcept {
  static const bool checked = [] {
    if (arch::detail::has_avx2()) {
      warn(
          "kernels are compiled for baseline x86-64 and several times slower than this processor allows: compile with "
          "-march=native, or -march=x86-64-v3 for any processor with AVX2 (intended? -DVLMT_ALLOW_GENERIC=1)");
    }
    return true;
  }();
  static_cast<void>(checked);
}
#else
inline void warn_if_generic() noexcept {}
#endif

/// Warns once if a team has more members than processors that it may use.
inline void warn_if_crowded(std::size_t members, std::size_t processors) noexcept {
  if (processors == 0 || members <= processors) return;  // 0: unknown
  static std::atomic<bool> warned{false};
  if (warned.exchange(true, std::memory_order_relaxed)) return;
  char sentence[256];
  std::snprintf(sentence, sizeof sentence,
                "a team of %zu threads on %zu processor%s: they wait for each other at every barrier, several times "
                "slower than %zu (OMP_NUM_THREADS or the size of the team)",
                members, processors, processors == 1 ? "" : "s", processors);
  warn(sentence);
}

}  // namespace detail

VLMT_END_NAMESPACE
