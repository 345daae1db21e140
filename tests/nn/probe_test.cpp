// Probes: hooks are called once, between ops, with the rows of that moment; an absent hook issues no op.
#include "vlmt/nn/probe.hpp"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/step_now.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/cpu/lower.hpp"

namespace vlmt_test::probe_test {
namespace {

using B = vlmt::Cpu<>;
using Floats = std::vector<std::vector<float>>;

template <class T>
std::vector<std::vector<T>> rows_of(const vlmt::TensorView<const T, 2>& x) {
  std::vector<std::vector<T>> rows(x.extent(0));
  for (std::size_t r = 0; r < x.extent(0); ++r) {
    for (std::size_t c = 0; c < x.extent(1); ++c) rows[r].push_back(x(r, c));
  }
  return rows;
}

/// Keeps what it sees.
struct Everything {
  std::vector<std::pair<std::size_t, Floats>> hiddens, visions, weights;
  std::vector<std::pair<std::size_t, std::vector<std::vector<std::int32_t>>>> experts;

  void hidden(std::size_t layer, vlmt::TensorView<const float, 2> x) { hiddens.emplace_back(layer, rows_of<float>(x)); }
  void vision(std::size_t block, vlmt::TensorView<const float, 2> x) { visions.emplace_back(block, rows_of<float>(x)); }
  void router(std::size_t layer, vlmt::TensorView<const std::int32_t, 2> ids, vlmt::TensorView<const float, 2> w) {
    experts.emplace_back(layer, rows_of<std::int32_t>(ids));
    weights.emplace_back(layer, rows_of<float>(w));
  }
};

struct OnlyRouter {
  int calls = 0;
  void router(std::size_t, vlmt::TensorView<const std::int32_t, 2>, vlmt::TensorView<const float, 2>) { ++calls; }
};

/// x (2, 3), rows of features, and a mixture of 2 rows with 2 experts each.
struct Data {
  std::vector<float> x = {1, 2, 3, 4, 5, 6};
  std::vector<float> step = {10, 20, 30, 40, 50, 60};
  std::vector<vlmt::FeatureRow> features = {{step.data(), 0}, {step.data() + 3, 0}};
  std::vector<std::int32_t> at = {1, 0}, ids = {3, 1, 0, 2};
  std::vector<float> weights = {0.75f, 0.25f, 0.5f, 0.125f};
};

/// Probes before and after an op that adds to x.
template <class S, class Probe>
void issue(S& step, Data& d, Probe& probe) {
  vlmt::MoeBuffers<B> moe;
  moe.ids = d.ids.data();
  moe.weights = d.weights.data();
  vlmt::probe_hidden(step, probe, 4, d.x.data(), 2, 3);
  step("sum", vlmt::op::ScatterAdd{d.features.data(), 0, d.at.data(), d.x.data(), 2, 3});
  vlmt::probe_hidden(step, probe, 5, d.x.data(), 2, 3);
  vlmt::probe_router(step, probe, 6, moe, 2, 2);
  vlmt::probe_vision(step, probe, 7, d.x.data(), 1, 6);
}

void expect_everything(const Everything& probe) {
  ASSERT_EQ(probe.hiddens.size(), 2u);
  EXPECT_EQ(probe.hiddens[0], (std::pair{std::size_t{4}, Floats{{1, 2, 3}, {4, 5, 6}}}));
  EXPECT_EQ(probe.hiddens[1], (std::pair{std::size_t{5}, Floats{{41, 52, 63}, {14, 25, 36}}}));
  ASSERT_EQ(probe.experts.size(), 1u);
  EXPECT_EQ(probe.experts[0], (std::pair{std::size_t{6}, std::vector<std::vector<std::int32_t>>{{3, 1}, {0, 2}}}));
  EXPECT_EQ(probe.weights[0], (std::pair{std::size_t{6}, Floats{{0.75f, 0.25f}, {0.5f, 0.125f}}}));
  ASSERT_EQ(probe.visions.size(), 1u);
  EXPECT_EQ(probe.visions[0], (std::pair{std::size_t{7}, Floats{{41, 52, 63, 14, 25, 36}}}));
}

TEST(NnProbe, HooksSeeTheRowsBetweenOps) {
  for (const std::size_t members : {1u, 3u}) {
    Data d;
    Everything probe;
    vlmt::ThreadTeam team(members);
    team.run([&](vlmt::Member& m) {
      vlmt::StepNow<B> step(m);
      issue(step, d, probe);
    });
    expect_everything(probe);
  }
}

TEST(NnProbe, ARecordedStepCallsThemAtEachReplay) {
  Data d;
  Everything probe;
  vlmt::StepRecorder<B> step;
  issue(step, d, probe);
  EXPECT_EQ(step.size(), 5u);
  EXPECT_TRUE(probe.hiddens.empty());
  vlmt::ThreadTeam team(3);
  team.run([&](vlmt::Member& m) { step.replay(m); });
  expect_everything(probe);
  team.run([&](vlmt::Member& m) { step.replay(m); });
  ASSERT_EQ(probe.hiddens.size(), 4u);
  EXPECT_EQ(probe.hiddens[2].second, probe.hiddens[1].second);
  EXPECT_EQ(probe.experts.size(), 2u);
}

TEST(NnProbe, AnAbsentHookIssuesNoOp) {
  Data d;
  vlmt::NoProbe none;
  vlmt::StepRecorder<B> step;
  issue(step, d, none);
  EXPECT_EQ(step.size(), 1u);
  OnlyRouter router;
  vlmt::StepRecorder<B> with_router;
  issue(with_router, d, router);
  EXPECT_EQ(with_router.size(), 2u);
  vlmt::ThreadTeam team(2);
  team.run([&](vlmt::Member& m) { with_router.replay(m); });
  EXPECT_EQ(router.calls, 1);
}

}  // namespace
}  // namespace vlmt_test::probe_test
