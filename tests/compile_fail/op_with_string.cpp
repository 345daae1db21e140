// An op that holds a string: a device cannot copy it.
// expect: vlmt: an op is a trivially copyable aggregate of at most 4096 bytes: pointers, sizes and policies
#include <cstddef>
#include <string>

#include "vlmt/exec/step_now.hpp"

struct Count {
#if VLMT_FIXED
  const char* text;
#else
  std::string text;
#endif
  std::size_t* count;
};

template <class A, class Pass>
void lower(vlmt::Cpu<A>, const Count& o, const Pass& pass) {
  pass([&](vlmt::Member& m) {
    if (m.rank() == 0) *o.count += o.text[0] != 0;
  });
}

void count(vlmt::StepNow<>& step, std::size_t* words) {
  step("count", Count{"word", words});
}
