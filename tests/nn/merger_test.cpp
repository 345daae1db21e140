// The patch merger against Eigen in double: norm before or after patches are concatenated.
#include "vlmt/nn/vision/merger.hpp"

#include <algorithm>

#include "nn/vision_case.hpp"

namespace vlmt_test::merger_test {
namespace {

constexpr std::size_t hidden = 32, group = 4, wide = group * hidden, width = 40;
constexpr float epsilon = 1e-6f;

template <class Arch>
struct MergerCase {
  Precision precision;
  bool norm_after_merge;
  TestLayerNorm norm{norm_after_merge ? wide : hidden, 1};
  TestAffine<Arch> fc1{precision.type_id, wide, wide, 3};
  TestAffine<Arch> fc2{precision.type_id, width, wide, 5};

  void check(std::size_t n) const {
    SCOPED_TRACE(testing::Message() << name(precision.numerics) << ", patches " << n << ", norm after merge "
                                    << norm_after_merge);
    const vlmt::VisionShape shape{hidden, 2, 64};
    const auto x = gaussian(n * hidden, 7, 2.0f);
    vlmt::Buffer memory;
    const auto b = carve(memory, [&](vlmt::Carver& c) { return take_vision_buffers<Arch>(c, shape, n); });
    std::copy(x.begin(), x.end(), b.x);
    const vlmt::MergerWeights<vlmt::Cpu<Arch>> weights{norm.weights(), norm_after_merge, fc1.weights(), fc2.weights()};
    std::vector<float> y(n / group * width);
    run_step<Arch>([&](auto& step) {
      vlmt::merger(step, shape, weights, b, n, group, y.data(), width, epsilon, precision.numerics);
    });
    const DoubleMerger twin{norm.twin(), norm_after_merge, fc1.twin(), fc2.twin(), static_cast<double>(epsilon)};
    expect_computed(y, precision.rounding<Arch>(n / group),
                    [&](Rounding rounding) { return twin(to_matrix(x, hidden), group, rounding); });
    // The residual stream stays: later blocks and mergers read it.
    EXPECT_TRUE(std::equal(x.begin(), x.end(), b.x));
  }
};

template <class Arch>
class NnMerger : public ::testing::Test {};
TYPED_TEST_SUITE(NnMerger, BlockTypes);

TYPED_TEST(NnMerger, EqualsTheFormula) {
  for (const Precision& precision : precisions) {
    for (const bool norm_after_merge : {false, true}) {
      const MergerCase<TypeParam> c{precision, norm_after_merge};
      c.check(4);
      c.check(120);
    }
  }
}

// More rows than are computed at a time.
TYPED_TEST(NnMerger, ChunksOfRows) {
  MergerCase<TypeParam>{exact_floats, false}.check(1100);
  MergerCase<TypeParam>{exact_floats, true}.check(1100);
}

}  // namespace
}  // namespace vlmt_test::merger_test
