// Views of tensors, arrays, mdspan and Eigen matrices share memory; slices and transposed axes name the same elements.
#include "vlmt/tensor/tensor_view.hpp"

#include <array>
#include <cstddef>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/tensor/eigen.hpp"
#include "vlmt/tensor/slice.hpp"

namespace tensor_view_tests {
namespace {

using namespace vlmt;

static_assert(std::is_convertible_v<TensorView<float, 2>, TensorView<const float, 2>>);
static_assert(!std::is_convertible_v<TensorView<const float, 2>, TensorView<float, 2>>);
static_assert(std::is_convertible_v<TensorView<float, 2>, StridedView<const float, 2>>);
static_assert(!std::is_convertible_v<StridedView<float, 2>, TensorView<float, 2>>, "strides need a check");
static_assert(std::is_convertible_v<Tensor<ViewEngine<float>, RowMajor<Extents<dynamic, 4>>>, TensorView<float, 2>>);
static_assert(!std::is_convertible_v<TensorView<float, 2>, Tensor<ViewEngine<float>, RowMajor<Extents<dynamic, 4>>>>);
static_assert(!std::is_convertible_v<TensorView<float, 2>, TensorView<float, 3>>);
static_assert(!std::is_convertible_v<HeapTensor<float, 2>, TensorView<float, 2>>, "the view would outlive it");

struct Device;
using DeviceView = TensorView<float, 2, DeviceSpace<Device>>;
static_assert(is_host_v<ViewEngine<float>> && is_host_v<HeapEngine<float>> && is_host_v<SharedEngine<float>>);
static_assert(!is_host_v<ViewEngine<float, DeviceSpace<Device>>>);
static_assert(!std::is_convertible_v<DeviceView, TensorView<float, 2>>, "not the memory of the host");
static_assert(std::is_convertible_v<DeviceView, TensorView<const float, 2, DeviceSpace<Device>>>);
static_assert(
    std::is_same_v<decltype(std::declval<DeviceView>().cview()), TensorView<const float, 2, DeviceSpace<Device>>>);
static_assert(!is_host_v<std::remove_cvref_t<decltype(rows(std::declval<DeviceView>(), 0, 1).engine())>>);

/// What kernels need of std::mdspan, which not all standard libraries have.
template <class T>
struct Span2d {
  using reference = T&;
  T* data = nullptr;
  std::array<int, 2> sizes{}, steps{};
  static constexpr std::size_t rank() noexcept { return 2; }
  int extent(std::size_t d) const { return sizes[d]; }
  int stride(std::size_t d) const { return steps[d]; }
  T* data_handle() const { return data; }
};

std::vector<int> numbers(std::size_t n) {
  std::vector<int> v(n);
  std::iota(v.begin(), v.end(), 0);
  return v;
}

TEST(SliceTest, NamesTheSameElements) {
  std::vector<int> v = numbers(60);
  const auto t = view(v.data(), 3, 4, 5);
  const auto part = slice(slice(t, 2, 1, 4), 0, 1, 3);
  EXPECT_EQ(part.extent(0), 2u);
  EXPECT_EQ(part.extent(1), 4u);
  EXPECT_EQ(part.extent(2), 3u);
  EXPECT_EQ(&part(1, 2, 0), &t(2, 2, 1));
  EXPECT_EQ(&rows(t, 2, 3)(0, 3, 4), &t(2, 3, 4));
  EXPECT_EQ(&transposed(t)(1, 4, 2), &t(1, 2, 4));
  EXPECT_EQ(&transposed(t, 0, 2)(4, 1, 2), &t(2, 1, 4));
  EXPECT_EQ(transposed(rows(t, 0, 2)).extent(0), 2u);
  EXPECT_EQ(slice(t, 1, 2, 2).count(), 0u);
  const auto nothing = make_tensor<int>(0, 4);
  EXPECT_EQ(rows(nothing, 0, 0).data(), nullptr);
}

#if VLMT_ASSERTS
TEST(SliceTest, AssertsItsRange) {
  const auto old = set_assert_handler([](const char* c, const char*, int) { throw std::logic_error(c); });
  std::vector<int> v(12);
  const auto says = [&](auto&& f) {
    try {
      f();
    } catch (const std::logic_error& e) {
      return std::string(e.what());
    }
    return std::string("none");
  };
  const auto t = view(v.data(), 3, 4);
  EXPECT_EQ(says([&] { rows(t, 1, 4); }), "slice: end <= t.extent(axis): 4 and 3");
  EXPECT_EQ(says([&] { slice(t, 1, 3, 2); }), "slice: begin <= end: 3 and 2");
  EXPECT_EQ(says([&] { slice(t, 2, 0, 1); }), "slice: axis < t.rank(): 2 and 2");
  EXPECT_EQ(says([&] { transposed(t, 0, 2); }), "transposed: b < t.rank(): 2 and 2");
  const Span2d<int> backwards{v.data(), {2, 2}, {2, -1}};
  EXPECT_EQ(says([&] { tensor_view(backwards); }), "tensor_view: 0 <= x.stride(d): 0 and -1");
  set_assert_handler(old);
}
#endif

TEST(TensorViewTest, SeesTensorsAndArrays) {
  auto heap = make_tensor<float>(2, 3);
  EXPECT_EQ(&tensor_view(heap)(1, 2), &heap(1, 2));
  std::vector<float> v(4);
  static_assert(std::is_same_v<decltype(tensor_view(v)), TensorView<float, 1>>);
  static_assert(std::is_same_v<decltype(tensor_view(std::as_const(v))), TensorView<const float, 1>>);
  EXPECT_EQ(&tensor_view(v)(3), &v[3]);
  EXPECT_EQ(tensor_view(std::span(v)).extent(0), 4u);
  float array[5] = {};
  EXPECT_EQ(tensor_view(array).extent(0), 5u);
}

TEST(TensorViewTest, SeesMdspans) {
  std::vector<int> v = numbers(12);
  const Span2d<int> columns{v.data(), {3, 4}, {1, 3}};
  const auto t = tensor_view(columns);
  EXPECT_EQ(t.extent(1), 4u);
  EXPECT_EQ(&t(2, 1), &v[5]);
  t(2, 1) = 50;
  EXPECT_EQ(v[5], 50);
  static_assert(std::is_same_v<decltype(tensor_view(Span2d<const int>{})), StridedView<const int, 2>>);
}

TEST(TensorViewTest, SeesEigenMatricesInEitherOrder) {
  Eigen::MatrixXf m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  const auto t = tensor_view(m);
  t(1, 2) = 60;
  EXPECT_EQ(m(1, 2), 60.0f);
  EXPECT_EQ(t.stride(0), 1u);
  const auto c = tensor_view(std::as_const(m));
  static_assert(std::is_same_v<decltype(c(0, 0)), const float&>);
  EXPECT_EQ(c(0, 1), 2.0f);
  const auto block = tensor_view(m.block(0, 1, 2, 2));
  EXPECT_EQ(&block(1, 1), &m(1, 2));
  EXPECT_EQ(&tensor_view(m.row(1))(0, 1), &m(1, 1));
  EXPECT_EQ(&tensor_view(m.transpose())(2, 1), &m(1, 2));
  const Eigen::Map<const Eigen::MatrixXf> map(m.data(), 2, 3);
  static_assert(std::is_same_v<decltype(tensor_view(map)(0, 0)), const float&>);
  EXPECT_EQ(&tensor_view(map)(1, 2), &m(1, 2));
  EXPECT_TRUE(eigen_map(transposed(t)).transpose() == m);
}

}  // namespace
}  // namespace tensor_view_tests
