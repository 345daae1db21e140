// See results.hpp.
#include "results.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eval {
namespace {

std::vector<double> scores_of(const std::vector<const Judged*>& judged) {
  std::vector<double> scores;
  for (const Judged* j : judged) scores.push_back(j->judgement.score);
  return scores;
}

Paired pair_up(const std::vector<const Judged*>& now, const std::unordered_map<std::string, const Judged*>& before) {
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

Row make_row(const std::string& task, const std::vector<const Judged*>& judged) {
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

}  // namespace

void summarise(Result& result, const Result* baseline) {
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
    result.rows.push_back(make_row(order[g].first + (several ? " (" + metric + ")" : ""), groups[g]));
    if (baseline != nullptr) result.rows.back().paired = pair_up(groups[g], before);
  }
  Row total = make_row("all", all);
  total.metric = "right";
  total.score = wilson(right, all.size());
  total.detail_name.clear();
  total.detail.reset();
  if (baseline != nullptr) {
    total.paired = pair_up(all, before);
    total.paired->difference = (static_cast<double>(total.paired->gained) - static_cast<double>(total.paired->lost)) /
                               static_cast<double>(all.size());
  }
  result.rows.push_back(std::move(total));
}

}  // namespace eval
