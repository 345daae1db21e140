// Synthetic weight matrices for encoder tests; the same numbers on every platform.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

namespace vlmt_test {

/// Uniform and normal random numbers (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// In (0, 1).
  double uniform() { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53; }
  double normal() { return std::sqrt(-2.0 * std::log(uniform())) * std::cos(2.0 * std::numbers::pi * uniform()); }

 private:
  std::uint64_t state_;
};

/// Distribution of the weights; all have the same spread apart from their outliers.
enum class Weights {
  gaussian,  ///< normal
  spikes,    ///< normal, 1 % of the values 40 times as large
  columns,   ///< normal, one column in 97 scaled by 30
};

inline constexpr std::size_t weight_columns = 1024;
inline constexpr std::size_t weight_rows = 32;

/// A (weight_rows, weight_columns) matrix with standard deviation sigma before outliers.
inline std::vector<float> make_weights(Weights kind, double sigma) {
  Random random(20240917 + static_cast<std::uint64_t>(kind));
  std::vector<float> x(weight_rows * weight_columns);
  for (std::size_t i = 0; i < x.size(); ++i) {
    double v = random.normal();
    if (kind == Weights::spikes && random.uniform() < 0.01) v *= 40.0;
    if (kind == Weights::columns && i % weight_columns % 97 == 5) v *= 30.0;
    x[i] = static_cast<float>(sigma * v);
  }
  return x;
}

/// Root mean square of a - b.
inline double rmse(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace vlmt_test
