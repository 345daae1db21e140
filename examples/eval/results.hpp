// From answers to the rows of a table.
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

/// One question, what was answered, and how good that is.
struct Judged {
  TaskItem item;  ///< as it was asked: with the pictures that the model saw
  Answer answer;
  Judgement judgement;
};

/// Two configurations on the questions that both answered. An answer is right or not: a JSON is if all of it is.
struct Paired {
  double difference = 0.0;  ///< of the mean scores
  std::size_t gained = 0;   ///< right here only
  std::size_t lost = 0;     ///< right in the baseline only
  double p = 1.0;           ///< of McNemar's exact test
};

/// The score of one task, or of all.
struct Row {
  std::string task;
  std::string metric;
  std::size_t items = 0;
  Interval score;
  double exact = 0.0;  ///< share of answers that are the very text
  std::string detail_name;
  std::optional<double> detail;  ///< mean of what detail_name says
  std::optional<Paired> paired;
};

/// A configuration with its answers and rows, the last of which is for all tasks.
struct Result {
  Configuration configuration;
  std::string label;
  std::optional<std::size_t> baseline;
  std::vector<Judged> judged;
  std::vector<Row> rows;
  double seconds = 0.0;    ///< that its questions took, each by itself
  std::size_t tokens = 0;  ///< of its answers
  std::size_t visual_tokens = 0;
};

/// Rows in the order in which tasks first appear; where a task is judged in several ways, one row for each. `baseline`
/// may be null.
void summarise(Result& result, const Result* baseline);

}  // namespace eval
