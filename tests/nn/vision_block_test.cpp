// A block of a vision encoder against Eigen in double.
#include <algorithm>
#include <cmath>

#include "vlmt/nn/vision/block.hpp"

#include "nn/vision_case.hpp"

namespace vlmt_test::vision_block_test {
namespace {

constexpr float epsilon = 1e-6f;

template <class Arch>
struct VisionCase {
  vlmt::VisionShape shape;
  Precision precision;
  TestLayerNorm norm1{shape.hidden, 1}, norm2{shape.hidden, 3};
  TestAffine<Arch> qkv{precision.type_id, 3 * shape.hidden, shape.hidden, 5};
  TestAffine<Arch> out{precision.type_id, shape.hidden, shape.hidden, 7};
  TestAffine<Arch> up{precision.type_id, shape.ffn, shape.hidden, 9};
  TestAffine<Arch> down{precision.type_id, shape.hidden, shape.ffn, 11};

  /// (n, head_dim): cosines, then sines, of angles that differ between patches.
  std::vector<float> angles(std::size_t n) const {
    const std::size_t half = shape.head_dim() / 2;
    std::vector<float> table(2 * n * half);
    for (std::size_t t = 0; t < n; ++t) {
      for (std::size_t i = 0; i < half; ++i) {
        const double angle = 0.7 * static_cast<double>(t % 17) / (1.0 + static_cast<double>(i));
        table[2 * t * half + i] = static_cast<float>(std::cos(angle));
        table[2 * t * half + half + i] = static_cast<float>(std::sin(angle));
      }
    }
    return table;
  }

  void check(const std::vector<std::int32_t>& segments) const {
    const auto n = static_cast<std::size_t>(segments.back());
    SCOPED_TRACE(testing::Message() << name(precision.numerics) << ", patches " << n << ", width " << shape.hidden);
    const auto x = gaussian(n * shape.hidden, 13, 2.0f);
    const std::vector<float> table = angles(n);
    vlmt::Buffer memory;
    const auto b = carve(memory, [&](vlmt::Carver& c) { return take_vision_buffers<Arch>(c, shape, n); });
    std::copy(x.begin(), x.end(), b.x);
    const vlmt::VisionBlockWeights<vlmt::Cpu<Arch>> weights{norm1.weights(), norm2.weights(), qkv.weights(),
                                                            out.weights(),   up.weights(),    down.weights()};
    run_step<Arch>([&](auto& step) {
      vlmt::vision_block<vlmt::VisionBlockParts<vlmt::GeluTanh>>(
          step, shape, weights, b, n, vlmt::SegmentedAttention(segments.data(), segments.size() - 1), table.data(),
          epsilon, precision.numerics);
    });
    const DoubleVisionBlock twin{norm1.twin(),
                                 norm2.twin(),
                                 qkv.twin(),
                                 out.twin(),
                                 up.twin(),
                                 down.twin(),
                                 static_cast<Index>(shape.heads),
                                 static_cast<double>(epsilon)};
    expect_computed({b.x, b.x + x.size()}, precision.rounding<Arch>(n), [&](Rounding rounding) {
      Matrix want = to_matrix(x, shape.hidden);
      twin.add(want, {segments.begin(), segments.end()}, to_matrix(table, shape.head_dim()), rounding);
      return want;
    });
  }
};

template <class Arch>
class NnVisionBlock : public ::testing::Test {};
TYPED_TEST_SUITE(NnVisionBlock, BlockTypes);

// Heads of 24: no multiple of a vector or of an int8 group.
TYPED_TEST(NnVisionBlock, EqualsTheFormula) {
  for (const Precision& precision : precisions) {
    const VisionCase<TypeParam> c{{96, 4, 160}, precision};
    c.check({0, 1});
    c.check({0, 37});
    c.check({0, 5, 26, 40});
  }
}

// More patches than are computed at a time.
TYPED_TEST(NnVisionBlock, ChunksOfRows) {
  std::vector<std::int32_t> segments = {0};
  while (segments.back() < 1040) segments.push_back(segments.back() + 13);
  VisionCase<TypeParam>{{32, 2, 64}, exact_floats}.check(segments);
  VisionCase<TypeParam>{{32, 2, 64}, fast_blocks}.check(segments);
}

}  // namespace
}  // namespace vlmt_test::vision_block_test
