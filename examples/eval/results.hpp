// From answers to the rows of a table.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
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

namespace detail {

inline std::vector<double> scores_of(const std::vector<const Judged*>& judged) {
  std::vector<double> scores;
  for (const Judged* j : judged) scores.push_back(j->judgement.score);
  return scores;
}

inline Paired pair_up(const std::vector<const Judged*>& now,
                      const std::unordered_map<std::string, const Judged*>& before) {
  Paired paired;
  std::size_t both = 0;
  for (const Judged* j : now) {
    const auto found = before.find(j->item.id);
    if (found == before.end()) continue;
    const Judgement &a = found->second->judgement, &b = j->judgement;
    ++both;
    paired.difference += b.score - a.score;
    if (b.right() && !a.right()) ++paired.gained;
    if (a.right() && !b.right()) ++paired.lost;
  }
  if (both != 0) paired.difference /= static_cast<double>(both);
  paired.p = mcnemar(paired.gained, paired.lost);
  return paired;
}

inline Row make_row(const std::string& task, const std::vector<const Judged*>& judged) {
  Row row;
  row.task = task;
  row.items = judged.size();
  row.score = interval(scores_of(judged));
  row.metric = programs::name(judged.front()->item.metric);
  row.detail_name = detail_name(judged.front()->item.metric);
  double sum = 0.0;
  std::size_t exact = 0, details = 0;
  for (const Judged* j : judged) {
    if (j->judgement.exact) ++exact;
    if (!j->judgement.detail) continue;
    sum += *j->judgement.detail;
    ++details;
  }
  row.exact = static_cast<double>(exact) / static_cast<double>(judged.size());
  if (details != 0) row.detail = sum / static_cast<double>(details);
  return row;
}

}  // namespace detail

/// Rows in the order in which tasks first appear; where a task is judged in several ways, one row for each. `baseline`
/// may be null.
inline void summarise(Result& result, const Result* baseline) {
  std::unordered_map<std::string, const Judged*> before;
  if (baseline != nullptr) {
    for (const Judged& j : baseline->judged) before.emplace(j.item.id, &j);
  }
  std::vector<std::pair<std::string, Metric>> order;
  std::vector<std::vector<const Judged*>> groups;
  std::vector<const Judged*> all;
  std::size_t right = 0;
  for (const Judged& j : result.judged) {
    const std::pair<std::string, Metric> group(j.item.task, j.item.metric);
    const auto at = static_cast<std::size_t>(std::find(order.begin(), order.end(), group) - order.begin());
    if (at == order.size()) {
      order.push_back(group);
      groups.emplace_back();
    }
    groups[at].push_back(&j);
    all.push_back(&j);
    if (j.judgement.right()) ++right;
    result.seconds += j.answer.seconds;
    result.tokens += j.answer.tokens;
    result.visual_tokens += j.answer.visual_tokens;
  }
  if (all.empty()) return;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const bool several =
        std::count_if(order.begin(), order.end(), [&](const auto& o) { return o.first == order[g].first; }) > 1;
    const std::string metric(programs::name(order[g].second));
    result.rows.push_back(detail::make_row(order[g].first + (several ? " (" + metric + ")" : ""), groups[g]));
    if (baseline != nullptr) result.rows.back().paired = detail::pair_up(groups[g], before);
  }
  Row total = detail::make_row("all", all);
  total.metric = "right";
  total.score = wilson(right, all.size());
  total.detail_name.clear();
  total.detail.reset();
  if (baseline != nullptr) {
    total.paired = detail::pair_up(all, before);
    total.paired->difference = (static_cast<double>(total.paired->gained) - static_cast<double>(total.paired->lost)) /
                               static_cast<double>(all.size());
  }
  result.rows.push_back(std::move(total));
}

}  // namespace eval
