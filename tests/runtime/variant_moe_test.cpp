// Mixtures whose routers are replaced, against the same model in double; sizes fixed at compile time.
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/vlmt.hpp"

#include "golden_case.hpp"
#include "variant_logits.hpp"

namespace vlmt {
namespace variant_moe_test {
namespace {

struct OneExpert : Qwen3VL {
  using KvFormat = F32;
  using Router = TopKRouter<1>;
};
struct SigmoidRouter : Qwen3VL {
  using KvFormat = F32;
  using Router = TopKRouter<dynamic, SigmoidScores, false>;
};

TEST(Variant, RoutersOfAMixture) {
  expect_variant<OneExpert>("qwen3vl-moe", {.experts_used = 1}, 1e-5);
  expect_variant<SigmoidRouter>("qwen3vl-moe", {.sigmoid_scores = true, .renormalised = false}, 1e-5);
}

using GoldenShapes = DenseShapes<256, 4, 2, 1, 256, 128, 768>;

TEST(Variant, FixedShapesComputeTheSame) {
  const std::vector<float> plain = logits_of<Qwen3VL>("qwen3vl");
  EXPECT_EQ((logits_of<Fixed<Qwen3VL, GoldenShapes>>("qwen3vl")), plain);
  using Wrong = Fixed<Qwen3VL, shapes::qwen3vl_2b>;
  EXPECT_THROW(ChatModel<Wrong>::open(golden::folder("qwen3vl") + "/model.gguf"), FileError);
}

}  // namespace
}  // namespace variant_moe_test
}  // namespace vlmt
