// Compares the output of a kernel with its reference: errors, the worst element, and a one-line summary.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE
namespace testing {

/// Differences of two arrays of equal length. An element that is not finite in one array and differs in the other
/// counts as an infinite error.
struct Comparison {
  std::size_t count = 0;
  std::size_t worst = 0;     ///< index of the largest error
  double max_error = 0.0;    ///< |got - want| of that element
  double max_want = 0.0;     ///< largest |want|
  double relative_l2 = 0.0;  ///< |got - want|_2 / |want|_2; 0 if they are equal
  float got = 0.0f;          ///< value of the worst element
  float want = 0.0f;

  /// The worst element and the relative L2 error in one line.
  std::string line() const {
    return "element " + std::to_string(worst) + " of " + std::to_string(count) + ": got " + std::to_string(got) +
           ", want " + std::to_string(want) + ", error " + std::to_string(max_error) + ", relative L2 " +
           std::to_string(relative_l2);
  }
};

/// Asserts that both spans have the same size.
inline Comparison compare(std::span<const float> got, std::span<const float> want) {
  VLMT_ASSERT_EQ("compare", got.size(), want.size());
  Comparison c;
  c.count = got.size();
  double errors = 0.0, wants = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double g = static_cast<double>(got[i]), w = static_cast<double>(want[i]);
    const bool same = got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]));
    double error = same ? 0.0 : std::fabs(g - w);
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    if (std::isfinite(w)) {
      wants += w * w;
      if (std::fabs(w) > c.max_want) c.max_want = std::fabs(w);
    }
    errors += error * error;
    if (i == 0 || error > c.max_error) {
      c.max_error = error;
      c.worst = i;
      c.got = got[i];
      c.want = want[i];
    }
  }
  c.relative_l2 = errors == 0.0 ? 0.0 : std::sqrt(errors / wants);
  return c;
}

}  // namespace testing
VLMT_END_NAMESPACE
