// The gated MLP against Eigen in double.
#include "vlmt/nn/mlp.hpp"

#include "vlmt/nn/shapes.hpp"
#include "vlmt/op/activation.hpp"

#include "nn/block_cases.hpp"

namespace vlmt_test::mlp_test {
namespace {

constexpr std::size_t hidden = 64, ffn = 160;
constexpr float epsilon = 1e-5f;

struct WithSilu {
  using Norm = vlmt::RmsNorm;
  using Activation = vlmt::Silu;
};
struct WithGelu {
  using Norm = vlmt::RmsNorm;
  using Activation = vlmt::GeluTanh;
};

/// An MLP with random weights and its twin in double.
template <class Arch>
struct MlpCase {
  using B = vlmt::Cpu<Arch>;
  using Types = vlmt::BackendTypes<B>;

  Precision precision;
  std::vector<float> norm = norm_weights(hidden, 1);
  TestWeights<Arch> gate{precision.type_id, ffn, hidden, 2};
  TestWeights<Arch> up{precision.type_id, ffn, hidden, 3};
  TestWeights<Arch> down{precision.type_id, hidden, ffn, 4};

  template <class M>
  std::vector<float> run(std::vector<float> x) const {
    const std::size_t n = x.size() / hidden;
    vlmt::DynamicShapes shapes{};
    shapes.hidden = vlmt::Dim<>(hidden);
    shapes.ffn = vlmt::Dim<>(ffn);
    struct Workspace {
      vlmt::InputRows input;
      vlmt::InputRows inner;
    };
    vlmt::Buffer memory;
    const Workspace w = carve(memory, [&](vlmt::Carver& c) {
      return Workspace{Types::take_normed_rows(c, n, hidden), Types::take_rows(c, n, ffn)};
    });
    const vlmt::MlpWeights<B> weights{norm.data(), gate.matrix(), up.matrix(), down.matrix()};
    run_step<Arch>([&](auto& step) {
      vlmt::mlp_block<M>(step, shapes, weights, w.input, w.inner, x.data(), n, epsilon, precision.numerics);
    });
    return x;
  }

  Matrix compute(const std::vector<float>& x, const Function& activation, Rounding rounding) const {
    const DoubleMlp mlp{gate.values[0], up.values[0], down.values[0], activation};
    const Matrix rows = to_matrix(x, hidden);
    return rows + mlp(rms_norm(rows, to_row(norm), static_cast<double>(epsilon)), rounding);
  }
};

template <class Arch>
class NnMlp : public ::testing::Test {};
TYPED_TEST_SUITE(NnMlp, BlockTypes);

TYPED_TEST(NnMlp, EqualsTheFormula) {
  for (const Precision& precision : precisions) {
    const MlpCase<TypeParam> c{precision};
    for (const std::size_t n : {1u, 5u, 30u}) {
      SCOPED_TRACE(testing::Message() << name(precision.numerics) << ", rows " << n);
      const auto x = gaussian(n * hidden, static_cast<unsigned>(n), 2.0f);
      const Rounding rounding = precision.rounding<TypeParam>(n);
      expect_computed(c.template run<WithSilu>(x), rounding, [&](Rounding r) { return c.compute(x, silu, r); });
      expect_computed(c.template run<WithGelu>(x), rounding, [&](Rounding r) { return c.compute(x, gelu_tanh, r); });
    }
  }
}

// An outlier leaves few steps of int8 to its group: its rounding error is corrected, so that the whole error stays far
// below that of plain rounding.
TYPED_TEST(NnMlp, OutliersOfTheNormAreCorrected) {
  MlpCase<TypeParam> c{fast_blocks};
  c.norm[7] = 100.0f;
  const std::size_t n = 6;
  const auto x = gaussian(n * hidden, 9);
  const Matrix want = c.compute(x, silu, Rounding::none);
  const double plain = relative_error(c.compute(x, silu, Rounding::int8), want);
  EXPECT_LE(relative_error(to_matrix(c.template run<WithSilu>(x), hidden), want), 0.6 * plain);
}

}  // namespace
}  // namespace vlmt_test::mlp_test
