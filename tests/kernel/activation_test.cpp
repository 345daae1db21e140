// Activation functions of every arch against double precision.
#include "vlmt/kernel/activation.hpp"

#include <cmath>
#include <vector>

#include "kernel_check.hpp"

namespace {

using namespace vlmt;
using namespace vlmt_test;

template <class Arch>
class ActivationOn : public ::testing::Test {};
TYPED_TEST_SUITE(ActivationOn, Archs);

/// Dense near zero, where signs and cancellation matter; sparse out to the limits of float.
std::vector<float> arguments() {
  std::vector<float> x;
  for (int i = -4000; i <= 4000; ++i) x.push_back(static_cast<float>(i) * 0.005f);
  for (float v = 1e-30f; v < 1e30f; v *= 3.7f) {
    x.push_back(v);
    x.push_back(-v);
  }
  x.push_back(0.0f);
  return x;
}

/// The definitions, without the rearrangements of the library.
double defined(Silu, double x) {
  return x / (1.0 + std::exp(-x));
}
double defined(QuickGelu, double x) {
  return x / (1.0 + std::exp(-1.702 * x));
}
double defined(GeluTanh, double x) {
  return 0.5 * x * (1.0 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}
double defined(GeluErf, double x) {
  return 0.5 * x * std::erfc(-x * 0.70710678118654752440);
}

/// `relative` bounds the error of results above `tiny`; smaller results may be flushed.
template <class Arch, class Act>
void check(double relative, double tiny) {
  const std::vector<float> x = arguments();
  std::vector<float> want(x.size()), got(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) want[i] = static_cast<float>(defined(Act{}, static_cast<double>(x[i])));
  activate_rows<Arch, Act>(x.data(), 1, x.size(), x.size(), F32Rows{got.data(), x.size()});
  expect_close(got.data(), want.data(), x.size(), relative, tiny);
}

TYPED_TEST(ActivationOn, MatchesDouble) {
  // For x down to -20, e^-x carries the rounding of its argument: 20 half units in the last place.
  check<TypeParam, Silu>(12 * eps, 1e-12);
  check<TypeParam, QuickGelu>(16 * eps, 1e-12);
  // The exponent 2u grows with the cube of x; its rounding changes e^-2u by 2u half units.
  check<TypeParam, GeluTanh>(16 * eps, 1e-10);
  check<TypeParam, GeluErf>(16 * eps, 1e-10);
}

TYPED_TEST(ActivationOn, IsWithinAFewUlpWhereTheResultIsNotSmall) {
  std::vector<float> x;
  for (int i = -300; i <= 2000; ++i) x.push_back(static_cast<float>(i) * 0.01f);
  std::vector<float> want(x.size()), got(x.size());
  const auto compare = [&]<class Act>(Act) {
    for (std::size_t i = 0; i < x.size(); ++i) want[i] = static_cast<float>(defined(Act{}, static_cast<double>(x[i])));
    activate_rows<TypeParam, Act>(x.data(), 1, x.size(), x.size(), F32Rows{got.data(), x.size()});
    expect_close(got.data(), want.data(), x.size(), 2 * eps, 4 * eps);
  };
  compare(Silu{});
  compare(QuickGelu{});
  compare(GeluTanh{});
  compare(GeluErf{});
}

TYPED_TEST(ActivationOn, GatesRowsOfAnyLength) {
  for (const std::size_t h : lengths(TypeParam::lanes)) {
    for (const std::size_t offset : {0u, 1u}) {
      const std::size_t n = 2, stride = 2 * h;
      Misaligned fused(gaussian(n * stride, 1), offset);
      std::vector<float> want(n * h), got(n * h + 1, 9.0f);
      gated_rows<arch::reference, Silu>(fused.data(), fused.data() + h, n, h, stride, F32Rows{want.data(), h});
      gated_rows<TypeParam, Silu>(fused.data(), fused.data() + h, n, h, stride, F32Rows{got.data(), h});
      expect_close(got.data(), want.data(), n * h, 6 * eps, 0.0);
      EXPECT_EQ(got[n * h], 9.0f);
    }
  }
}

TEST(ActivationTeam, ResultsDoNotDependOnTheTeam) {
  using Arch = arch::native;
  const std::size_t n = 5, h = 700;
  const auto x = gaussian(n * h, 3);
  std::vector<float> want(n * h), got(n * h);
  activate_rows<Arch, GeluTanh>(x.data(), n, h, h, F32Rows{want.data(), h});
  on_teams(
      [&](Member& m) {
        activate_rows<Arch, GeluTanh>(x.data(), n, h, h, F32Rows{got.data(), h}, m);
      },
      [&](std::size_t size) {
        EXPECT_EQ(want, got) << size;
        std::fill(got.begin(), got.end(), 0.0f);
      });
}

}  // namespace
