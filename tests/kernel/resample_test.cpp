#include "vlmt/kernel/resample.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/type_list.hpp"

namespace {

using vlmt::Bicubic;
using vlmt::Bilinear;
using vlmt::ResamplePlan;
using Bytes = std::vector<std::uint8_t>;

Bytes noise(std::size_t n, std::uint32_t state) {
  Bytes out(n);
  for (auto& v : out) v = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return out;
}

/// Runs the members of a team one after the other: kernels never wait.
template <class Arch>
Bytes run(const Bytes& in, const ResamplePlan& plan, std::size_t team = 1) {
  Bytes out(plan.y.out * plan.x.out * 3, 0xee);
  Bytes scratch(team * vlmt::resample_scratch_bytes(plan));
  vlmt::detail::TeamState state(team);
  for (std::size_t rank = 0; rank < team; ++rank) {
    vlmt::Member member(state, rank);
    vlmt::resample<Arch>(in.data(), plan, out.data(), scratch.data(), member);
  }
  return out;
}

constexpr std::pair<std::size_t, std::size_t> resized[] = {
    {1, 1}, {1, 7}, {2, 1}, {3, 5}, {15, 16}, {16, 15}, {17, 33}, {33, 17}, {100, 21}, {200, 200}, {331, 64}};

template <class Filter, class Arch>
void expect_close_to_reference() {
  std::size_t equal = 0;
  std::size_t all = 0;
  for (const auto& [height, out_height] : resized) {
    for (const auto& [width, out_width] : resized) {
      const Bytes in = noise(height * width * 3, static_cast<std::uint32_t>(height * 1000 + width));
      const ResamplePlan plan = vlmt::plan_resample<Filter>(height, width, out_height, out_width);
      const Bytes fast = run<Arch>(in, plan);
      const Bytes exact = run<vlmt::arch::reference>(in, plan);
      ASSERT_EQ(fast.size(), exact.size());
      all += fast.size();
      for (std::size_t i = 0; i < fast.size(); ++i) {
        // Two roundings; the 15-bit weights may tip each of them.
        ASSERT_LE(std::abs(fast[i] - exact[i]), 2)
            << height << " x " << width << " -> " << out_height << " x " << out_width;
        equal += fast[i] == exact[i];
      }
    }
  }
  EXPECT_GE(static_cast<double>(equal), 0.98 * static_cast<double>(all));
}

TEST(Resample, EveryArchIsCloseToTheReference) {
  vlmt::for_each_type(vlmt::arch::compiled{}, [](auto tag) {
    using Arch = typename decltype(tag)::type;
    expect_close_to_reference<Bicubic, Arch>();
    expect_close_to_reference<Bilinear, Arch>();
  });
}

TEST(Resample, WeightsOfEachOutputSumToOne) {
  for (const auto& [in, out] : resized) {
    const auto axis = vlmt::resample_axis<Bicubic>(in, out, 0, out);
    for (std::size_t i = 0; i < out; ++i) {
      double sum = 0.0;
      int fixed = 0;
      ASSERT_GE(axis.count[i], 1u);
      ASSERT_LE(axis.begin[i] + axis.count[i], in);
      for (std::size_t k = 0; k < axis.count[i]; ++k) {
        sum += axis.exact[i * axis.taps + k];
        fixed += axis.weights[i * axis.taps + k];
      }
      EXPECT_NEAR(sum, 1.0, 1e-12);
      EXPECT_NEAR(fixed, 1 << axis.precision, static_cast<double>(axis.count[i]) / 2 + 1);
    }
  }
}

TEST(Resample, TheSameSizeIsTheIdentity) {
  const Bytes in = noise(31 * 47 * 3, 5);
  EXPECT_EQ(run<vlmt::arch::native>(in, vlmt::plan_resample(31, 47, 31, 47)), in);
  EXPECT_EQ(run<vlmt::arch::reference>(in, vlmt::plan_resample(31, 47, 31, 47)), in);
}

TEST(Resample, AConstantImageStaysConstant) {
  for (const int value : {0, 1, 127, 254, 255}) {
    const Bytes in(60 * 50 * 3, static_cast<std::uint8_t>(value));
    for (const std::size_t out : {std::size_t{7}, std::size_t{50}, std::size_t{161}}) {
      EXPECT_EQ(run<vlmt::arch::native>(in, vlmt::plan_resample(60, 50, out, out)),
                Bytes(out * out * 3, static_cast<std::uint8_t>(value)));
    }
  }
}

TEST(Resample, DoesNotDependOnTheTeam) {
  const Bytes in = noise(500 * 90 * 3, 9);
  const ResamplePlan plan = vlmt::plan_resample(500, 90, 397, 64);
  const Bytes alone = run<vlmt::arch::native>(in, plan);
  for (const std::size_t team : {std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{16}})
    EXPECT_EQ(run<vlmt::arch::native>(in, plan, team), alone) << team;
}

TEST(Resample, AWindowEqualsACropOfTheFullResult) {
  const Bytes in = noise(120 * 77 * 3, 3);
  const Bytes whole = run<vlmt::arch::native>(in, vlmt::plan_resample(120, 77, 90, 60));
  const Bytes window = run<vlmt::arch::native>(in, vlmt::plan_resample_window(120, 77, 90, 60, 11, 7, 40, 33));
  for (std::size_t y = 0; y < 40; ++y) {
    for (std::size_t i = 0; i < 33 * 3; ++i) {
      ASSERT_EQ(window[y * 33 * 3 + i], whole[((y + 11) * 60 + 7) * 3 + i]);
    }
  }
}

}  // namespace
