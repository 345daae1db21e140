// An arch that this translation unit is not compiled for.
// expect: vlmt: this translation unit is not compiled for this arch; use one of arch::compiled, or add compiler
#include "vlmt/kernel/cpu/simd.hpp"

#if VLMT_FIXED
using Arch = vlmt::arch::native;
#else
struct Arch {
  static constexpr std::size_t lanes = 4;
};
#endif

float sum(const float* x) {
  return reduce_add(vlmt::simd::Floats<Arch>::load(x));
}
