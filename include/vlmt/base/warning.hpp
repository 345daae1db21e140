// Warnings: what works, but much slower than it could. Each is given once per process, through a replaceable handler.
#pragma once

#include <cstdio>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Called with one sentence without a line end, from any thread. The text is valid during the call only.
using WarningHandler = void (*)(const char* sentence) noexcept;

namespace detail {

inline void default_warning_handler(const char* sentence) noexcept {
  std::fprintf(stderr, "vlmt: warning: %s\n", sentence);
}

inline WarningHandler& warning_handler() noexcept {
  static WarningHandler handler = default_warning_handler;
  return handler;
}

inline void warn(const char* sentence) noexcept {
  if (warning_handler() != nullptr) warning_handler()(sentence);
}

}  // namespace detail

/// Sets the handler of warnings, by default a line on stderr, and returns the previous one; nullptr silences them. It
/// serves all code compiled with the configuration of this call, see set_assert_handler. Not thread-safe: call it
/// before other threads use vlmt.
inline WarningHandler set_warning_handler(WarningHandler handler) noexcept {
  WarningHandler old = detail::warning_handler();
  detail::warning_handler() = handler;
  return old;
}

VLMT_END_NAMESPACE
