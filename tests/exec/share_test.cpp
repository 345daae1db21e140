// share(): the shares of all ranks tile [0, n), are cut at granules and differ by at most one granule. By brute force.
#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "vlmt/exec/member.hpp"

namespace {

using vlmt::Range;
using vlmt::share;

static_assert(share(10, 0, 3).end == 4 && share(10, 1, 3).end == 7 && share(10, 2, 3).end == 10);
static_assert(share(10, 0, 2, 8).end == 8 && share(10, 1, 2, 8).size() == 2);
static_assert(Range{3, 3}.empty() && !Range{3, 4}.empty());

TEST(ShareTest, TilesTheRangeInGranules) {
  for (std::size_t n = 0; n <= 40; ++n) {
    for (std::size_t size = 1; size <= 9; ++size) {
      for (std::size_t granule = 1; granule <= 17; ++granule) {
        std::size_t at = 0, most = 0, least = std::numeric_limits<std::size_t>::max();
        for (std::size_t rank = 0; rank < size; ++rank) {
          const Range r = share(n, rank, size, granule);
          ASSERT_EQ(r.begin, at) << n << " " << size << " " << granule;
          ASSERT_LE(r.begin, r.end);
          ASSERT_TRUE(r.begin % granule == 0 || r.begin == n);
          ASSERT_EQ(r.size() == 0, r.empty());
          at = r.end;
          const std::size_t granules = (r.size() + granule - 1) / granule;
          most = std::max(most, granules);
          least = std::min(least, granules);
        }
        ASSERT_EQ(at, n);
        ASSERT_LE(most - least, 1u) << n << " " << size << " " << granule;
      }
    }
  }
}

TEST(ShareTest, DoesNotOverflowAtTheLargestSizes) {
  constexpr std::size_t n = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(share(n, 0, 2).begin, 0u);
  EXPECT_EQ(share(n, 0, 2).end, share(n, 1, 2).begin);
  EXPECT_EQ(share(n, 1, 2).end, n);
  EXPECT_GT(share(n, 0, 1, 64).size(), n - 64);
}

}  // namespace
