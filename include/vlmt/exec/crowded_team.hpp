// The warning of a team with more members than processors.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdio>

#include "vlmt/base/config.hpp"
#include "vlmt/base/warning.hpp"
#include "vlmt/exec/processors.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// True if a team has more members than `processors.usable`. Warns of the first such team of the process.
inline bool crowded_team(std::size_t members, const ProcessorCount& processors) noexcept {
  if (members <= processors.usable) return false;
  static std::atomic<bool> warned{false};
  if (warned.exchange(true, std::memory_order_relaxed)) return true;
  const bool limited = !processors.limit.empty();
  char sentence[512];
  std::snprintf(sentence, sizeof sentence,
                "a team of %zu threads on %zu processor%s%s%s: they wait for each other at every barrier, several times "
                "slower than %zu (OMP_NUM_THREADS, --threads or the size of the team)",
                members, processors.usable, processors.usable == 1 ? "" : "s", limited ? ", limited by " : "",
                processors.limit.c_str(), processors.usable);
  warn(sentence);
  return true;
}

}  // namespace detail

VLMT_END_NAMESPACE
