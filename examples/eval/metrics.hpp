// Metrics: a score from 0 to 1 for an answer, and details such as the character error rate.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../common/task_set.hpp"

namespace eval {

using programs::Metric;
using programs::TaskItem;

/// The text without leading and trailing white space.
std::string_view stripped(std::string_view text);

/// Code points of a UTF-8 text.
std::vector<char32_t> characters(std::string_view text);

/// Levenshtein distance in characters: insertions, deletions and replacements count 1 each.
std::size_t edit_distance(std::string_view from, std::string_view to);

/// Edit distance divided by the length of the reference `answer`, or by 1 if it is empty.
double character_error_rate(std::string_view answer, std::string_view given);

/// F1 over the scalar values of two JSON texts; a value matches if its path of keys and indices matches, too. 0 if
/// `given` is not JSON.
double json_f1(std::string_view answer, std::string_view given);

/// The first list of `count` non-negative integers after `key`, as in `"bbox_2d": [1, 2, 3, 4]`.
std::optional<std::vector<double>> numbers_after(std::string_view text, std::string_view key, std::size_t count);

/// Intersection over union (IoU) of two boxes x1, y1, x2, y2.
double overlap(const std::vector<double>& a, const std::vector<double>& b);

/// The first unsigned decimal number in a text, as in "At 1.5 seconds.".
std::optional<double> seconds_in(std::string_view text);

/// The evaluation of one answer.
struct Judgement {
  double score = 0.0;            ///< 0 to 1
  bool exact = false;            ///< exact match, apart from leading and trailing white space
  std::optional<double> detail;  ///< exact: character error rate; iou: the IoU; seconds: absolute error
  bool right() const noexcept { return score >= 1.0; }
};

/// The name of Judgement::detail for a metric; empty if the metric has none.
constexpr std::string_view detail_name(Metric m) noexcept {
  if (m == Metric::exact) return "character error rate";
  if (m == Metric::iou) return "mean IoU";
  if (m == Metric::seconds) return "mean seconds off";
  return {};
}

/// Scores an answer: exact by text, iou from an IoU of 0.5, click inside the target box, seconds within 0.5 s, json_f1
/// by the F1 of its fields.
Judgement judge(const TaskItem& item, std::string_view given);

}  // namespace eval
