// Limits of memory, read from trees of files as the kernel lays them.
#include "vlmt/runtime/available_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "exec/system_tree.hpp"

namespace vlmt {
namespace available_memory_test {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

std::string bytes(std::size_t n) {
  return std::to_string(n) + "\n";
}

/// A machine with 1000 MiB available.
SystemTree& machine(SystemTree& tree) {
  return tree.file("/proc/meminfo", "MemTotal: 2048000 kB\nMemFree: 1 kB\nMemAvailable:    1024000 kB\n");
}

TEST(MemoryLimit, OfTheMachine) {
  SystemTree tree;
  machine(tree);
  EXPECT_EQ(available_memory(tree.root()), 1000 * mib);
  EXPECT_EQ(memory_limit(tree.root()).name, "the memory of this machine");
}

// Cached file pages are free, as the kernel drops them first: 300 used, 120 of them cached.
TEST(MemoryLimit, OfAGroupOfVersion2) {
  SystemTree tree;
  machine(tree)
      .version_2("/app.slice/run.scope")
      .file("/sys/fs/cgroup/app.slice/run.scope/memory.max", bytes(500 * mib))
      .file("/sys/fs/cgroup/app.slice/run.scope/memory.current", bytes(300 * mib))
      .file("/sys/fs/cgroup/app.slice/run.scope/memory.stat",
            "anon 1\ninactive_file " + bytes(100 * mib) + "active_file " + bytes(20 * mib) + "file 9\n");
  EXPECT_EQ(available_memory(tree.root()), 320 * mib);
  EXPECT_EQ(memory_limit(tree.root()).name, "memory.max of /sys/fs/cgroup/app.slice/run.scope");
  tree.file("/sys/fs/cgroup/app.slice/run.scope/memory.high", bytes(400 * mib));
  EXPECT_EQ(available_memory(tree.root()), 220 * mib);
  EXPECT_EQ(memory_limit(tree.root()).name, "memory.high of /sys/fs/cgroup/app.slice/run.scope");
}

// A systemd slice or a SLURM job around the group of the process. It was not read.
TEST(MemoryLimit, OfAGroupAround) {
  SystemTree tree;
  machine(tree)
      .version_2("/job_7/step_0")
      .file("/sys/fs/cgroup/job_7/step_0/memory.max", "max\n")
      .file("/sys/fs/cgroup/job_7/step_0/memory.current", bytes(mib))
      .file("/sys/fs/cgroup/job_7/memory.max", bytes(64 * mib))
      .file("/sys/fs/cgroup/job_7/memory.current", bytes(24 * mib));
  EXPECT_EQ(available_memory(tree.root()), 40 * mib);
  EXPECT_EQ(memory_limit(tree.root()).name, "memory.max of /sys/fs/cgroup/job_7");
}

// Version 1 was not read at all.
TEST(MemoryLimit, OfAGroupOfVersion1) {
  SystemTree tree;
  const std::string folder = "/sys/fs/cgroup/memory/vm";
  machine(tree)
      .version_1("/vm")
      .file(folder + "/memory.limit_in_bytes", bytes(24 * mib))
      .file(folder + "/memory.usage_in_bytes", bytes(10 * mib))
      .file(folder + "/memory.stat",
            "inactive_file 7\ntotal_inactive_file " + bytes(3 * mib) + "total_active_file " + bytes(mib));
  EXPECT_EQ(available_memory(tree.root()), 18 * mib);
  EXPECT_EQ(memory_limit(tree.root()).name, "memory.limit_in_bytes of " + folder);
  tree.file(folder + "/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(available_memory(tree.root()), 1000 * mib) << "no limit";
  // The limit of a group that the container does not show.
  tree.file(folder + "/memory.stat", "hierarchical_memory_limit " + bytes(30 * mib) + "total_inactive_file 0\n");
  EXPECT_EQ(available_memory(tree.root()), 20 * mib);
  EXPECT_EQ(memory_limit(tree.root()).name, "hierarchical_memory_limit of " + folder);
}

TEST(MemoryLimit, OfBothVersionsTogether) {
  SystemTree tree;
  machine(tree)
      .file("/proc/self/cgroup", "4:memory:/a\n0::/b\n")
      .file("/proc/self/mountinfo",
            "32 31 0:29 / /cg/memory rw - cgroup cgroup rw,memory\n41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n")
      .file("/cg/memory/a/memory.limit_in_bytes", bytes(200 * mib))
      .file("/cg/unified/b/memory.max", bytes(100 * mib));
  EXPECT_EQ(memory_limit(tree.root()).name, "memory.max of /cg/unified/b");
  tree.file("/cg/memory/a/memory.limit_in_bytes", bytes(50 * mib));
  EXPECT_EQ(memory_limit(tree.root()).name, "memory.limit_in_bytes of /cg/memory/a");
}

TEST(MemoryLimit, OfTheProcess) {
  SystemTree tree;
  machine(tree)
      .file("/proc/self/limits",
            "Limit                     Soft Limit           Hard Limit           Units     \n"
            "Max data size             unlimited            unlimited            bytes     \n"
            "Max address space         524288000            unlimited            bytes     \n")
      .file("/proc/self/status", "Name:\tx\nVmSize:\t  102400 kB\nVmData:\t   51200 kB\n");
  EXPECT_EQ(available_memory(tree.root()), 400 * mib);
  EXPECT_EQ(memory_limit(tree.root()).name, "RLIMIT_AS (ulimit -v)");
  tree.file("/proc/self/limits", "Max data size   209715200  209715200  bytes\n");
  EXPECT_EQ(available_memory(tree.root()), 150 * mib);
  EXPECT_EQ(memory_limit(tree.root()).name, "RLIMIT_DATA (ulimit -d)");
}

TEST(MemoryLimit, IsNothingBelowTheUsage) {
  SystemTree tree;
  tree.version_2("/a")
      .file("/sys/fs/cgroup/a/memory.max", bytes(mib))
      .file("/sys/fs/cgroup/a/memory.current", bytes(2 * mib));
  EXPECT_EQ(available_memory(tree.root()), 0u);
}

TEST(MemoryLimit, IsNoneWithoutFilesOrWithGarbage) {
  SystemTree tree;
  EXPECT_EQ(available_memory(tree.root()), SIZE_MAX);
  EXPECT_EQ(memory_limit(tree.root()).name, "");
  tree.version_2("/a");
  for (const char* text :
       {"", "max\n", "garbage", "-5\n", "99999999999999999999999\n", "18446744073709551615\n", "1e9\n"}) {
    tree.file("/sys/fs/cgroup/a/memory.max", text).file("/proc/meminfo", std::string("MemAvailable: ") + text);
    EXPECT_EQ(available_memory(tree.root()), SIZE_MAX) << text;
  }
  // Without the usage, the limit itself.
  tree.file("/sys/fs/cgroup/a/memory.max", bytes(mib)).file("/sys/fs/cgroup/a/memory.current", "garbage\n");
  EXPECT_EQ(available_memory(tree.root()), mib);
}

TEST(MemoryLimit, IsReadHere) {
  EXPECT_GT(available_memory(), 0u);
  EXPECT_LT(available_memory(), std::size_t{1} << 50);
  EXPECT_FALSE(memory_limit().name.empty());
}

}  // namespace
}  // namespace available_memory_test
}  // namespace vlmt
