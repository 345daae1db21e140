// Shared parts of kernel tests: typed suites over archs, random data, awkward lengths, comparison with a tolerance.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/exec/team.hpp"

#include "swept_archs.hpp"

namespace vlmt_test {

/// False for archs that only add int8 dot products to another arch and share its float kernels.
template <class Arch>
struct HasOwnFloats
    : std::bool_constant<!std::is_same_v<Arch, vlmt::arch::avx512_vnni> &&
                         !std::is_same_v<Arch, vlmt::arch::avx2_vnni> && !std::is_same_v<Arch, vlmt::arch::neon_dot>> {
};
/// Archs that float kernels are tested on, for TYPED_TEST_SUITE.
using Archs = typename TestTypes<vlmt::Filtered<HasOwnFloats, SweptArchs>>::type;

inline std::vector<float> gaussian(std::size_t n, unsigned seed, float scale = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> x(n);
  for (float& v : x) v = normal(random);
  return x;
}

/// Lengths around a vector of n lanes.
inline std::vector<std::size_t> lengths(std::size_t n) {
  return {1, 3, n - 1, n, n + 1, 8 * n + 2};
}

/// A copy of `values` that starts `offset` floats after a 64-byte boundary.
class Misaligned {
 public:
  Misaligned(const std::vector<float>& values, std::size_t offset) : storage_(values.size() + offset + 16) {
    auto at = reinterpret_cast<std::uintptr_t>(storage_.data());
    while (at % 64 != 0) at += sizeof(float);
    data_ = reinterpret_cast<float*>(at) + offset;
    std::copy(values.begin(), values.end(), data_);
  }
  float* data() { return data_; }

 private:
  std::vector<float> storage_;
  float* data_;
};

/// Expects |got - want| <= absolute + relative |want| for all elements; reports the worst.
inline void expect_close(const float* got, const float* want, std::size_t n, double relative, double absolute) {
  std::size_t worst = 0;
  double excess = -1.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double error = std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    const double bound = absolute + relative * std::fabs(static_cast<double>(want[i]));
    const double e = std::isnan(error) ? std::numeric_limits<double>::infinity() : error - bound;
    if (e > excess) {
      excess = e;
      worst = i;
    }
  }
  EXPECT_LE(excess, 0.0) << "worst element " << worst << " of " << n << ": got " << got[worst] << ", want "
                         << want[worst];
}

/// Runs f(member) on teams of 1, 2, 3 and 7 members, calling check(size) after each.
template <class Run, class Check>
void on_teams(Run&& run, Check&& check) {
  for (const std::size_t size : {1u, 2u, 3u, 7u}) {
    vlmt::ThreadTeam team(size);
    team.run([&](vlmt::Member& m) { run(m); });
    check(size);
  }
}

/// 2^-23: the spacing of floats above 1.
inline constexpr double eps = 1.1920929e-7;

}  // namespace vlmt_test
