// How an answer is judged: a score from 0 to 1, and what else one wants to know of it.
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

/// The text without white space at its ends.
std::string_view stripped(std::string_view text);

/// Characters of a UTF-8 text.
std::vector<char32_t> characters(std::string_view text);

/// Characters to insert, delete or replace to get from one text to the other (Levenshtein).
std::size_t edit_distance(std::string_view from, std::string_view to);

/// Edits for each character of the right answer.
double character_error_rate(std::string_view answer, std::string_view given);

/// F1 over the single values of two JSON texts, each with the keys and places that lead to it. 0 if `given` is no JSON.
double json_f1(std::string_view answer, std::string_view given);

/// The numbers of the first list of `count` whole numbers that follows `key`, as in `"bbox_2d": [1, 2, 3, 4]`.
std::optional<std::vector<double>> numbers_behind(std::string_view text, std::string_view key, std::size_t count);

/// Intersection over union of two boxes x1, y1, x2, y2.
double overlap(const std::vector<double>& a, const std::vector<double>& b);

/// The first number in a text, as in "At 1.5 seconds.".
std::optional<double> seconds_in(std::string_view text);

/// What is known of one answer.
struct Judgement {
  double score = 0.0;            ///< 0 to 1
  bool exact = false;            ///< the very text, but for white space at its ends
  std::optional<double> detail;  ///< exact: character error rate; iou: the overlap; seconds: how many it is off
  bool right() const noexcept { return score >= 1.0; }
};

/// What Judgement::detail is for a metric; empty where there is none.
constexpr std::string_view detail_name(Metric m) noexcept {
  if (m == Metric::exact) return "character error rate";
  if (m == Metric::iou) return "mean IoU";
  if (m == Metric::seconds) return "mean seconds off";
  return {};
}

/// Boxes count from an IoU of 0.5, times within half a second, clicks inside of the target; JSON by its fields.
Judgement judge(const TaskItem& item, std::string_view given);

}  // namespace eval
