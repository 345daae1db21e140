// A session on a model that is destroyed at the end of the statement.
// expect: vlmt: the model must outlive its session
#include "vlmt/vlmt.hpp"

void talk() {
#if VLMT_FIXED
  const auto model = vlmt::load<vlmt::Qwen3VL>("model.gguf");
  vlmt::Session session(model);
#else
  vlmt::Session session(vlmt::load<vlmt::Qwen3VL>("model.gguf"));
#endif
}
