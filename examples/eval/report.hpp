// Contents of a report, and number formatting that all report formats share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "results.hpp"

namespace eval {

struct Report {
  std::string set_file;
  std::vector<Result> results;
  double seconds = 0.0;         ///< wall time of this run
  double cpu_seconds = 0.0;     ///< CPU time of all threads
  std::size_t new_answers = 0;  ///< questions asked in this run; the other answers came from the log
  std::size_t threads = 0;

  bool compares() const noexcept { return results.size() > 1; }
};

/// Differences with a smaller p are marked. One in twenty comparisons of equally good configurations is, by chance.
inline constexpr double significant = 0.05;

/// A share in per cent with one decimal: "93.5".
inline std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100.0 * share);
  return text;
}

/// The same with its sign: "+1.0".
inline std::string signed_percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%+.1f", 100.0 * share);
  return text;
}

/// "0.034"; "< 0.001" for smaller values.
inline std::string probability(double p) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", p);
  return p < 0.001 ? "< 0.001" : text;
}

/// "character error rate 0.012"; empty without a detail.
inline std::string detail_text(const Row& row) {
  if (!row.detail) return {};
  char text[64];
  std::snprintf(text, sizeof text, " %.3f", *row.detail);
  return row.detail_name + text;
}

inline std::string interval_text(const Interval& i) {
  return percent(i.low) + " to " + percent(i.high);
}

/// The row of a task, or null.
inline const Row* find_row(const Result& result, const std::string& task) {
  for (const Row& row : result.rows) {
    if (row.task == task) return &row;
  }
  return nullptr;
}

/// The tasks of all results in the order in which they first appear, "all" last.
inline std::vector<std::string> tasks_of(const Report& report) {
  std::vector<std::string> tasks;
  for (const Result& result : report.results) {
    for (const Row& row : result.rows) {
      if (row.task != "all" && std::find(tasks.begin(), tasks.end(), row.task) == tasks.end()) {
        tasks.push_back(row.task);
      }
    }
  }
  tasks.emplace_back("all");
  return tasks;
}

}  // namespace eval
