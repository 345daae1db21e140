// Patch convolution: against the reference, against a single chain in the documented order, and for any team.
#include "vlmt/kernel/patch_embed.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/team.hpp"
#include "vlmt/testing/sweep.hpp"

namespace {

using namespace vlmt;
using A = arch::native;

struct Convolution {
  Convolution(std::size_t outputs, std::size_t patches)
      : n(patches), bias(vlmt::testing::gaussian(outputs, 3)), out(patches * outputs) {
    kernel.outputs = outputs;
    kernel.times = 2;
    kernel.side = 4;
    plain = vlmt::testing::gaussian(outputs * kernel.values(), 1);
    x = vlmt::testing::gaussian(n * kernel.values(), 2);
    packed.resize(kernel.panels() * PatchKernel::panel * kernel.values());
    for (std::size_t o = 0; o < outputs; ++o) {
      for (std::size_t i = 0; i < kernel.values(); ++i) {
        packed[kernel.at(o, i / pixels, i % pixels)] = plain[o * kernel.values() + i];
      }
    }
    kernel.weight = packed.data();
    kernel.bias = bias.data();
  }

  template <class Arch>
  std::vector<float> run(Member& m) {
    patch_embed<Arch>(kernel, x.data(), n, out.data(), m);
    return out;
  }

  static constexpr std::size_t pixels = 2 * 4 * 4;
  PatchKernel kernel;
  std::size_t n;
  std::vector<float> plain, packed, bias, x, out;
};

TEST(PatchEmbed, EqualsTheConvolution) {
  for (const std::size_t outputs : {1u, 16u, 20u, 72u}) {
    for (const std::size_t n : {1u, 7u, 8u, 70u}) {
      Convolution c(outputs, n);
      Solo solo;
      const std::vector<float> got = c.run<A>(solo.member()), reference = c.run<arch::reference>(solo.member());
      for (std::size_t p = 0; p < n; ++p) {
        for (std::size_t o = 0; o < outputs; ++o) {
          const float* weights = c.plain.data() + o * c.kernel.values();
          double sum = c.bias[o], terms = std::fabs(sum);
          for (std::size_t i = 0; i < c.kernel.values(); ++i) {
            const double product = static_cast<double>(weights[i]) * c.x[p * c.kernel.values() + i];
            sum += product;
            terms += std::fabs(product);
          }
          const std::size_t at = p * outputs + o;
          ASSERT_NEAR(reference[at], sum, 1e-7 * std::fabs(sum) + 1e-12) << p << " " << o;
          ASSERT_NEAR(got[at], sum, 6e-8 * static_cast<double>(c.kernel.values()) * terms) << p << " " << o;
        }
      }
    }
  }
}

#if defined(__FMA__) || defined(__aarch64__)
TEST(PatchEmbed, SumsChannelsInnermostInOneChain) {
  Convolution c(24, 9);
  Solo solo;
  const std::vector<float> got = c.run<A>(solo.member());
  for (std::size_t p = 0; p < c.n; ++p) {
    for (std::size_t o = 0; o < 24; ++o) {
      float sum = 0.0f;
      for (std::size_t i = 0; i < c.pixels; ++i) {
        for (std::size_t channel = 0; channel < 3; ++channel) {
          const std::size_t at = channel * c.pixels + i;
          sum = std::fma(c.plain[o * c.kernel.values() + at], c.x[p * c.kernel.values() + at], sum);
        }
      }
      ASSERT_EQ(got[p * 24 + o], sum + c.bias[o]) << p << " " << o;
    }
  }
}
#endif

TEST(PatchEmbed, IsTheSameForAnyTeam) {
  Convolution c(40, 150);
  Solo solo;
  const std::vector<float> want = c.run<A>(solo.member());
  for (const std::size_t size : {2u, 3u, 7u}) {
    std::fill(c.out.begin(), c.out.end(), NAN);
    ThreadTeam team(size);
    team.run([&](Member& m) { patch_embed<A>(c.kernel, c.x.data(), c.n, c.out.data(), m); });
    EXPECT_EQ(c.out, want) << size;
  }
}

}  // namespace
