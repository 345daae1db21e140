// A kernel on tensors with two teams.
// expect: vlmt: a kernel on tensors takes one team and one TensorScratch
#include "vlmt/kernel/tensors/softmax.hpp"

void f(vlmt::TensorView<float, 2> x, vlmt::ThreadTeam& team, vlmt::TensorScratch& scratch) {
#if VLMT_FIXED
  vlmt::softmax(x, x, team, scratch);
#else
  vlmt::softmax(x, x, team, scratch, team);
#endif
}
