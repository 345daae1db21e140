// Tensors: ownership of engines, aliasing of views, constness of elements.
#include "vlmt/tensor/tensor.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using vlmt::HeapTensor;
using vlmt::make_tensor;
using vlmt::TensorView;

static_assert(std::is_trivially_copyable_v<TensorView<float, 2>>);
static_assert(!std::is_copy_constructible_v<HeapTensor<float, 2>>);
static_assert(std::is_nothrow_move_constructible_v<HeapTensor<float, 2>>);
static_assert(std::is_same_v<TensorView<const float, 2>::Elem, const float>);
static_assert(std::is_same_v<decltype(std::declval<TensorView<const float, 1>>()(0)), const float&>);
static_assert(std::is_same_v<decltype(std::declval<HeapTensor<float, 1>>().cview()), TensorView<const float, 1>>);
static_assert(vlmt::TensorEngine<vlmt::ViewEngine<float>> && !vlmt::TensorEngine<vlmt::ViewEngine<std::vector<int>>>);
template <class T>
concept HasRow = requires(const T& t) {
  t.row(0);
};
static_assert(HasRow<TensorView<float, 2>> && !HasRow<TensorView<float, 3>>);

TEST(TensorTest, HeapTensorsAreAlignedZeros) {
  for (const std::size_t n : {1u, 3u, 17u, 1000u}) {
    const auto t = make_tensor<float>(n, 3);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(t.data()) % 64, 0u);
    EXPECT_EQ(t.count(), n * 3);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < 3; ++j) ASSERT_EQ(t(i, j), 0.0f);
    }
  }
  EXPECT_EQ(make_tensor<float>(0, 5).data(), nullptr);
}

TEST(TensorTest, MovesOwnership) {
  auto a = make_tensor<int>(2, 2);
  a(1, 1) = 7;
  int* p = a.data();
  HeapTensor<int, 2> b = std::move(a);
  EXPECT_EQ(b.data(), p);
  EXPECT_EQ(a.data(), nullptr);
  auto c = make_tensor<int>(9, 9);
  c = std::move(b);
  EXPECT_EQ(c(1, 1), 7);
  EXPECT_EQ(c.extent(0), 2u);
  auto& self = c;
  c = std::move(self);
  EXPECT_EQ(c(1, 1), 7);
}

TEST(TensorTest, RejectsOverflowingSizes) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_THROW(make_tensor<float>(most / 2, 3), vlmt::LimitError);
  EXPECT_THROW(make_tensor<float>(std::size_t{1} << 33, std::size_t{1} << 31), vlmt::LimitError);
  EXPECT_THROW(make_tensor<double>(most), std::bad_alloc);
}

TEST(TensorTest, ViewsAlias) {
  auto t = make_tensor<int>(3, 4);
  const auto v = t.view();
  const auto c = t.cview();
  v(2, 3) = 5;
  EXPECT_EQ(c(2, 3), 5);
  EXPECT_EQ(t.row(2)[3], 5);
  EXPECT_EQ(t.row(2).size(), 4u);
  EXPECT_EQ(t.row(1).data(), t.data() + 4);
}

TEST(TensorTest, StridedTensorSelectsOneHeadOfAFusedProjection) {
  // (tokens, 3 heads of 2): head 1 as a (tokens, 2) tensor.
  std::vector<int> qkv(4 * 6);
  for (std::size_t i = 0; i < qkv.size(); ++i) qkv[i] = static_cast<int>(i);
  using E = vlmt::DynExtents<2>;
  const vlmt::Tensor head(vlmt::ViewEngine<const int>(qkv.data() + 2), vlmt::Strided<E>(E(4, 2), {6, 1}));
  for (std::size_t t = 0; t < 4; ++t) {
    EXPECT_EQ(head(t, 0), static_cast<int>(t * 6 + 2));
    EXPECT_EQ(head.row(t)[1], static_cast<int>(t * 6 + 3));
  }
  EXPECT_EQ(head.count(), 8u);
  EXPECT_EQ(head.layout().span(), 20u);
}

TEST(TensorTest, SharedEnginesKeepTheirOwnerAlive) {
  auto owner = std::make_shared<std::vector<float>>(6, 1.5f);
  const std::weak_ptr<std::vector<float>> watch = owner;
  using E = vlmt::DynExtents<2>;
  {
    const vlmt::SharedEngine<const float> engine(owner, owner->data());
    const vlmt::Tensor t(engine, vlmt::RowMajor<E>(E(2, 3)));
    owner.reset();
    const auto copy = t;
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(copy(1, 2), 1.5f);
    EXPECT_EQ(copy.data(), t.data());
  }
  EXPECT_TRUE(watch.expired());
}

TEST(TensorTest, AsMatrixSplitsASpan) {
  std::vector<int> values{1, 2, 3, 4, 5, 6};
  const auto m = vlmt::as_matrix(std::span(values), 2);
  EXPECT_EQ(m.extent(1), 3u);
  EXPECT_EQ(m(1, 0), 4);
}

#if VLMT_ASSERTS && defined(GTEST_HAS_DEATH_TEST)
TEST(TensorDeathTest, AsMatrixAssertsThatTheRowsDivide) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  std::vector<int> values(6);
  EXPECT_DEATH(vlmt::as_matrix(std::span(values), 4),
               "as_matrix: values.size\\(\\) is a multiple of rows: [0-9]+ and 4");
}
#endif

}  // namespace
