#include <vector>

#include <gtest/gtest.h>

#include "vlmt/vlmt.hpp"

#include "golden_case.hpp"
#include "variant_logits.hpp"

namespace vlmt {
namespace {

// Every override must change the logits.
struct WindowVlm : Qwen3VL {
  using Attention = SlidingWindow<2>;
};
struct SmallCache : Qwen3VL {
  using KvFormat = Q4_0;
};
struct DoubledNorm : RmsNorm {
  template <class A>
  void apply(float inverse, const float* x, std::size_t column, std::size_t count, float* y) const noexcept {
    RmsNorm::apply<A>(inverse * 1.5f, x, column, count, y);
  }
};
struct OtherNorm : Qwen3VL {
  using Norm = DoubledNorm;
};
struct OtherActivation : Qwen3VL {
  using Activation = GeluTanh;
};

TEST(Variant, EveryOverriddenPartChangesTheModel) {
  const std::vector<float> plain = logits_of<Qwen3VL>("qwen3vl");
  EXPECT_GT(golden::relative_error(logits_of<WindowVlm>("qwen3vl"), plain), 1e-3);
  EXPECT_GT(golden::relative_error(logits_of<SmallCache>("qwen3vl"), plain), 1e-4);
  EXPECT_GT(golden::relative_error(logits_of<OtherNorm>("qwen3vl"), plain), 1e-3);
  EXPECT_GT(golden::relative_error(logits_of<OtherActivation>("qwen3vl"), plain), 1e-3);
}

}  // namespace
}  // namespace vlmt
