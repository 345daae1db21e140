// The number of threads of a program.
#pragma once

#include <cstddef>
#include <cstdio>

#include <vlmt/exec/omp_team.hpp>

namespace programs {

/// `asked` threads, or the default number if that is 0. Says on standard error, in the name of `program`, what makes the
/// default smaller than the machine.
inline std::size_t thread_count(std::size_t asked, const char* program) {
  if (asked != 0) return asked;
  const vlmt::ProcessorCount count = vlmt::OmpTeam::default_size();
  if (!count.limit.empty()) {
    std::fprintf(stderr, "%s: %zu of %zu processors, limited by %s\n", program, count.usable, count.present,
                 count.limit.c_str());
  }
  return count.usable;
}

}  // namespace programs
