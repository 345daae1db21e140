// Exceptions for bad input and device failures. The message names the input, the position, and the expected and found
// values.
//
// Code that must also compile with -fno-exceptions (base, numeric, quant, tensor, exec, kernel) throws through
// throw_error.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Location and cause of an error. Empty members are omitted from the message.
struct ErrorSite {
  std::string file = {};                     ///< path of the file, or a name such as "request"
  std::optional<std::uint64_t> offset = {};  ///< byte offset in the file
  std::string field = {};                    ///< key, tensor or option
  std::string expected = {};
  std::string found = {};
};

/// Base of all exceptions that vlmt throws, except std::bad_alloc for small allocations.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ErrorSite site = {})
      : std::runtime_error(compose(message, site)), site_(std::move(site)) {}

  const ErrorSite& site() const noexcept { return site_; }

 private:
  // One line: "file: offset 24: `n_kv`: message (expected ..., found ...)"
  static std::string compose(const std::string& message, const ErrorSite& s);

  ErrorSite site_;
};

/// A bad file or buffer: missing, truncated, wrong magic, wrong shape.
class FileError : public Error {
 public:
  using Error::Error;
};

/// Well-formed input beyond a limit: pixels, context, memory.
class LimitError : public Error {
 public:
  using Error::Error;
};

/// An invalid request: an unknown role, a negative temperature, a placeholder without an image.
class InputError : public Error {
 public:
  using Error::Error;
};

/// The processor lacks an instruction set that the program needs, or a device or the operating system failed.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// Throws `error`. With -fno-exceptions calls the assertion handler with its message, then aborts.
template <class E>
[[noreturn]] VLMT_NOINLINE void throw_error(E error) {
#if VLMT_HAS_EXCEPTIONS
  throw E(std::move(error));
#else
  detail::assert_failed(error.what(), __FILE__, __LINE__);
#endif
}

#if VLMT_HAS_BODIES

VLMT_BODY std::string Error::compose(const std::string& message, const ErrorSite& s) {
  std::string line;
  if (!s.file.empty()) line += s.file + ": ";
  if (s.offset) line += "offset " + std::to_string(*s.offset) + ": ";
  if (!s.field.empty()) line += "`" + s.field + "`: ";
  line += message;
  if (!s.expected.empty() || !s.found.empty()) {
    line += " (";
    if (!s.expected.empty()) line += "expected " + s.expected;
    if (!s.expected.empty() && !s.found.empty()) line += ", ";
    if (!s.found.empty()) line += "found " + s.found;
    line += ")";
  }
  return line;
}

#endif

VLMT_END_NAMESPACE
