// An op of more bytes than the arguments of a device kernel.
// expect: vlmt: an op is a trivially copyable aggregate of at most 4096 bytes: pointers, sizes and policies
#include <cstddef>

#include "vlmt/exec/step_now.hpp"

struct Table {
#if VLMT_FIXED
  float values[1022];
#else
  float values[1023];
#endif
  float* y;
};

template <class A, class Pass>
void lower(vlmt::Cpu<A>, const Table& o, const Pass& pass) {
  pass([&](vlmt::Member& m) {
    if (m.rank() == 0) *o.y = o.values[0];
  });
}

void first(vlmt::StepNow<>& step, float* y) {
  step("table", Table{{1.0f}, y});
}
