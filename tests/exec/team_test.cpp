// Teams: every member runs, barriers order memory, any exception reaches the caller and no member hangs. Built a second
// time with -fsanitize=thread and without OpenMP, see tests/exec/CMakeLists.txt.
#include "vlmt/exec/team.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <pthread.h>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"

namespace {

using vlmt::Member;
using vlmt::OmpTeam;
using vlmt::ThreadTeam;

constexpr std::size_t kSizes[] = {1, 2, 3, 7};

// The actual number of members of a team of `asked` members, run from the main thread.
template <class Team>
std::size_t expected_size(std::size_t asked) {
#if VLMT_HAS_OPENMP
  if constexpr (std::is_same_v<Team, OmpTeam>) {
    return std::min(asked, static_cast<std::size_t>(omp_get_thread_limit()));
  }
#else
  if constexpr (std::is_same_v<Team, OmpTeam>) return 1;
#endif
  return asked;
}

// 0 + 1 + ... + n - 1 in two phases: partial sums, then every member adds all of them.
template <class Team>
std::size_t sum_below(Team& team, std::size_t n) {
  std::vector<std::size_t> partial(team.size()), total(team.size());
  team.run([&](Member& m) {
    const vlmt::Range r = m.share(n);
    for (std::size_t i = r.begin; i < r.end; ++i) partial[m.rank()] += i;
    m.barrier();
    total[m.rank()] = std::accumulate(partial.begin(), partial.end(), std::size_t{0});
  });
  return total[0];
}

template <class T>
class TeamTest : public testing::Test {};
#if VLMT_HAS_OPENMP
using Teams = testing::Types<ThreadTeam, OmpTeam>;
#else
using Teams = testing::Types<ThreadTeam>;
#endif
struct TeamNames {
  template <class T>
  static std::string GetName(int) {
    return std::is_same_v<T, OmpTeam> ? "OmpTeam" : "ThreadTeam";
  }
};
TYPED_TEST_SUITE(TeamTest, Teams, TeamNames);

TYPED_TEST(TeamTest, RunsEveryRankOnce) {
  for (const std::size_t size : kSizes) {
    TypeParam team(size);
    EXPECT_EQ(team.size(), size);
    for (int call = 0; call < 20; ++call) {
      std::vector<int> ran(size);
      std::vector<std::size_t> sizes(size);
      team.run([&](Member& m) {
        ++ran[m.rank()];
        sizes[m.rank()] = m.size();
      });
      const std::size_t members = expected_size<TypeParam>(size);
      for (std::size_t r = 0; r < members; ++r) {
        EXPECT_EQ(ran[r], 1) << r << " of " << size;
        EXPECT_EQ(sizes[r], members);
      }
      EXPECT_EQ(std::accumulate(ran.begin(), ran.end(), 0), static_cast<int>(members));
    }
  }
}

TYPED_TEST(TeamTest, SizeZeroGivesOneMember) {
  TypeParam team(0);
  EXPECT_EQ(team.size(), 1u);
  EXPECT_EQ(sum_below(team, 100), 4950u);
}

void write_rank(Member& m) {
  m.barrier();
}

TYPED_TEST(TeamTest, RunsAnyCallable) {
  TypeParam team(3);
  team.run(write_rank);
  const auto constant = [](Member& m) { m.barrier(); };
  team.run(constant);
  std::atomic<int> calls = 0;
  team.run([&calls, owned = std::make_unique<int>(1)](Member&) { calls += *owned; });
  EXPECT_EQ(calls, static_cast<int>(expected_size<TypeParam>(3)));
}

// Plain memory written before a barrier is read by others after it. Two barriers per round, so that TSan sees both
// edges.
TYPED_TEST(TeamTest, BarriersOrderMemory) {
  for (const std::size_t size : kSizes) {
    TypeParam team(size);
    const std::size_t members = expected_size<TypeParam>(size);
    const std::size_t rounds = size > std::thread::hardware_concurrency() ? 100 : 1000;
    std::vector<std::size_t> slot(size), wrong(size);
    team.run([&](Member& m) {
      for (std::size_t round = 0; round < rounds; ++round) {
        slot[m.rank()] = round * 10 + m.rank();
        m.barrier();
        const std::size_t other = (m.rank() + 1 + round % members) % members;
        if (slot[other] != round * 10 + other) ++wrong[m.rank()];
        m.barrier();
      }
    });
    for (std::size_t r = 0; r < size; ++r) EXPECT_EQ(wrong[r], 0u) << r << " of " << size;
  }
}

// Members arrive at very different times: those that wait spin, then sleep.
TYPED_TEST(TeamTest, BarriersWaitForTheSlowest) {
  TypeParam team(3);
  const std::size_t members = expected_size<TypeParam>(3);
  std::atomic<std::size_t> arrived = 0;
  std::atomic<int> early = 0;
  team.run([&](Member& m) {
    for (std::size_t round = 1; round <= 30; ++round) {
      if (round % members == m.rank()) std::this_thread::sleep_for(std::chrono::microseconds(round % 3 * 700));
      ++arrived;
      m.barrier();
      if (arrived.load() < round * members) ++early;
      m.barrier();
    }
  });
  EXPECT_EQ(early, 0);
}

TYPED_TEST(TeamTest, ManyShortRunsComplete) {
  TypeParam team(2);
  std::size_t calls = 0;
  for (int i = 0; i < 500; ++i) {
    team.run([&](Member& m) {
      if (m.rank() == 0) ++calls;
    });
  }
  EXPECT_EQ(calls, 500u);
}

struct Counted {
  std::atomic<int>* alive;
  explicit Counted(std::atomic<int>& n) : alive(&n) { ++*alive; }
  Counted(const Counted&) = delete;
  ~Counted() { --*alive; }
};

// Operations with and without a barrier between them: every part of each runs once, without a data race.
TYPED_TEST(TeamTest, EveryPartIsClaimedOnce) {
  for (const std::size_t size : kSizes) {
    TypeParam team(size);
    const std::size_t parts = Member::parts_per_member * expected_size<TypeParam>(size);
    constexpr std::size_t operations = 60;
    std::vector<std::vector<int>> done(operations, std::vector<int>(parts));
    for (int run = 1; run <= 3; ++run) {
      team.run([&](Member& m) {
        for (std::size_t i = 0; i < operations; ++i) {
          if (i % 2 == 0) {
            m.claim_parts([&](std::size_t first, std::size_t last) {
              for (; first < last; ++first) ++done[i][first];
            });
          } else {
            m.claim_items(parts, [&](std::size_t item) { ++done[i][item]; });
          }
          if (i % 3 == 0) m.barrier();
        }
      });
      for (const std::vector<int>& d : done) EXPECT_EQ(d, std::vector<int>(parts, run));
    }
  }
}

TYPED_TEST(TeamTest, SlowMemberClaimsLess) {
  TypeParam team(2);
  std::vector<std::size_t> parts(2);
  bool both = false;
  team.run([&](Member& m) {
    if (m.size() != 2) return;
    if (m.rank() == 0) both = true;
    m.barrier();
    m.claim_parts([&](std::size_t first, std::size_t last) {
      std::this_thread::sleep_for(std::chrono::milliseconds(m.rank() == 0 ? 1 : 30));
      parts[m.rank()] += last - first;
    });
  });
  if (!both) return;  // a thread limit, or no OpenMP
  EXPECT_EQ(parts[0] + parts[1], 2 * Member::parts_per_member);
  EXPECT_GE(parts[1], Member::parts_per_member / 2);
  EXPECT_GT(parts[0], parts[1]);
}

// One member throws before the b-th of three barriers, or after the last: for each rank and each b.
TYPED_TEST(TeamTest, ExceptionOfAnyRankAtAnyBarrierReachesTheCaller) {
  constexpr std::size_t kBarriers = 3;
  for (const std::size_t size : kSizes) {
    TypeParam team(size);
    const std::size_t members = expected_size<TypeParam>(size);
    for (std::size_t rank = 0; rank < members; ++rank) {
      for (std::size_t at = 0; at <= kBarriers; ++at) {
        SCOPED_TRACE("rank " + std::to_string(rank) + " of " + std::to_string(size) + ", barrier " +
                     std::to_string(at));
        std::vector<std::size_t> passed(size);
        std::atomic<int> alive = 0;
        std::string what;
        try {
          team.run([&](Member& m) {
            const Counted on_the_stack(alive);
            for (std::size_t b = 0; b <= kBarriers; ++b) {
              if (m.rank() == rank && b == at) {
                throw std::runtime_error(std::to_string(rank) + " at " + std::to_string(at));
              }
              if (b == kBarriers) break;
              m.barrier();
              passed[m.rank()] = b + 1;
            }
          });
        } catch (const std::runtime_error& e) {
          what = e.what();
        }
        EXPECT_EQ(what, std::to_string(rank) + " at " + std::to_string(at));
        EXPECT_EQ(alive, 0) << "a member was not unwound";
        for (std::size_t r = 0; r < members; ++r) EXPECT_LE(passed[r], at) << r << " passed a barrier without " << rank;
        EXPECT_EQ(sum_below(team, 1000), 499500u) << "the team is unusable after an exception";
      }
    }
  }
}

TYPED_TEST(TeamTest, OneExceptionIsReportedWhenAllThrow) {
  for (const std::size_t size : kSizes) {
    TypeParam team(size);
    for (int call = 0; call < 20; ++call) {
      int rank = -1;
      try {
        team.run([](Member& m) { throw static_cast<int>(m.rank()); });
      } catch (int r) {
        rank = r;
      }
      EXPECT_GE(rank, 0);
      EXPECT_LT(rank, static_cast<int>(size));
    }
  }
}

TYPED_TEST(TeamTest, StoppedIsTrueAfterAnotherMemberThrows) {
  TypeParam team(2);
  std::atomic<bool> seen = false;
  EXPECT_THROW(team.run([&](Member& m) {
    if (m.rank() + 1 == m.size()) throw std::runtime_error("the last");
    while (!m.stopped()) std::this_thread::yield();
    seen = true;
  }),
               std::runtime_error);
  EXPECT_EQ(seen, expected_size<TypeParam>(2) > 1);
}

// Whichever member sets the flag, at whichever item: no item starts after all members have seen it, and the run throws.
TYPED_TEST(TeamTest, AStopEndsClaimedWork) {
  constexpr std::size_t items = 1u << 30;  // hours without a stop
  for (const std::size_t size : kSizes) {
    TypeParam team(size);
    for (const std::size_t at : {0u, 1u, 5u, 1000u}) {
      vlmt::StopFlag stop;
      std::atomic<std::size_t> done = 0, passed = 0;
      const auto work = [&](Member& m) {
        m.claim_items(items, [&](std::size_t) {
          if (done++ == at) stop.set();
        });
        m.claim_parts([&](std::size_t, std::size_t) { ++passed; });
        m.barrier();
        ++passed;
      };
      EXPECT_THROW(team.run(work, &stop), vlmt::Cancelled);
      EXPECT_GT(done, at);
      EXPECT_EQ(passed, 0u);
      EXPECT_EQ(sum_below(team, 1000), 499500u) << "the team is unusable after a stop";
    }
  }
}

TYPED_TEST(TeamTest, AStopEndsARunOfBarriers) {
  for (const std::size_t size : kSizes) {
    TypeParam team(size);
    for (int call = 0; call < 20; ++call) {
      vlmt::StopFlag stop;
      std::atomic<std::size_t> rounds = 0;
      std::atomic<int> alive = 0;
      std::jthread other([&] {
        while (rounds < static_cast<std::size_t>(call)) std::this_thread::yield();
        stop.set();
      });
      const auto work = [&](Member& m) {
        const Counted on_the_stack(alive);
        while (true) {
          ++rounds;
          m.barrier();
        }
      };
      EXPECT_THROW(team.run(work, &stop), vlmt::Cancelled);
      EXPECT_EQ(alive, 0) << "a member was not unwound";
    }
  }
}

// The flag is set while all members but one wait, spinning or asleep.
TYPED_TEST(TeamTest, AStopReachesMembersAtABarrier) {
  for (const int milliseconds : {0, 5}) {
    TypeParam team(3);
    for (int call = 0; call < 10; ++call) {
      vlmt::StopFlag stop;
      const auto work = [&](Member& m) {
        if (m.rank() + 1 == m.size()) {
          std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
          stop.set();
        }
        m.barrier();
        ADD_FAILURE() << "passed the barrier";
      };
      EXPECT_THROW(team.run(work, &stop), vlmt::Cancelled);
    }
  }
}

TYPED_TEST(TeamTest, AStopBeforeTheRunSkipsAllWork) {
  TypeParam team(2);
  vlmt::StopFlag stop;
  stop.set();
  std::atomic<int> done = 0;
  const auto work = [&](Member& m) { m.claim_items(100, [&](std::size_t) { ++done; }); };
  EXPECT_THROW(team.run(work, &stop), vlmt::Cancelled);
  EXPECT_EQ(done, 0);
  stop.clear();
  team.run(work, &stop);
  EXPECT_EQ(done, 100);
}

// Work is missing, although the flag is clear again when the members arrive at the barrier, or leave without one.
TYPED_TEST(TeamTest, AClearedFlagDoesNotHideSkippedWork) {
  for (const bool barrier : {false, true}) {
    TypeParam team(2);
    vlmt::StopFlag stop;
    std::atomic<std::size_t> seen = 0;
    const auto work = [&](Member& m) {
      if (m.rank() == 0) stop.set();
      while (!m.stopped()) std::this_thread::yield();
      ++seen;
      while (seen < m.size()) std::this_thread::yield();
      stop.clear();
      m.claim_items(1, [&](std::size_t) { ADD_FAILURE() << "a stopped member claims"; });
      if (barrier) m.barrier();
    };
    EXPECT_THROW(team.run(work, &stop), vlmt::Cancelled);
  }
}

TYPED_TEST(TeamTest, AStopAfterTheLastCheckChangesNothing) {
  TypeParam team(2);
  vlmt::StopFlag stop;
  std::atomic<std::size_t> done = 0;
  team.run(
      [&](Member& m) {
        m.barrier();
        if (++done == m.size()) stop.set();
      },
      &stop);
  EXPECT_TRUE(stop.is_set());
}

TYPED_TEST(TeamTest, AnExceptionIsReportedRatherThanAStop) {
  TypeParam team(3);
  vlmt::StopFlag stop;
  const auto work = [&](Member& m) {
    if (m.rank() + 1 == m.size()) throw std::runtime_error("the last");
    while (!m.stopped()) std::this_thread::yield();
    stop.set();
    m.barrier();
  };
  EXPECT_THROW(team.run(work, &stop), std::runtime_error);
}

TYPED_TEST(TeamTest, NestedRunsWork) {
  TypeParam team(3);
  std::vector<std::size_t> sums(3);
  team.run([&](Member& m) {
    std::size_t sum = 0;
    team.run([&](Member& inner) {
      if (inner.rank() == 0) {
        for (std::size_t i = 0; i < 100; ++i) sum += i;
      }
    });
    sums[m.rank()] = sum;
    m.barrier();
  });
  for (std::size_t r = 0; r < expected_size<TypeParam>(3); ++r) EXPECT_EQ(sums[r], 4950u);
  EXPECT_THROW(team.run([&](Member&) { team.run([](Member&) { throw std::runtime_error("inner"); }); }),
               std::runtime_error);
  EXPECT_EQ(sum_below(team, 1000), 499500u);
}

TYPED_TEST(TeamTest, TwoTeamsRunOnTwoThreads) {
  std::vector<int> wrong(2);
  {
    std::vector<std::jthread> users;
    for (std::size_t u = 0; u < 2; ++u) {
      users.emplace_back([&, u] {
        TypeParam team(2 + u);
        for (std::size_t n = 0; n < 200; ++n) wrong[u] += sum_below(team, n) != (n == 0 ? 0 : n * (n - 1) / 2);
      });
    }
  }
  EXPECT_EQ(wrong, std::vector<int>({0, 0}));
}

TEST(ThreadTeamTest, TwoThreadsMayShareOneTeam) {
  ThreadTeam team(2);
  std::vector<int> wrong(2);
  {
    std::vector<std::jthread> users;
    for (std::size_t u = 0; u < 2; ++u) {
      users.emplace_back([&, u] {
        for (std::size_t n = 0; n < 200; ++n) wrong[u] += sum_below(team, n) != (n == 0 ? 0 : n * (n - 1) / 2);
      });
    }
  }
  EXPECT_EQ(wrong, std::vector<int>({0, 0}));
}

TEST(ThreadTeamTest, IsCreatedAndDestroyedWithoutARun) {
  for (int i = 0; i < 50; ++i) ThreadTeam team(3);
}

// Stacks larger than the address space: no thread can start.
TEST(ThreadTeamTest, HasFewerMembersIfThreadsCannotStart) {
  pthread_attr_t old, huge;
  ASSERT_EQ(pthread_getattr_default_np(&old), 0);
  ASSERT_EQ(pthread_attr_init(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, std::size_t{1} << 52), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  {
    ThreadTeam team(3);
    EXPECT_EQ(team.size(), 1u);
    EXPECT_EQ(sum_below(team, 1000), 499500u);
  }
  EXPECT_EQ(pthread_setattr_default_np(&old), 0);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&old);
}

TEST(SoloTest, IsATeamOfOne) {
  vlmt::Solo solo;
  Member& m = solo;
  EXPECT_EQ(m.rank(), 0u);
  EXPECT_EQ(m.size(), 1u);
  m.barrier();
  EXPECT_EQ(m.share(10).size(), 10u);
  EXPECT_FALSE(m.stopped());
}

TEST(SoloTest, StopsWithItsFlag) {
  vlmt::StopFlag stop;
  vlmt::Solo solo(&stop);
  std::size_t done = 0;
  solo.member().claim_items(1000, [&](std::size_t item) {
    ++done;
    if (item == 10) stop.set();
  });
  EXPECT_EQ(done, 11u);
  EXPECT_TRUE(solo.member().stopped());
}

#if VLMT_HAS_OPENMP

TEST(OmpTeamTest, RespectsTheThreadLimit) {
  OmpTeam team(7);
  std::size_t members = 0;
  team.run([&](Member& m) {
    if (m.rank() == 0) members = m.size();
  });
  EXPECT_EQ(members, expected_size<OmpTeam>(7));
}

TEST(OmpTeamTest, WorksInsideAParallelRegionOfTheCaller) {
  for (const int levels : {1, 3}) {
    omp_set_max_active_levels(levels);
    std::atomic<int> wrong = 0, thrown = 0, regions = 0;
#pragma omp parallel num_threads(3)
    {
      ++regions;
      OmpTeam team(3);
      for (std::size_t n = 1; n < 50; ++n) wrong += sum_below(team, n) != n * (n - 1) / 2;
      try {
        team.run([](Member& m) {
          m.barrier();
          if (m.rank() + 1 == m.size()) throw std::runtime_error("inside");
          m.barrier();
        });
      } catch (const std::runtime_error&) {
        ++thrown;
      }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(thrown, regions);
  }
  omp_set_max_active_levels(1);
}

#endif

}  // namespace
