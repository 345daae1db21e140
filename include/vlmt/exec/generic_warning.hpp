// The warning of a program whose kernels are compiled for an older processor than it runs on.
#pragma once

#include "vlmt/base/config.hpp"

#if defined(__x86_64__) && !VLMT_HAS_AVX2 && !VLMT_ALLOW_GENERIC
#include "vlmt/base/warning.hpp"
#include "vlmt/exec/arch.hpp"
#endif

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

}  // namespace detail

VLMT_END_NAMESPACE
