// Assertions for programmer errors. Bad input throws vlmt::Error instead.
//
// Public kernel calls check their arguments with these assertions, in release builds too: one condition each, with the
// name of the call and both values, as in "matmul: x.cols == w.cols: 64 and 128". They do so before the part of the
// kernel that is noexcept, so a handler may throw: the exception reaches the caller of the kernel, from a member of a
// team through Team::run. Elsewhere, in ops that models issue and inside kernels, functions are noexcept and a handler
// that throws ends the program with std::terminate.
#pragma once

#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Called with the failed condition, file and line; must not return. The text is valid during the call only.
using AssertHandler = void (*)(const char* condition, const char* file, int line);

namespace detail {

[[noreturn]] inline void default_assert_handler(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: vlmt assertion failed: %s\n", file, line, condition);
  std::abort();
}

inline AssertHandler& assert_handler() noexcept {
  static AssertHandler handler = default_assert_handler;
  return handler;
}

[[noreturn]] VLMT_NOINLINE inline void assert_failed(const char* condition, const char* file, int line) {
  assert_handler()(condition, file, line);
  std::abort();
}

/// An integer of any type, for the message of a comparison.
struct AssertValue {
  bool negative;
  unsigned long long magnitude;

  template <std::integral T>
  constexpr AssertValue(T value) noexcept
      : negative(std::cmp_less(value, 0)),
        magnitude(negative ? 0ull - static_cast<unsigned long long>(value) : static_cast<unsigned long long>(value)) {}
};

[[noreturn]] VLMT_NOINLINE inline void comparison_failed(const char* call, const char* condition, AssertValue a,
                                                         AssertValue b, const char* file, int line) {
  char text[512];
  std::snprintf(text, sizeof text, "%s: %s: %s%llu and %s%llu", call, condition, a.negative ? "-" : "", a.magnitude,
                b.negative ? "-" : "", b.magnitude);
  assert_failed(text, file, line);
}
[[noreturn]] VLMT_NOINLINE inline void pointer_failed(const char* call, const char* condition, const char* file,
                                                      int line) {
  char text[512];
  std::snprintf(text, sizeof text, "%s: %s", call, condition);
  assert_failed(text, file, line);
}

template <std::integral A, std::integral B>
VLMT_INLINE constexpr void assert_equal(const char* call, A a, B b, const char* condition, const char* file, int line) {
  if (!std::cmp_equal(a, b)) comparison_failed(call, condition, a, b, file, line);
}
template <std::integral A, std::integral B>
VLMT_INLINE constexpr void assert_at_most(const char* call, A a, B b, const char* condition, const char* file,
                                          int line) {
  if (!std::cmp_less_equal(a, b)) comparison_failed(call, condition, a, b, file, line);
}
template <std::integral A, std::integral B>
VLMT_INLINE constexpr void assert_less(const char* call, A a, B b, const char* condition, const char* file, int line) {
  if (!std::cmp_less(a, b)) comparison_failed(call, condition, a, b, file, line);
}
template <std::unsigned_integral A, std::unsigned_integral B>
VLMT_INLINE constexpr void assert_multiple(const char* call, A n, B unit, const char* condition, const char* file,
                                           int line) {
  if (unit == 0 || n % unit != 0) comparison_failed(call, condition, n, unit, file, line);
}

}  // namespace detail

/// Sets the assertion handler and returns the previous one. It serves all code compiled with the configuration of this
/// call (base/config.hpp): a program of several configurations sets it in each. Not thread-safe: call it before other
/// threads use vlmt.
inline AssertHandler set_assert_handler(AssertHandler handler) noexcept {
  AssertHandler old = detail::assert_handler();
  detail::assert_handler() = handler;
  return old;
}

VLMT_END_NAMESPACE

#if VLMT_ASSERTS
#define VLMT_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::vlmt::detail::assert_failed(#condition, __FILE__, __LINE__))
#define VLMT_DETAIL_COMPARE(check, call, a, text, b) ::vlmt::detail::check(call, a, b, #a text #b, __FILE__, __LINE__)
/// a == b, a <= b, a < b for integers of any types. `call` is the name of the function that the user called.
#define VLMT_ASSERT_EQ(call, a, b) VLMT_DETAIL_COMPARE(assert_equal, call, a, " == ", b)
#define VLMT_ASSERT_LE(call, a, b) VLMT_DETAIL_COMPARE(assert_at_most, call, a, " <= ", b)
#define VLMT_ASSERT_LT(call, a, b) VLMT_DETAIL_COMPARE(assert_less, call, a, " < ", b)
/// The unsigned n is a multiple of `unit`, and `unit` is not 0.
#define VLMT_ASSERT_MULTIPLE(call, n, unit) VLMT_DETAIL_COMPARE(assert_multiple, call, n, " is a multiple of ", unit)
/// A pointer is not null.
#define VLMT_ASSERT_SET(call, pointer)         \
  ((pointer) != nullptr ? static_cast<void>(0) \
                        : ::vlmt::detail::pointer_failed(call, #pointer " is not null", __FILE__, __LINE__))
#else
#define VLMT_ASSERT(condition)              static_cast<void>(0)
#define VLMT_ASSERT_EQ(call, a, b)          static_cast<void>(0)
#define VLMT_ASSERT_LE(call, a, b)          static_cast<void>(0)
#define VLMT_ASSERT_LT(call, a, b)          static_cast<void>(0)
#define VLMT_ASSERT_MULTIPLE(call, n, unit) static_cast<void>(0)
#define VLMT_ASSERT_SET(call, pointer)      static_cast<void>(0)
#endif

#if VLMT_DASSERTS
#define VLMT_DASSERT(condition) VLMT_ASSERT(condition)
#else
#define VLMT_DASSERT(condition) static_cast<void>(0)
#endif
