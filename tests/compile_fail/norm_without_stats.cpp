// A norm with apply() but without stats().
// expect: vlmt: a norm needs passes, term, finish and apply, all noexcept; see RmsNorm in op/norm.hpp; or
#include "vlmt/kernel/norm.hpp"

struct Halve {
#if VLMT_FIXED
  template <class Arch>
  float stats(const float*, std::size_t) const noexcept {
    return 0.5f;
  }
#endif
  template <class Arch>
  void apply(float scale, const float* x, std::size_t, std::size_t count, float* y) const noexcept {
    for (std::size_t i = 0; i < count; ++i) y[i] = scale * x[i];
  }
};

void norm(const float* x, float* y) {
  vlmt::norm_rows<vlmt::arch::native>(Halve{}, x, 2, 8, 8, vlmt::F32Rows{y, 8});
}
