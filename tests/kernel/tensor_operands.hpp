// Tensors of several element types and orders, for tests of kernels on tensors.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/type_list.hpp"
#include "vlmt/numeric/bfloat16.hpp"
#include "vlmt/numeric/float16.hpp"
#include "vlmt/tensor/tensor.hpp"

namespace vlmt_test {

enum class Order { dense, padded, columns };

/// x rounded to T.
template <class T>
std::vector<float> rounded(std::vector<float> x) {
  for (float& v : x) v = static_cast<float>(T(v));
  return x;
}

/// Values (n, h) of T in memory: dense rows, rows with gaps, or columns one after the other. Gaps hold a number that
/// kernels must not change.
template <class T>
class Stored {
 public:
  Stored(const std::vector<float>& values, std::size_t n, std::size_t h, Order order)
      : n_(n),
        h_(h),
        rows_(order == Order::columns ? 1 : h + (order == Order::padded ? 3 : 0)),
        columns_(order == Order::columns ? n + 2 : 1),
        memory_((n + 2) * (h + 3), T(gap)) {
    for (std::size_t i = 0; i < n * h; ++i) at(i) = T(values[i]);
  }
  Stored(std::size_t n, std::size_t h, Order order) : Stored(std::vector<float>(n * h), n, h, order) {}

  vlmt::StridedView<T, 2> view() {
    using E = vlmt::DynExtents<2>;
    return {vlmt::ViewEngine<T>(memory_.data()), vlmt::Strided<E>(E(n_, h_), {rows_, columns_})};
  }
  vlmt::StridedView<const T, 2> cview() { return view(); }
  /// The same memory as (n, h / last, last).
  vlmt::StridedView<T, 3> parts(std::size_t last) {
    using E = vlmt::DynExtents<3>;
    return {vlmt::ViewEngine<T>(memory_.data()),
            vlmt::Strided<E>(E(n_, h_ / last, last), {rows_, last * columns_, columns_})};
  }

  /// Expects the values `want`, rounded to T, bit by bit, and unchanged gaps.
  void expect(const std::vector<float>& want) {
    std::size_t wrong = 0, first = 0;
    for (std::size_t i = n_ * h_; i-- > 0;) {
      if (std::bit_cast<std::uint32_t>(static_cast<float>(at(i))) !=
          std::bit_cast<std::uint32_t>(static_cast<float>(T(want[i])))) {
        ++wrong;
        first = i;
      }
    }
    EXPECT_EQ(wrong, 0u) << "first at " << first << ": got " << static_cast<float>(at(first)) << ", want "
                         << want[first];
    for (std::size_t i = 0; i < n_ * h_; ++i) at(i) = T(gap);
    for (const T& v : memory_) ASSERT_EQ(static_cast<float>(v), gap) << "written outside the tensor";
  }

 private:
  static constexpr float gap = -77.0f;
  T& at(std::size_t i) { return memory_[i / h_ * rows_ + i % h_ * columns_]; }

  std::size_t n_, h_, rows_, columns_;
  std::vector<T> memory_;
};

/// Calls f(TypeTag<T>, order) for all element types and orders.
template <class F>
void for_operands(F&& f) {
  vlmt::for_each_type(vlmt::TypeList<float, vlmt::float16, vlmt::bfloat16>{}, [&]<class T>(vlmt::TypeTag<T> type) {
    for (const Order order : {Order::dense, Order::padded, Order::columns}) {
      SCOPED_TRACE(sizeof(T) * 10 + static_cast<std::size_t>(order));
      f(type, order);
    }
  });
}

}  // namespace vlmt_test
