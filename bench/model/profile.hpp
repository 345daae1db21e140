// Where the time of a step goes, operation by operation.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

/// One operation of a step on the team, its barrier included.
struct TimedOp {
  std::string name;
  double begin = 0;  ///< seconds since the step began
  double seconds = 0;
};

/// Operations of one name together, the longest first.
struct OpTotal {
  std::string name;
  std::size_t count = 0;
  double seconds = 0;
};
std::vector<OpTotal> totals(const std::vector<TimedOp>& ops);

/// All operations of one step.
struct StepProfile {
  std::string name;
  std::vector<TimedOp> ops;
};

/// A table for people.
std::string profile_table(const StepProfile& step);
/// Steps in the format of Chrome's trace viewer, each as a process: a JSON object.
std::string chrome_trace(const std::vector<StepProfile>& steps);
