// Warnings about threads and instruction sets: each once per process, so every test runs in a process of its own.
#include "vlmt/exec/processor_warning.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/exec/team.hpp"

#if defined(GTEST_HAS_DEATH_TEST)

namespace {

int warnings = 0;
void count(const char*) noexcept {
  ++warnings;
}

class ProcessorWarningDeathTest : public testing::Test {
 protected:
  void SetUp() override { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(ProcessorWarningDeathTest, ATeamLargerThanItsProcessorsWarnsOnce) {
  const std::size_t processors = std::thread::hardware_concurrency();
  const auto run = [&] {
    vlmt::set_warning_handler(count);
    vlmt::ThreadTeam fits(processors);
    if (warnings != 0) std::exit(10);
    vlmt::ThreadTeam crowded(processors + 1), more(processors + 2);
    vlmt::OmpTeam omp(processors + 3);
    std::exit(warnings);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(1), "");
}

TEST_F(ProcessorWarningDeathTest, TheSentenceNamesBothNumbers) {
  const std::size_t processors = std::thread::hardware_concurrency();
  const auto run = [&] {
    vlmt::ThreadTeam team(processors + 1);
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0),
              "vlmt: warning: a team of " + std::to_string(processors + 1) + " threads on " +
                  std::to_string(processors) + " processor");
}

TEST_F(ProcessorWarningDeathTest, IsSilentWithoutAHandler) {
  const auto run = [] {
    vlmt::set_warning_handler(nullptr);
    vlmt::ThreadTeam team(std::thread::hardware_concurrency() + 1);
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "^$");
}

#if VLMT_HAS_OPENMP
TEST_F(ProcessorWarningDeathTest, CountsTheProcessorsOfOpenMp) {
  const auto run = [] {
    vlmt::set_warning_handler(count);
    vlmt::OmpTeam fits(static_cast<std::size_t>(omp_get_num_procs()));
    if (warnings != 0) std::exit(10);
    vlmt::OmpTeam crowded(static_cast<std::size_t>(omp_get_num_procs()) + 1);
    std::exit(warnings);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(1), "");
}

TEST_F(ProcessorWarningDeathTest, AsksForFewerThreadsThanTheEnvironment) {
  const std::string threads = std::to_string(omp_get_num_procs() + 14);
  setenv("OMP_NUM_THREADS", threads.c_str(), 1);  // for the process that the test starts
  const auto run = [] {
    vlmt::OmpTeam team;
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "vlmt: warning: a team of " + threads + " threads");
  unsetenv("OMP_NUM_THREADS");
}
#endif

}  // namespace

#endif
