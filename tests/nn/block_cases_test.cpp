// The arithmetic in double that tests of nn compare with, at points where the values are known. Also compiles the
// matmul leaves of these tests.
#include "nn/block_cases.hpp"

#include <stdexcept>
#include <string>

#include "vlmt/quant/formats.hpp"

const vlmt::MatmulLeaves& vlmt_test::block_leaves(std::uint32_t type_id, std::string_view arch) {
  using namespace vlmt;
  const MatmulLeaves* found = nullptr;
  for_each_type(BlockArchs{}, [&]<class Arch>(TypeTag<Arch>) {
    if (Arch::name != arch) return;
    found = type_id == F32::type_id ? &matmul_leaves<F32, Arch>() : &matmul_leaves<Q8_0, Arch>();
  });
  if (found == nullptr) throw std::logic_error("no leaves for " + std::string(arch));
  return *found;
}

namespace vlmt_test {
namespace {

TEST(DoubleBlocks, KnownValues) {
  EXPECT_NEAR(silu(1.0), 0.7310585786300049, 1e-15);
  EXPECT_NEAR(gelu(1.0), 0.8413447460685429, 1e-15);
  EXPECT_NEAR(gelu(-1.0), -0.15865525393145707, 1e-15);
  EXPECT_NEAR(gelu_tanh(1.0), 0.8411919906082768, 1e-15);
  EXPECT_NEAR(sigmoid(-1.0), 0.2689414213699951, 1e-15);
  const Row p = softmax((Row(3) << 0.0, std::log(2.0), std::log(5.0)).finished());
  EXPECT_NEAR(p(0), 1.0 / 8, 1e-15);
  EXPECT_NEAR(p(2), 5.0 / 8, 1e-15);

  const Row x = (Row(4) << 1.0, -3.0, 1.0, 5.0).finished(), ones = Row::Ones(4);
  EXPECT_NEAR(rms_norm(x, ones, 0.0)(3), 5.0 / 3.0, 1e-15);
  EXPECT_NEAR(layer_norm(x, 2.0 * ones, ones, 0.0)(3), 2.0 * 4.0 / std::sqrt(8.0) + 1.0, 1e-15);
  // A quarter turn of the first pair.
  const Row angles = (Row(4) << 0.0, 1.0, 1.0, 0.0).finished();
  EXPECT_EQ(rotated(x, angles, false), (Row(4) << -1.0, -3.0, 1.0, 5.0).finished());
  EXPECT_EQ(rotated(x, angles, true), (Row(4) << 3.0, 1.0, 1.0, 5.0).finished());
}

TEST(DoubleBlocks, RoundingHasTheStepsOfItsType) {
  EXPECT_EQ(to_bits(1.0 + 1.0 / 256, 8), 1.0);
  EXPECT_EQ(to_bits(1.0 + 3.0 / 256, 8), 1.0 + 1.0 / 64);
  Matrix x = Matrix::Constant(1, 32, 0.3);
  x(0, 5) = -127.0;
  EXPECT_EQ(rounded(x, Rounding::int8)(0, 5), -127.0);
  EXPECT_EQ(rounded(x, Rounding::int8)(0, 6), 0.0);
  EXPECT_EQ(rounded(x, Rounding::none), x);
}

}  // namespace
}  // namespace vlmt_test
