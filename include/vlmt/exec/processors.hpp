// How many threads this process can keep busy: processors that it may run on, and the CPU quota of its control groups.
#pragma once

#include <cstddef>
#include <string>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_BODIES
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>
#include <thread>

#include <sched.h>

#include "vlmt/base/checked.hpp"
#include "vlmt/exec/control_groups.hpp"
#endif

VLMT_BEGIN_NAMESPACE

/// The number of threads to run.
struct ProcessorCount {
  std::size_t usable = 1;   ///< at least 1
  std::size_t present = 1;  ///< processors of the machine
  std::string limit = {};   ///< what makes `usable` smaller than `present`; empty if nothing does
};

/// The processors that the calling thread may run on (sched_getaffinity: taskset, cpusets), at least 1.
std::size_t allowed_processors() noexcept;

/// The number of threads for a process that may run on `allowed` processors: fewer if the CPU quota of a control group
/// (Docker's --cpus, systemd's CPUQuota, limits of Kubernetes) is below that. A quota is rounded up: two threads get
/// all of a quota of 1.5, one would leave a third of it unused (docs/containers.md has the measurement). More threads
/// than that only make the others wait for those that the kernel holds back. `root` is the folder that holds /proc and
/// /sys.
ProcessorCount usable_processors(std::size_t allowed = allowed_processors(), const std::string& root = "/");

#if VLMT_HAS_BODIES

VLMT_BODY std::size_t allowed_processors() noexcept {
  // Machines with more than 1024 processors need a larger mask.
  constexpr std::size_t words = 8192 / CPU_SETSIZE;
  cpu_set_t mask[words] = {};
  const int count = ::sched_getaffinity(0, sizeof mask, mask) == 0 ? CPU_COUNT_S(sizeof mask, mask) : 0;
  return static_cast<std::size_t>(
      std::max(1, count > 0 ? count : static_cast<int>(std::thread::hardware_concurrency())));
}

namespace detail {

/// The number of processors in a list such as "0-3,8"; 0 if it is none.
VLMT_BODY std::size_t listed_processors(std::string_view list) {
  std::size_t count = 0;
  while (!list.empty()) {
    std::string_view part = next_word(list, ',');
    const auto first = kernel_number(next_word(part, '-'));
    const auto last = part.empty() ? first : kernel_number(part);
    if (!first || !last || *last < *first || *last - *first > 65535) return 0;
    count += static_cast<std::size_t>(*last - *first) + 1;
  }
  return count;
}

/// A CPU quota in thousandths of a processor. Nothing without one.
VLMT_BODY std::optional<std::uint64_t> cpu_quota(const ControlGroup& group, const std::string& root) {
  std::optional<std::uint64_t> quota, period;
  if (group.version == 2) {
    // "50000 100000": microseconds of CPU time in each period. "max 100000": no quota.
    const std::string text = kernel_file(root, group.folder + "/cpu.max");
    std::string_view words = text;
    quota = kernel_number(next_word(words, ' '));
    period = kernel_number(words);
  } else {
    quota = kernel_number(kernel_file(root, group.folder + "/cpu.cfs_quota_us"));  // -1: no quota
    period = kernel_number(kernel_file(root, group.folder + "/cpu.cfs_period_us"));
  }
  if (!quota || !period || *quota == 0 || *period == 0 || *quota > UINT64_MAX / 1000) return std::nullopt;
  return *quota * 1000 / *period;
}

}  // namespace detail

VLMT_BODY ProcessorCount usable_processors(std::size_t allowed, const std::string& root) {
  ProcessorCount count;
  count.usable = std::max<std::size_t>(1, allowed);
  count.present =
      std::max(count.usable, detail::listed_processors(detail::kernel_file(root, "/sys/devices/system/cpu/online")));
  if (count.usable < count.present) count.limit = "the processor affinity of this process";
  std::optional<std::uint64_t> least;
  std::string folder;
  for (const ControlGroup& group : control_groups("cpu", root)) {
    const auto quota = detail::cpu_quota(group, root);
    if (!quota || (least && *least <= *quota)) continue;
    least = quota;
    folder = group.folder;
  }
  if (least && ceil_div<std::uint64_t>(*least, 1000) < count.usable) {
    count.usable = std::max<std::size_t>(1, static_cast<std::size_t>(ceil_div<std::uint64_t>(*least, 1000)));
    char processors[32];
    std::snprintf(processors, sizeof processors, "%.4g", static_cast<double>(*least) / 1000.0);
    count.limit = "the CPU quota of " + folder + " (" + processors + " processors)";
  }
  return count;
}

#endif

VLMT_END_NAMESPACE
