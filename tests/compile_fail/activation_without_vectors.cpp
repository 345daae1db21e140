// An activation of double only.
// expect: vlmt: an activation needs template <class V> static V apply(V x) noexcept, for double and for SIMD vectors;
#include "vlmt/kernel/activation.hpp"

struct Square {
#if VLMT_FIXED
  template <class V>
  static V apply(V x) noexcept {
    return x * x;
  }
#else
  static double apply(double x) noexcept { return x * x; }
#endif
};

void apply(const float* x, float* y) {
  vlmt::activate_rows<vlmt::arch::native, Square>(x, 2, 8, 8, vlmt::F32Rows{y, 8});
}
