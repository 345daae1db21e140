// Control groups and the number of threads, read from trees of files as the kernel lays them.
#include "vlmt/exec/processors.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/control_groups.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/exec/team.hpp"

#include "exec/system_tree.hpp"

namespace vlmt {
namespace {

std::vector<std::string> folders(const SystemTree& tree, const char* controller) {
  std::vector<std::string> found;
  for (const ControlGroup& group : control_groups(controller, tree.root())) {
    found.push_back(group.folder + " v" + std::to_string(group.version));
  }
  return found;
}
using Folders = std::vector<std::string>;

TEST(ControlGroups, AreThoseOfTheProcessAndAllAround) {
  SystemTree second;
  second.version_2("/user.slice/job.scope");
  const Folders all = {"/sys/fs/cgroup/user.slice/job.scope v2", "/sys/fs/cgroup/user.slice v2", "/sys/fs/cgroup v2"};
  EXPECT_EQ(folders(second, "cpu"), all);
  EXPECT_EQ(folders(second, "memory"), all);
  SystemTree first;
  first.version_1("/slurm/job_1");
  EXPECT_EQ(folders(first, "memory"), (Folders{"/sys/fs/cgroup/memory/slurm/job_1 v1", "/sys/fs/cgroup/memory/slurm v1",
                                               "/sys/fs/cgroup/memory v1"}));
  EXPECT_EQ(folders(first, "cpu").front(), "/sys/fs/cgroup/cpu,cpuacct/slurm/job_1 v1");
  EXPECT_EQ(folders(first, "pids"), Folders{});
}

// systemd's hybrid layout: controllers of version 1, and a hierarchy of version 2 beside them.
TEST(ControlGroups, OfBothVersionsTogether) {
  SystemTree tree;
  tree.file("/proc/self/cgroup", "3:cpu:/a\n0::/b\n")
      .file("/proc/self/mountinfo",
            "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
            "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(folders(tree, "cpu"), (Folders{"/sys/fs/cgroup/cpu/a v1", "/sys/fs/cgroup/cpu v1",
                                           "/sys/fs/cgroup/unified/b v2", "/sys/fs/cgroup/unified v2"}));
}

// In a container the mount shows a part of the hierarchy only.
TEST(ControlGroups, OfAContainer) {
  const auto of = [](const std::string& group, const std::string& mounted_root) {
    SystemTree tree;
    tree.version_2(group, mounted_root);
    return folders(tree, "cpu");
  };
  const Folders top = {"/sys/fs/cgroup v2"};
  EXPECT_EQ(of("/", "/"), top) << "a namespace of its own";
  EXPECT_EQ(of("/docker/12ab", "/docker/12ab"), top) << "the namespace of the host";
  EXPECT_EQ(of("/docker/12ab/x", "/docker/12ab"), (Folders{"/sys/fs/cgroup/x v2", "/sys/fs/cgroup v2"}));
  EXPECT_EQ(of("/docker/12abc", "/docker/12ab"), top) << "another group whose name begins alike";
  EXPECT_EQ(of("/../other", "/"), top) << "a group outside of the namespace";
  EXPECT_EQ(of("/", "/../.."), top) << "a mount of the namespace around";
}

TEST(ControlGroups, ChooseTheMountThatShowsMost) {
  SystemTree tree;
  tree.file("/proc/self/cgroup", "0::/a/b\n")
      .file("/proc/self/mountinfo",
            "30 21 0:26 /a/b /mnt/own rw - cgroup2 none rw\n"
            "31 21 0:26 / /mnt/with\\040blank rw - cgroup2 none rw\n"
            "32 21 0:26 /c /mnt/other rw - cgroup2 none rw\n");
  EXPECT_EQ(folders(tree, "cpu"), (Folders{"/mnt/with blank/a/b v2", "/mnt/with blank/a v2", "/mnt/with blank v2"}));
}

TEST(ControlGroups, AreNoneWithoutFilesOrWithGarbage) {
  SystemTree tree;
  EXPECT_EQ(folders(tree, "cpu"), Folders{});
  tree.file("/proc/self/cgroup", "garbage\n\n::\n:::\n0:\n5\n0::relative\n")
      .file("/proc/self/mountinfo", " - \n-\nx - y");
  EXPECT_EQ(folders(tree, "cpu"), Folders{});
  tree.file("/proc/self/cgroup", "0::/a\n").file("/proc/self/mountinfo", "30 - cgroup2\n30 21 0 / rel - cgroup2 x y\n");
  EXPECT_EQ(folders(tree, "cpu"), Folders{});
  tree.file("/proc/self/mountinfo", std::string(100000, ' ') + "\n" + std::string("\0\0\n", 3));
  EXPECT_EQ(folders(tree, "cpu"), Folders{});
}

TEST(KernelNumber, IsExactOrNothing) {
  using detail::kernel_number;
  EXPECT_EQ(kernel_number("100000\n"), 100000u);
  EXPECT_EQ(kernel_number("  12 kB"), 12u);
  EXPECT_EQ(kernel_number("18446744073709551616"), UINT64_MAX);
  EXPECT_EQ(kernel_number("99999999999999999999999999999\n"), UINT64_MAX);
  for (const char* text : {"", "\n", "max", "-1", "12x", "0x10", "1.5", " "}) {
    EXPECT_EQ(kernel_number(text), std::nullopt) << text;
  }
  EXPECT_EQ(kernel_number("abc 1\nab 2\n", "ab"), 2u);
  EXPECT_EQ(kernel_number("abc 1\n", "ab"), std::nullopt);
  EXPECT_EQ(kernel_number("Max data size   unlimited  10 bytes\n", "Max data size"), std::nullopt);
}

/// The number of threads under quotas in a group and in the group around it.
ProcessorCount under_quota(const std::string& own, const std::string& around, std::size_t allowed = 16) {
  SystemTree tree;
  tree.version_2("/a/b").file("/sys/devices/system/cpu/online", "0-15\n");
  if (!own.empty()) tree.file("/sys/fs/cgroup/a/b/cpu.max", own);
  if (!around.empty()) tree.file("/sys/fs/cgroup/a/cpu.max", around);
  return usable_processors(allowed, tree.root());
}

TEST(UsableProcessors, AreTheQuotaRoundedUp) {
  const auto threads = [](const std::string& quota) { return under_quota(quota, "").usable; };
  EXPECT_EQ(threads("50000 100000\n"), 1u);
  EXPECT_EQ(threads("100000 100000\n"), 1u);
  EXPECT_EQ(threads("150000 100000\n"), 2u);
  EXPECT_EQ(threads("390000 100000\n"), 4u);
  EXPECT_EQ(threads("10000 5000\n"), 2u);
  EXPECT_EQ(threads("1 1000000\n"), 1u);
  for (const char* none : {"max 100000\n", "1600000 100000\n", "99999999999999999999 100000\n", "100000\n",
                           "100000 0\n", "0 100000\n", "-1 100000\n", "garbage", "", "x y z"}) {
    EXPECT_EQ(threads(none), 16u) << none;
    EXPECT_EQ(under_quota(none, "").limit, "") << none;
  }
}

TEST(UsableProcessors, FollowTheTightestGroup) {
  const ProcessorCount outer = under_quota("400000 100000\n", "150000 100000\n");
  EXPECT_EQ(outer.usable, 2u);
  EXPECT_EQ(outer.present, 16u);
  EXPECT_EQ(outer.limit, "the CPU quota of /sys/fs/cgroup/a (1.5 processors)");
  EXPECT_EQ(under_quota("200000 100000\n", "max 100000\n").limit, "the CPU quota of /sys/fs/cgroup/a/b (2 processors)");
  EXPECT_EQ(under_quota("400000 100000\n", "", 2).usable, 2u) << "affinity is tighter";
  EXPECT_EQ(under_quota("400000 100000\n", "", 2).limit, "the processor affinity of this process");
}

TEST(UsableProcessors, UnderVersion1) {
  SystemTree tree;
  tree.version_1("/docker/12ab", "/docker/12ab")
      .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(usable_processors(8, tree.root()).usable, 8u);
  tree.file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(usable_processors(8, tree.root()).usable, 3u);
  EXPECT_EQ(usable_processors(8, tree.root()).limit, "the CPU quota of /sys/fs/cgroup/cpu,cpuacct (2.5 processors)");
}

TEST(UsableProcessors, WithoutFilesAreTheAllowedOnes) {
  const SystemTree tree;
  EXPECT_EQ(usable_processors(3, tree.root()).usable, 3u);
  EXPECT_EQ(usable_processors(3, tree.root()).present, 3u);
  EXPECT_EQ(usable_processors(0, tree.root()).usable, 1u);
  SystemTree odd;
  for (const char* list : {"garbage", "5-2", "0-99999999", "", "0--1", ","}) {
    odd.file("/sys/devices/system/cpu/online", list);
    EXPECT_EQ(usable_processors(3, odd.root()).present, 3u) << list;
  }
  odd.file("/sys/devices/system/cpu/online", "0-3,8,10-11\n");
  EXPECT_EQ(usable_processors(3, odd.root()).present, 7u);
}

TEST(UsableProcessors, AreTheDefaultOfTeams) {
  const std::size_t here = usable_processors().usable;
  EXPECT_GE(here, 1u);
  EXPECT_LE(here, allowed_processors());
  EXPECT_EQ(ThreadTeam().size(), here);
  EXPECT_EQ(OmpTeam().size(), OmpTeam::default_size().usable);
#if VLMT_HAS_OPENMP
  omp_set_num_threads(7);
  EXPECT_EQ(OmpTeam().size(), 7u) << "asked for";
  EXPECT_EQ(OmpTeam::default_size().limit, "");
  omp_set_num_threads(omp_get_num_procs());
#endif
}

}  // namespace
}  // namespace vlmt
