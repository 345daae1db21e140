// 95 % confidence intervals of scores, and McNemar's test for paired answers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

namespace eval {

/// A mean with its 95 % confidence interval.
struct Interval {
  double mean = 0.0;
  double low = 0.0;
  double high = 0.0;
};

inline constexpr double z_95 = 1.96;

/// Wilson score interval of the share right / n, n > 0. It stays within 0..1 and is valid for small n.
inline Interval wilson(std::size_t right, std::size_t n) {
  const auto count = static_cast<double>(n);
  const double mean = static_cast<double>(right) / count;
  const double shrink = 1.0 + z_95 * z_95 / count;
  const double centre = (mean + z_95 * z_95 / 2.0 / count) / shrink;
  const double half = z_95 / shrink * std::sqrt(mean * (1.0 - mean) / count + z_95 * z_95 / 4.0 / count / count);
  return {mean, std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

/// The interval of the mean of at least one score in 0..1: Wilson's if all are 0 or 1, else the normal approximation.
/// A single fractional score gives 0..1.
inline Interval interval(std::span<const double> scores) {
  const auto n = static_cast<double>(scores.size());
  double sum = 0.0;
  bool fractions = false;
  for (const double s : scores) {
    sum += s;
    fractions = fractions || (s != 0.0 && s != 1.0);
  }
  if (!fractions) return wilson(static_cast<std::size_t>(sum + 0.5), scores.size());
  const double mean = sum / n;
  if (scores.size() == 1) return {mean, 0.0, 1.0};
  double squares = 0.0;
  for (const double s : scores) squares += (s - mean) * (s - mean);
  const double half = z_95 * std::sqrt(squares / (n - 1.0) / n);
  return {mean, std::max(0.0, mean - half), std::min(1.0, mean + half)};
}

/// McNemar's exact test, two-sided: the probability of a split of gained + lost changed answers at least this uneven if
/// both configurations are equally good. `gained`: right only with the new one; `lost`: right only with the old one.
inline double mcnemar(std::size_t gained, std::size_t lost) {
  const std::size_t n = gained + lost;
  const std::size_t fewer = std::min(gained, lost);
  if (n == 0) return 1.0;
  const auto log_factorial = [](std::size_t k) { return std::lgamma(static_cast<double>(k) + 1.0); };
  double tail = 0.0;
  for (std::size_t i = 0; i <= fewer; ++i) {
    tail +=
        std::exp(log_factorial(n) - log_factorial(i) - log_factorial(n - i) - static_cast<double>(n) * std::log(2.0));
  }
  return std::min(1.0, 2.0 * tail);
}

}  // namespace eval
