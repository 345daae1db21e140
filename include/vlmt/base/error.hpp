// Exceptions for bad input and failed devices: each names what was read, where, what was expected and what was found.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Where and why an input was refused. Empty members are left out of the message.
struct ErrorSite {
  std::string file = {};                     ///< path of the file, or a name such as "request"
  std::optional<std::uint64_t> offset = {};  ///< byte offset in the file
  std::string field = {};                    ///< key, tensor or option
  std::string expected = {};
  std::string found = {};
};

/// Base of all exceptions that vlmt throws.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ErrorSite site = {})
      : std::runtime_error(compose(message, site)), site_(std::move(site)) {}

  const ErrorSite& site() const noexcept { return site_; }

 private:
  // One line: "file: offset 24: field `n_kv`: message (expected ..., found ...)"
  static std::string compose(const std::string& message, const ErrorSite& s);

  ErrorSite site_;
};

/// A file or buffer that is not what it should be: missing, truncated, wrong magic, wrong shape.
class FileError : public Error {
 public:
  using Error::Error;
};

/// Input that is well formed but larger than a limit: pixels, context, memory.
class LimitError : public Error {
 public:
  using Error::Error;
};

/// A request that makes no sense: an unknown role, a negative temperature, a placeholder without picture.
class InputError : public Error {
 public:
  using Error::Error;
};

/// An accelerator or the operating system failed.
class DeviceError : public Error {
 public:
  using Error::Error;
};

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
