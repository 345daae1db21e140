// Profiles: the time of each operation in a step, as tables and traces.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

/// One operation of a step on all threads, with its barrier.
struct TimedOp {
  std::string name;
  double begin = 0;  ///< seconds since the start of the step
  double seconds = 0;
};

/// The total of all operations with one name.
struct OpTotal {
  std::string name;
  std::size_t count = 0;
  double seconds = 0;
};
/// Totals by name, the longest first.
std::vector<OpTotal> totals(const std::vector<TimedOp>& ops);

/// All operations of one step.
struct StepProfile {
  std::string name;
  std::vector<TimedOp> ops;
};

/// The totals as a Markdown table.
std::string profile_table(const StepProfile& step);
/// JSON in Chrome's trace event format; each step is one process.
std::string chrome_trace(const std::vector<StepProfile>& steps);
