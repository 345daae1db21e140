// An activation without a reference.
// expect: vlmt: an activation needs static reference(double) and apply<Arch>(simd::Floats<Arch>), both noexcept;
#include "vlmt/kernel/activation.hpp"

struct Square {
#if VLMT_FIXED
  static double reference(double x) noexcept {
    return x * x;
  }
#endif
  template <class Arch>
  static vlmt::simd::Floats<Arch> apply(vlmt::simd::Floats<Arch> x) noexcept {
    return x * x;
  }
};

void apply(const float* x, float* y) {
  vlmt::activate_rows<vlmt::arch::native, Square>(x, 2, 8, 8, vlmt::F32Rows{y, 8});
}
