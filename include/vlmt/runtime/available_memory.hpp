// How much memory this process may still allocate: the least that any limit of the system leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_BODIES
#include <algorithm>
#include <optional>

#include "vlmt/exec/control_groups.hpp"
#endif

VLMT_BEGIN_NAMESPACE

/// A limit of memory.
struct MemoryLimit {
  std::size_t bytes = SIZE_MAX;
  std::string name = {};  ///< what sets it, such as "memory.max of /sys/fs/cgroup/a"; may be empty
};

/// The tightest of these limits, in bytes that are left of it; SIZE_MAX without a name if none can be read:
/// - the available memory of the machine (MemAvailable)
/// - memory.max and memory.high of the control group of this process and of all groups around it (version 2), or
///   memory.limit_in_bytes and hierarchical_memory_limit (version 1): Docker, Kubernetes, systemd, SLURM
/// - RLIMIT_AS and RLIMIT_DATA (ulimit -v, -d)
/// Cached file pages of a group count as free, as in MemAvailable: the kernel drops them before it refuses memory.
/// `root` is the folder that holds /proc and /sys.
MemoryLimit memory_limit(const std::string& root = "/");

/// Its bytes.
inline std::size_t available_memory(const std::string& root = "/") {
  return memory_limit(root).bytes;
}

#if VLMT_HAS_BODIES

namespace detail {

/// What is left of `limit`, if that is less than `least`.
inline void lower(MemoryLimit& least, std::optional<std::uint64_t> limit, std::uint64_t used, const std::string& name) {
  // Version 1 writes "no limit" as a number of 2^63 less a page.
  if (!limit || *limit >= std::uint64_t{1} << 62) return;
  const std::uint64_t left = *limit > used ? *limit - used : 0;
  if (left < least.bytes) least = {static_cast<std::size_t>(left), name};
}

VLMT_BODY void lower_to_group(MemoryLimit& least, const ControlGroup& group, const std::string& root) {
  const bool second = group.version == 2;
  const auto number = [&](const char* file) { return kernel_number(kernel_file(root, group.folder + "/" + file)); };
  const std::string stat = kernel_file(root, group.folder + "/memory.stat");
  const auto counted = [&](const char* key) { return kernel_number(stat, key).value_or(0); };
  const std::uint64_t all = number(second ? "memory.current" : "memory.usage_in_bytes").value_or(0);
  const std::uint64_t cached = second ? counted("inactive_file") + counted("active_file")
                                      : counted("total_inactive_file") + counted("total_active_file");
  const std::uint64_t used = all > cached ? all - cached : 0;
  const std::string place = " of " + group.folder;
  if (second) {
    lower(least, number("memory.max"), used, "memory.max" + place);
    lower(least, number("memory.high"), used, "memory.high" + place);
  } else {
    lower(least, number("memory.limit_in_bytes"), used, "memory.limit_in_bytes" + place);
    // That of groups which a container cannot see.
    lower(least, kernel_number(stat, "hierarchical_memory_limit"), used, "hierarchical_memory_limit" + place);
  }
}

}  // namespace detail

VLMT_BODY MemoryLimit memory_limit(const std::string& root) {
  constexpr std::uint64_t kib = 1024;
  const auto in_kib = [](std::optional<std::uint64_t> number) -> std::optional<std::uint64_t> {
    return number ? std::optional(std::min(*number, UINT64_MAX / kib) * kib) : std::nullopt;
  };
  MemoryLimit least;
  const std::string meminfo = detail::kernel_file(root, "/proc/meminfo");
  detail::lower(least, in_kib(detail::kernel_number(meminfo, "MemAvailable:")), 0, "the memory of this machine");
  for (const ControlGroup& group : control_groups("memory", root)) detail::lower_to_group(least, group, root);
  const std::string limits = detail::kernel_file(root, "/proc/self/limits");
  const std::string status = detail::kernel_file(root, "/proc/self/status");
  detail::lower(least, detail::kernel_number(limits, "Max address space"),
                in_kib(detail::kernel_number(status, "VmSize:")).value_or(0), "RLIMIT_AS (ulimit -v)");
  detail::lower(least, detail::kernel_number(limits, "Max data size"),
                in_kib(detail::kernel_number(status, "VmData:")).value_or(0), "RLIMIT_DATA (ulimit -d)");
  return least;
}

#endif

VLMT_END_NAMESPACE
