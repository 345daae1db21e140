// Aggregates judged answers into table rows.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "../common/task_set.hpp"
#include "answer_log.hpp"
#include "configuration.hpp"
#include "metrics.hpp"
#include "statistics.hpp"

namespace eval {

/// A question with its answer and judgement.
struct Judged {
  TaskItem item;  ///< as asked, with the media that were used
  Answer answer;
  Judgement judgement;
};

/// A configuration against its baseline on the questions that both answered. An answer is right if its score is 1; JSON
/// must match completely.
struct Paired {
  double difference = 0.0;  ///< of the mean scores; in the row "all" of the shares of right answers
  std::size_t gained = 0;   ///< right here only
  std::size_t lost = 0;     ///< right in the baseline only
  double p = 1.0;           ///< McNemar's exact test
};

/// The score of one task, or of all tasks.
struct Row {
  std::string task;
  std::string metric;
  std::size_t items = 0;
  Interval score;
  double exact = 0.0;  ///< share of exact matches
  std::string detail_name;
  std::optional<double> detail;  ///< mean of the detail that detail_name names
  std::optional<Paired> paired;
};

/// A configuration with its answers and its rows; the last row covers all tasks.
struct Result {
  Configuration configuration;
  std::string label;
  std::optional<std::size_t> baseline;  ///< index of the result to compare with
  std::vector<Judged> judged;
  std::vector<Row> rows;
  double seconds = 0.0;    ///< sum over the questions; those answered in parallel count in full
  std::size_t tokens = 0;  ///< generated
  std::size_t visual_tokens = 0;
};

/// Fills `rows` and the totals of `result`: one row per task in order of first appearance, or one per task and metric
/// if a task uses several metrics. `baseline` may be null.
void summarise(Result& result, const Result* baseline);

}  // namespace eval
