// Assertions for programmer errors. Bad input throws vlmt::Error instead.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Called with the failed condition, file and line; must not return.
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

}  // namespace detail

/// Sets the assertion handler of this process and returns the previous one. Not thread-safe: call it before other
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
#else
#define VLMT_ASSERT(condition) static_cast<void>(0)
#endif

#if VLMT_DASSERTS
#define VLMT_DASSERT(condition) VLMT_ASSERT(condition)
#else
#define VLMT_DASSERT(condition) static_cast<void>(0)
#endif
