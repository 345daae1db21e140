// Steps: immediate and recorded runs agree; recording reads no data; each replay reads the current data.
#include "vlmt/exec/step_now.hpp"

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <sys/mman.h>

#include <gtest/gtest.h>

#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/exec/team.hpp"

namespace {

using vlmt::Member;

constexpr std::size_t kCount = 1000;

struct Data {
  float* x;               // (kCount)
  float* y;               // (kCount)
  float* sum;             // (1)
  const std::size_t* at;  // (1): read inside an op, like positions and routing
};

// y = sin(x); sum = y[0] + ...; x = y / sum, rotated by *at. Every op reads values that other members wrote in the
// previous op.
template <vlmt::Step S>
void issue(S& step, const Data& d) {
  step([d](Member& m) noexcept {
    const vlmt::Range r = m.share(kCount, 16);
    for (std::size_t i = r.begin; i < r.end; ++i) d.y[i] = std::sin(d.x[i]);
  });
  step([d](Member& m) noexcept {
    if (m.rank() != 0) return;
    float sum = 0;
    for (std::size_t i = 0; i < kCount; ++i) sum += d.y[i];
    *d.sum = sum;
  });
  step([d](Member& m) noexcept {
    const vlmt::Range r = m.share(kCount);
    for (std::size_t i = r.begin; i < r.end; ++i) d.x[i] = d.y[(i + *d.at) % kCount] / *d.sum;
  });
}

struct Arena {
  vlmt::Buffer buffer{std::size_t{1} << 16};
  Data data{};
  std::size_t* at = nullptr;
  Arena() {
    vlmt::Carver carver(buffer.data(), buffer.bytes());
    data.x = carver.take<float>(kCount);
    data.y = carver.take<float>(kCount);
    data.sum = carver.take<float>(1);
    at = carver.take<std::size_t>(1);
    data.at = at;
  }
  void fill(std::size_t seed) {
    for (std::size_t i = 0; i < kCount; ++i) data.x[i] = static_cast<float>((i * 37 + seed * 101) % 613) * 0.01f;
    *at = seed * 7 % kCount;
  }
  void protect(int how) { ASSERT_EQ(::mprotect(buffer.data(), buffer.bytes(), how), 0); }
  std::vector<float> result() const { return {data.x, data.x + kCount}; }
};

template <class T>
class StepTest : public testing::Test {};
using Teams = testing::Types<vlmt::ThreadTeam, vlmt::OmpTeam>;
struct SizedTeamNames {
  template <class T>
  static std::string GetName(int) {
    return std::is_same_v<T, vlmt::OmpTeam> ? "OmpTeam" : "ThreadTeam";
  }
};
TYPED_TEST_SUITE(StepTest, Teams, SizedTeamNames);

TYPED_TEST(StepTest, RecordingReadsNoDataAndReplayMatchesStepNow) {
  for (const std::size_t size : {1u, 2u, 3u, 7u}) {
    TypeParam team(size);
    Arena now, later;
    vlmt::StepRecorder<> recorder;
    later.protect(PROT_NONE);
    issue(recorder, later.data);
    later.protect(PROT_READ | PROT_WRITE);
    EXPECT_EQ(recorder.size(), 3u);
    for (std::size_t seed = 0; seed < 5; ++seed) {
      now.fill(seed);
      later.fill(seed);
      team.run([&](Member& m) {
        vlmt::StepNow<> step(m);
        issue(step, now.data);
        issue(step, now.data);
      });
      team.run([&](Member& m) {
        recorder.replay(m);
        recorder.replay(m);
      });
      EXPECT_EQ(now.result(), later.result()) << "members " << size << ", seed " << seed;
    }
  }
}

TYPED_TEST(StepTest, ResultsDoNotDependOnTheTeamSize) {
  std::vector<float> first;
  for (const std::size_t size : {1u, 2u, 3u, 7u}) {
    TypeParam team(size);
    Arena arena;
    arena.fill(3);
    team.run([&](Member& m) {
      vlmt::StepNow<> step(m);
      issue(step, arena.data);
    });
    if (first.empty()) first = arena.result();
    EXPECT_EQ(first, arena.result()) << size;
  }
}

TYPED_TEST(StepTest, ThrowingOpStopsTheStep) {
  TypeParam team(3);
  vlmt::StepRecorder<> recorder;
  std::vector<int> after(3);
  recorder([](Member& m) {
    if (m.rank() + 1 == m.size()) throw std::runtime_error("op");
  });
  recorder([&after](Member& m) { ++after[m.rank()]; });
  EXPECT_THROW(team.run([&](Member& m) { recorder.replay(m); }), std::runtime_error);
  EXPECT_EQ(after, std::vector<int>({0, 0, 0}));
}

TYPED_TEST(StepTest, AStopEndsTheStepAfterTheOp) {
  TypeParam team(3);
  vlmt::StopFlag stop;
  vlmt::StepRecorder<> recorder;
  std::vector<int> before(3), after(3);
  const auto issue_ops = [&](auto& step) {
    step([&](Member& m) {
      ++before[m.rank()];
      if (m.rank() + 1 == m.size()) stop.set();
    });
    step([&](Member& m) { ++after[m.rank()]; });
  };
  issue_ops(recorder);
  EXPECT_THROW(team.run([&](Member& m) { recorder.replay(m); }, &stop), vlmt::Cancelled);
  stop.clear();
  const auto now = [&](Member& m) {
    vlmt::StepNow<> step(m);
    issue_ops(step);
  };
  EXPECT_THROW(team.run(now, &stop), vlmt::Cancelled);
  EXPECT_EQ(after, std::vector<int>({0, 0, 0}));
  EXPECT_GT(before[0], 0);
}

TEST(StepRecorderTest, ClearRemovesAllOps) {
  vlmt::StepRecorder<> recorder;
  int calls = 0;
  recorder([&calls](Member&) { ++calls; });
  vlmt::Solo solo;
  recorder.replay(solo);
  recorder.clear();
  recorder.replay(solo);
  EXPECT_EQ(recorder.size(), 0u);
  EXPECT_EQ(calls, 1);
}

}  // namespace
