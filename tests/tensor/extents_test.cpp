// Extents and layouts: offsets checked by nested loops, for static and dynamic sizes.
#include "vlmt/tensor/extents.hpp"

#include <array>
#include <set>
#include <stdexcept>
#include <type_traits>

#include <gtest/gtest.h>

#include "vlmt/tensor/layout.hpp"

namespace {

using vlmt::Dim;
using vlmt::dynamic;
using vlmt::DynExtents;
using vlmt::Extents;
using vlmt::RowMajor;
using vlmt::Strided;

static_assert(std::is_empty_v<Dim<128>> && Dim<128>() == 128 && Dim<128>::is_static);
static_assert(sizeof(Dim<>) == sizeof(std::size_t) && Dim<>(7) == 7 && !Dim<>::is_static);
static_assert(std::is_trivially_copyable_v<Extents<dynamic, 3>>);
static_assert(std::is_same_v<DynExtents<2>, Extents<dynamic, dynamic>>);
static_assert(Extents<dynamic, 3>::rank() == 2 && Extents<dynamic, 3>::static_extent(1) == 3);
static_assert(Extents<>().count() == 1 && Extents<>::rank() == 0);
static_assert(Extents<dynamic, 3>(5, 3).count() == 15 && Extents<dynamic, 3>().count() == 0);
static_assert(Extents<dynamic, 3>(5, 3) == Extents<5, 3>() && Extents<5, 3>() == DynExtents<2>(5, 3));
static_assert(Extents<5, 3>() != Extents<3, 5>() && DynExtents<1>(1) != DynExtents<2>(1, 1));
static_assert(!std::is_constructible_v<Extents<dynamic, 3>, int>, "one value per size");

static_assert(vlmt::TensorLayout<RowMajor<DynExtents<3>>> && vlmt::TensorLayout<Strided<DynExtents<2>>>);
static_assert(!vlmt::TensorLayout<int>);
static_assert(RowMajor<Extents<2, 3, 4>>().stride(0) == 12 && RowMajor<Extents<2, 3, 4>>()(1, 2, 3) == 23);
static_assert(RowMajor<Extents<>>().span() == 1 && RowMajor<Extents<>>()() == 0);

TEST(LayoutTest, RowMajorOffsetsAreConsecutive) {
  using E = Extents<dynamic, 3, dynamic>;
  const RowMajor<E> layout(E(4, 3, 5));
  std::size_t next = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t k = 0; k < 5; ++k) EXPECT_EQ(layout(i, j, k), next++);
    }
  }
  EXPECT_EQ(layout.span(), next);
}

TEST(LayoutTest, StridedSpanIsOnePastTheLargestOffset) {
  using E = DynExtents<3>;
  for (const std::array<std::size_t, 3> strides : {std::array<std::size_t, 3>{20, 5, 1}, {1, 4, 12}, {64, 12, 2}}) {
    const Strided<E> layout(E(4, 3, 5), strides);
    std::set<std::size_t> offsets;
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 3; ++j) {
        for (std::size_t k = 0; k < 5; ++k) offsets.insert(layout(i, j, k));
      }
    }
    EXPECT_EQ(offsets.size(), 60u) << "two indices share an offset";
    EXPECT_EQ(layout.span(), *offsets.rbegin() + 1);
  }
  EXPECT_EQ(Strided<E>(E(4, 0, 5), {20, 5, 1}).span(), 0u);
}

#if VLMT_ASSERTS
TEST(ExtentsTest, AssertsThatStaticSizesMatch) {
  const auto old = vlmt::set_assert_handler([](const char* c, const char*, int) { throw std::logic_error(c); });
  EXPECT_THROW((Extents<dynamic, 3>(5, 4)), std::logic_error);
  vlmt::set_assert_handler(old);
}
#endif

}  // namespace
