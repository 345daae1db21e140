// See metrics.hpp.
#include "metrics.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <exception>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <vlmt/text/utf8.hpp>

namespace eval {
namespace {

using Json = nlohmann::json;

/// Parses JSON up to a depth of 100, which bounds the recursion over it. Empty for null and for invalid JSON.
std::optional<Json> parse_json(std::string_view text) {
  constexpr int deepest = 100;
  struct TooDeep : std::exception {};
  try {
    Json json = Json::parse(text, [](int depth, Json::parse_event_t, const Json&) {
      if (depth > deepest) throw TooDeep();
      return true;
    });
    if (json.is_null()) return std::nullopt;
    return json;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

using Leaves = std::set<std::pair<std::string, std::string>>;

/// Collects all scalar values with their paths; the string "12" equals the number 12.
void collect_leaves(const Json& value, const std::string& path, Leaves& out) {
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) collect_leaves(member, path + "." + Json(key).dump(), out);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) collect_leaves(value[i], path + "[" + std::to_string(i), out);
  } else if (value.is_string()) {
    out.emplace(path, value.get<std::string>());
  } else if (value.is_boolean()) {
    out.emplace(path, value.get<bool>() ? "True" : "False");
  } else {
    out.emplace(path, value.is_null() ? "None" : value.dump());
  }
}

}  // namespace

std::string_view stripped(std::string_view text) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<char32_t> characters(std::string_view text) {
  std::vector<char32_t> out;
  for (std::size_t at = 0; at < text.size();) {
    const vlmt::Utf8Char c = vlmt::decode_utf8(text, at);
    out.push_back(c.code);
    at += c.bytes;
  }
  return out;
}

std::size_t edit_distance(std::string_view from, std::string_view to) {
  const std::vector<char32_t> a = characters(from), b = characters(to);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

double character_error_rate(std::string_view answer, std::string_view given) {
  const std::size_t length = characters(answer).size();
  return static_cast<double>(edit_distance(given, answer)) / static_cast<double>(std::max<std::size_t>(1, length));
}

double json_f1(std::string_view answer, std::string_view given) {
  Leaves right, found;
  if (const auto json = parse_json(answer)) collect_leaves(*json, {}, right);
  if (const auto json = parse_json(given)) collect_leaves(*json, {}, found);
  std::size_t hits = 0;
  for (const auto& leaf : found) hits += right.count(leaf);
  return hits == 0 ? 0.0 : 2.0 * static_cast<double>(hits) / static_cast<double>(right.size() + found.size());
}

std::optional<std::vector<double>> numbers_after(std::string_view text, std::string_view key, std::size_t count) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string wanted = "\"" + std::string(key) + "\":";
  for (std::size_t start = text.find(wanted); start != std::string_view::npos; start = text.find(wanted, start + 1)) {
    std::size_t at = start + wanted.size();
    const auto skip = [&] {
      while (at < text.size() && space(text[at])) ++at;
    };
    const auto take = [&](char c) { return at < text.size() && text[at] == c ? (++at, true) : false; };
    skip();
    std::vector<double> numbers;
    bool good = take('[');
    for (std::size_t i = 0; good && i < count; ++i) {
      if (i != 0) {
        good = take(',');
        skip();
      }
      double value = 0.0;
      const std::size_t first = at;
      for (; at < text.size() && digit(text[at]); ++at) value = value * 10.0 + (text[at] - '0');
      good = good && at != first;
      numbers.push_back(value);
    }
    if (good && take(']')) return numbers;
  }
  return std::nullopt;
}

double overlap(const std::vector<double>& a, const std::vector<double>& b) {
  const double w = std::min(a[2], b[2]) - std::max(a[0], b[0]);
  const double h = std::min(a[3], b[3]) - std::max(a[1], b[1]);
  if (!(w > 0.0 && h > 0.0)) return 0.0;
  const auto area = [](const std::vector<double>& r) { return (r[2] - r[0]) * (r[3] - r[1]); };
  return w * h / (area(a) + area(b) - w * h);
}

std::optional<double> seconds_in(std::string_view text) {
  const auto digit = [&](std::size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  std::size_t at = 0;
  while (at < text.size() && !digit(at)) ++at;
  if (at == text.size()) return std::nullopt;
  std::size_t end = at;
  while (digit(end)) ++end;
  if (end < text.size() && text[end] == '.' && digit(end + 1)) {
    ++end;
    while (digit(end)) ++end;
  }
  try {
    return std::stod(std::string(text.substr(at, end - at)));
  } catch (const std::out_of_range&) {
    return std::nullopt;
  }
}

Judgement judge(const TaskItem& item, std::string_view given) {
  Judgement j;
  j.exact = stripped(given) == stripped(item.answer);
  switch (item.metric) {
    case Metric::exact:
      j.score = j.exact ? 1.0 : 0.0;
      j.detail = character_error_rate(item.answer, stripped(given));
      break;
    case Metric::json_f1:
      j.score = json_f1(item.answer, given);
      break;
    case Metric::iou: {
      const auto box = numbers_after(given, "bbox_2d", 4);
      j.detail = box ? overlap(*box, item.target) : 0.0;
      j.score = *j.detail >= 0.5 ? 1.0 : 0.0;
      break;
    }
    case Metric::click: {
      const auto p = numbers_after(given, "coordinate", 2);
      const std::vector<double>& t = item.target;
      j.score = p && t[0] <= (*p)[0] && (*p)[0] <= t[2] && t[1] <= (*p)[1] && (*p)[1] <= t[3] ? 1.0 : 0.0;
      break;
    }
    case Metric::seconds:
      if (const auto seconds = seconds_in(given)) j.detail = std::abs(*seconds - item.target[0]);
      j.score = j.detail && *j.detail <= 0.5 ? 1.0 : 0.0;
      break;
  }
  return j;
}

}  // namespace eval
