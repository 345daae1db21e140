// Arguments of kernels on tensors: what types they may have, and the checks of their sizes.
//
// A wrong type does not compile, with one sentence. A wrong size fails an assertion that names the call, the argument,
// what is expected and what is found, as in "rms_norm: weight is (63), expected (64)".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <type_traits>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/numeric/bfloat16.hpp"
#include "vlmt/numeric/float16.hpp"
#include "vlmt/tensor/slice.hpp"
#include "vlmt/tensor/tensor.hpp"
#include "vlmt/tensor/tensor_view.hpp"

VLMT_BEGIN_NAMESPACE

/// An argument of a kernel on tensors: anything but the pointers and numbers of the raw form of the kernel.
template <class X>
concept TensorArgument = std::is_class_v<std::remove_cvref_t<X>> || std::is_array_v<std::remove_cvref_t<X>>;

namespace detail {

template <class T>
inline constexpr bool is_tensor_float_v = contains_v<std::remove_const_t<T>, TypeList<float, float16, bfloat16>>;

/// Sizes of an argument; `dynamic` in expected ones is any size.
struct ArgumentSizes {
  std::size_t rank = 0;
  std::array<std::size_t, 5> sizes{};

  template <class... Is>
  static constexpr ArgumentSizes of(Is... sizes) noexcept {
    static_assert(sizeof...(Is) <= 5);
    return {sizeof...(Is), {static_cast<std::size_t>(sizes)...}};
  }

  /// "(2, any)", at most `room` characters with the final 0.
  void print(char* text, std::size_t room) const noexcept {
    std::size_t at = 0;
    const auto add = [&](const char* format, auto... values) {
      const int n = std::snprintf(text + at, room - at, format, values...);
      if (n > 0) at = at + static_cast<std::size_t>(n) < room ? at + static_cast<std::size_t>(n) : room - 1;
    };
    add("%s", "(");
    for (std::size_t d = 0; d < rank; ++d) {
      if (d != 0) add("%s", ", ");
      if (sizes[d] == dynamic) {
        add("%s", "any");
      } else {
        add("%zu", sizes[d]);
      }
    }
    add("%s", ")");
  }
};

[[noreturn]] VLMT_NOINLINE inline void argument_failed(const char* call, const char* argument,
                                                       const ArgumentSizes& found, const char* expected) {
  char sizes[128], text[512];
  found.print(sizes, sizeof sizes);
  std::snprintf(text, sizeof text, "%s: %s is %s, expected %s", call, argument, sizes, expected);
  assert_failed(text, __FILE__, __LINE__);
}

template <class View>
constexpr ArgumentSizes sizes_found(const View& v) noexcept {
  ArgumentSizes found;
  found.rank = View::rank();
  for (std::size_t d = 0; d < found.rank; ++d) found.sizes[d] = v.extent(d);
  return found;
}

/// Asserts that v has these sizes, `dynamic` for any, and memory.
template <class View, class... Is>
void assert_sizes([[maybe_unused]] const char* call, [[maybe_unused]] const char* argument,
                  [[maybe_unused]] const View& v, [[maybe_unused]] Is... expected) {
#if VLMT_ASSERTS
  static_assert(sizeof...(Is) == View::rank());
  const ArgumentSizes sizes = ArgumentSizes::of(expected...);
  bool fits = true;
  std::size_t count = 1;
  for (std::size_t d = 0; d < sizes.rank; ++d) {
    fits = fits && (sizes.sizes[d] == dynamic || sizes.sizes[d] == v.extent(d));
    count *= v.extent(d);
  }
  if (!fits) {
    char text[128];
    sizes.print(text, sizeof text);
    argument_failed(call, argument, sizes_found(v), text);
  }
  if (count != 0 && v.data() == nullptr) argument_failed(call, argument, sizes_found(v), "memory, found null");
#endif
}

/// Asserts `condition` on v: "call: argument is (sizes), expected `expected`".
template <class View>
void assert_argument([[maybe_unused]] const char* call, [[maybe_unused]] const char* argument,
                     [[maybe_unused]] const View& v, [[maybe_unused]] bool condition,
                     [[maybe_unused]] const char* expected) {
#if VLMT_ASSERTS
  if (!condition) argument_failed(call, argument, sizes_found(v), expected);
#endif
}

/// Asserts that v is dense, the last index fastest.
template <class View>
void assert_dense(const char* call, const char* argument, const View& v) {
  std::size_t stride = 1;
  bool dense = true;
  for (std::size_t d = View::rank(); d-- > 0;) {
    dense = dense && (v.extent(d) <= 1 || v.stride(d) == stride);
    stride *= v.extent(d);
  }
  assert_argument(call, argument, v, dense || v.count() == 0, "dense elements, found strides: copy it");
}

/// x as a strided view of rank R. A vector may be one row of a matrix, and a matrix of one row or column, as those of
/// Eigen, a vector.
template <std::size_t R, class X>
auto operand_view([[maybe_unused]] const char* call, [[maybe_unused]] const char* argument, X& x) {
  using Seen = decltype(tensor_view(x));
  if constexpr (std::is_void_v<Seen>) {
    return StridedView<float, R>();  // tensor_view has reported the one error
  } else {
    const auto seen = tensor_view(x);
    using T = typename Seen::Elem;
    using View = StridedView<T, R>;
    using E = DynExtents<R>;
    constexpr std::size_t rank = Seen::rank();
    constexpr bool host = is_host_v<std::remove_cvref_t<decltype(seen.engine())>>;
    static_assert(host,
                  "vlmt: this kernel runs on the host, but the tensor is in the memory of a device; copy it to the "
                  "host, or issue an op on the backend of that memory");
    if constexpr (!host) {
      return View();
    } else if constexpr (rank == R) {
      return View(seen);
    } else if constexpr (rank == 1 && R == 2) {
      return View(ViewEngine<T>(seen.data()),
                  Strided<E>(E(std::size_t{1}, seen.extent(0)), {seen.extent(0) * seen.stride(0), seen.stride(0)}));
    } else if constexpr (rank == 2 && R == 1) {
      const std::size_t axis = seen.extent(1) == 1 ? 0 : 1;
      assert_argument(call, argument, seen, seen.extent(1 - axis) == 1, "one row or one column");
      return View(ViewEngine<T>(seen.data()), Strided<E>(E(seen.extent(axis)), {seen.stride(axis)}));
    } else {
      static_assert(dependent_false_v<X>,
                    "vlmt: a tensor of another rank than this kernel takes; the comment on the kernel gives the sizes");
      return View();
    }
  }
}

/// The argument x of rank R, for reading: elements are float, float16 or bfloat16.
template <std::size_t R, class X>
auto float_input(const char* call, const char* argument, const X& x) {
  const auto v = operand_view<R>(call, argument, x);
  using T = std::remove_const_t<typename decltype(v)::Elem>;
  static_assert(is_tensor_float_v<T>,
                "vlmt: kernels take tensors of float, float16 or bfloat16; convert the elements first");
  return StridedView<const T, R>(v);
}

/// The argument x of rank R, for reading: elements are T.
template <class T, std::size_t R, class X>
StridedView<const T, R> typed_input(const char* call, const char* argument, const X& x) {
  const auto v = operand_view<R>(call, argument, x);
  constexpr bool same = std::is_same_v<std::remove_const_t<typename decltype(v)::Elem>, T>;
  static_assert(same, "vlmt: a tensor of other elements than this kernel takes; the comment on the kernel names them");
  if constexpr (same) {
    return v;
  } else {
    return {};
  }
}

template <class View>
void assert_writable([[maybe_unused]] const char* call, [[maybe_unused]] const char* argument,
                     [[maybe_unused]] const View& v) {
  static_assert(!std::is_const_v<typename View::Elem>,
                "vlmt: the elements of an output are const; pass a tensor of elements that can be written");
  for (std::size_t d = 0; d < View::rank(); ++d) {
    assert_argument(call, argument, v, v.extent(d) <= 1 || v.stride(d) != 0 || v.count() == 0,
                    "an element of its own for each index, found a stride of 0");
  }
}

/// The argument x of rank R, for writing: elements are float, float16 or bfloat16.
template <std::size_t R, class X>
auto float_output(const char* call, const char* argument, X& x) {
  const auto v = operand_view<R>(call, argument, x);
  using T = typename decltype(v)::Elem;
  static_assert(is_tensor_float_v<T>,
                "vlmt: kernels take tensors of float, float16 or bfloat16; convert the elements first");
  assert_writable(call, argument, v);
  if constexpr (std::is_const_v<T>) {
    return StridedView<std::remove_const_t<T>, R>();  // assert_writable has reported the one error
  } else {
    return v;
  }
}

/// The argument x of rank R, for writing: elements are T.
template <class T, std::size_t R, class X>
StridedView<T, R> typed_output(const char* call, const char* argument, X& x) {
  const auto v = operand_view<R>(call, argument, x);
  using Elem = typename decltype(v)::Elem;
  static_assert(std::is_same_v<std::remove_const_t<Elem>, T>,
                "vlmt: a tensor of other elements than this kernel takes; the comment on the kernel names them");
  assert_writable(call, argument, v);
  if constexpr (std::is_same_v<Elem, T>) {
    return v;
  } else {
    return {};
  }
}

}  // namespace detail

VLMT_END_NAMESPACE
