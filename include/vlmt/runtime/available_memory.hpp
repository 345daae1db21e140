// How much memory this process may still allocate.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_BODIES
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#endif

VLMT_BEGIN_NAMESPACE

/// Bytes that this process may still allocate: MemAvailable of /proc/meminfo, or what the cgroup v2 limit leaves if
/// that is less. SIZE_MAX if neither can be read.
std::size_t available_memory();

#if VLMT_HAS_BODIES

VLMT_BODY std::size_t available_memory() {
  std::size_t available = SIZE_MAX;
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  std::size_t kib = 0;
  std::string unit;
  while (meminfo >> key >> kib) {
    std::getline(meminfo, unit);
    if (key == "MemAvailable:") available = kib * 1024;
  }
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  std::ifstream used("/sys/fs/cgroup/memory.current");
  std::size_t most = 0;
  std::size_t now = 0;
  if (limit >> most && used >> now) available = std::min(available, most > now ? most - now : 0);
  return available;
}

#endif

VLMT_END_NAMESPACE
