// Teams with more members than processors: a warning once per process, so every test runs in a process of its own.
#include "vlmt/exec/crowded_team.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/exec/processors.hpp"
#include "vlmt/exec/team.hpp"

#if defined(GTEST_HAS_DEATH_TEST)

namespace crowded_team_tests {
namespace {

int warnings = 0;
void count(const char*) noexcept {
  ++warnings;
}

class CrowdedTeamDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(CrowdedTeamDeathTest, ATeamLargerThanItsProcessorsWarnsOnce) {
  const std::size_t processors = vlmt::usable_processors().usable;
  const auto run = [&] {
    vlmt::set_warning_handler(count);
    vlmt::ThreadTeam fits(processors);
    if (warnings != 0) std::exit(10);
    vlmt::ThreadTeam crowded(processors + 1), more(processors + 2);
    vlmt::OmpTeam omp(processors + 3);
    std::exit(warnings);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(1), "");
}

TEST_F(CrowdedTeamDeathTest, TheSentenceNamesBothNumbers) {
  const std::size_t processors = vlmt::usable_processors().usable;
  const auto run = [&] {
    vlmt::ThreadTeam team(processors + 1);
    std::exit(0);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0),
              "vlmt: warning: a team of " + std::to_string(processors + 1) + " threads on " +
                  std::to_string(processors) + " processor");
}

TEST_F(CrowdedTeamDeathTest, IsSilentWithoutAHandler) {
  const auto run = [] {
    vlmt::set_warning_handler(nullptr);
    vlmt::ThreadTeam team(vlmt::usable_processors().usable + 1);
    std::exit(0);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "^$");
}

TEST_F(CrowdedTeamDeathTest, TheSentenceNamesWhatLimitsTheProcessors) {
  const auto run = [] {
    const vlmt::ProcessorCount processors{1, 8, "the CPU quota of /box (0.5 processors)"};
    if (!vlmt::detail::crowded_team(2, processors) || vlmt::detail::crowded_team(1, processors)) std::exit(10);
    std::exit(0);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0),
              "a team of 2 threads on 1 processor, limited by the CPU quota of /box \\(0.5 processors\\): they wait");
}

#if VLMT_HAS_OPENMP
TEST_F(CrowdedTeamDeathTest, CountsTheProcessorsOfOpenMp) {
  const auto run = [] {
    vlmt::set_warning_handler(count);
    const auto bound = static_cast<std::size_t>(omp_get_num_procs());  // OMP_PLACES may name fewer than all
    const std::size_t processors = vlmt::usable_processors(bound).usable;
    vlmt::OmpTeam fits(processors);
    if (warnings != 0) std::exit(10);
    vlmt::OmpTeam crowded(processors + 1);
    std::exit(warnings);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(1), "");
}

TEST_F(CrowdedTeamDeathTest, AsksForFewerThreadsThanTheEnvironment) {
  const std::string threads = std::to_string(omp_get_num_procs() + 14);
  setenv("OMP_NUM_THREADS", threads.c_str(), 1);  // for the process that the test starts
  const auto run = [] {
    vlmt::OmpTeam team;
    std::exit(0);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "vlmt: warning: a team of " + threads + " threads");
  unsetenv("OMP_NUM_THREADS");
}
#endif

}  // namespace
}  // namespace crowded_team_tests

#endif
