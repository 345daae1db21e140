// Orders names as people number them (frame_2 before frame_10) and finds gaps in the numbers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The part of `name` from `at`: a number (digits) or text without digits.
constexpr std::string_view name_part(std::string_view name, std::size_t at) noexcept {
  std::size_t end = at;
  while (end < name.size() && is_digit(name[end]) == is_digit(name[at])) ++end;
  return name.substr(at, end - at);
}

constexpr std::string_view without_zeros(std::string_view number) noexcept {
  return number.substr(std::min(number.find_first_not_of('0'), number.size()));
}

/// Negative, 0 or positive as a is before, equal to or after b: numbers by value, text without regard to case.
constexpr int compare_parts(std::string_view a, std::string_view b) noexcept {
  if (is_digit(a[0]) && is_digit(b[0])) {
    const std::string_view m = without_zeros(a), n = without_zeros(b);
    if (m.size() != n.size()) return m.size() < n.size() ? -1 : 1;
    return m.compare(n);
  }
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const auto x = static_cast<unsigned char>(lower(a[i])), y = static_cast<unsigned char>(lower(b[i]));
    if (x != y) return x < y ? -1 : 1;
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

}  // namespace detail

/// True if `a` comes before `b`: numbers in the names count by their value, letters without regard to case. Names that
/// are equal so far are ordered by their bytes, so that any two different names have an order.
constexpr bool natural_less(std::string_view a, std::string_view b) noexcept {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const std::string_view x = detail::name_part(a, i), y = detail::name_part(b, j);
    if (const int order = detail::compare_parts(x, y); order != 0) return order < 0;
    i += x.size();
    j += y.size();
  }
  if (i < a.size() || j < b.size()) return j < b.size();
  return a < b;
}

/// Numbers missing between two names.
struct NumberGap {
  std::uint64_t first = 0;  ///< missing numbers: first, first + step, ... last
  std::uint64_t last = 0;
  std::uint64_t step = 1;
  std::size_t before = 0;  ///< index of the name before the gap; the next name is after it
};

namespace detail {

/// The values of the only number in which two names differ; nothing if they differ otherwise.
inline std::optional<std::pair<std::uint64_t, std::uint64_t>> numbers_apart(std::string_view a, std::string_view b) {
  std::optional<std::pair<std::uint64_t, std::uint64_t>> found;
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const std::string_view x = name_part(a, i), y = name_part(b, j);
    i += x.size();
    j += y.size();
    if (compare_parts(x, y) == 0) continue;
    constexpr std::size_t most_digits = 18;  // fit 64 bits
    if (found || !is_digit(x[0]) || !is_digit(y[0])) return std::nullopt;
    if (without_zeros(x).size() > most_digits || without_zeros(y).size() > most_digits) return std::nullopt;
    const auto value = [](std::string_view digits) {
      std::uint64_t v = 0;
      for (const char c : digits) v = v * 10 + static_cast<std::uint64_t>(c - '0');
      return v;
    };
    found = {value(without_zeros(x)), value(without_zeros(y))};
  }
  return i == a.size() && j == b.size() ? found : std::nullopt;
}

}  // namespace detail

/// Gaps in the numbers of `names`, which are in natural order. The usual step is the most common one (the smallest of
/// equally common ones); without one that half of the neighbours have, as in names with times, there are no gaps.
inline std::vector<NumberGap> number_gaps(std::span<const std::string> names) {
  std::map<std::uint64_t, std::size_t> steps;
  std::vector<std::optional<std::pair<std::uint64_t, std::uint64_t>>> pairs;
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    pairs.push_back(detail::numbers_apart(names[i], names[i + 1]));
    if (pairs.back()) ++steps[pairs.back()->second - pairs.back()->first];
  }
  const auto usual =
      std::max_element(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  std::vector<NumberGap> gaps;
  if (usual == steps.end() || 2 * usual->second < pairs.size()) return gaps;
  const std::uint64_t step = usual->first;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (!pairs[i]) continue;
    const auto [a, b] = *pairs[i];
    if (b - a > step && (b - a) % step == 0) gaps.push_back({a + step, b - step, step, i});
  }
  return gaps;
}

VLMT_END_NAMESPACE
