// An op that holds a std::function: a device cannot copy it.
// expect: vlmt: an op is a trivially copyable aggregate of at most 4096 bytes: pointers, sizes and policies
#include <functional>

#include "vlmt/exec/step_now.hpp"

struct Map {
#if VLMT_FIXED
  float (*f)(float);
#else
  std::function<float(float)> f;
#endif
  float* x;
};

template <class A, class Pass>
void lower(vlmt::Cpu<A>, const Map& o, const Pass& pass) {
  pass([&](vlmt::Member& m) {
    if (m.rank() == 0) *o.x = o.f(*o.x);
  });
}

void negate(vlmt::StepNow<>& step, float* x) {
  step("map", Map{[](float v) { return -v; }, x});
}
