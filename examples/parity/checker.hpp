// Compares tensors with those of a file, prints one line for each, and keeps computed tensors for --dump.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace parity {

/// Tolerances against the reference.
struct Limits {
  double relative_l2 = 2e-6;
  double largest = 1e-5;  ///< largest error, relative to the largest value
};

/// A tensor of a file, converted: integers to int, other types to float.
struct Expected {
  std::vector<std::size_t> shape;
  std::vector<float> floats;  ///< empty for integers
  std::vector<int> integers;
};

class Checker {
 public:
  /// Reads `cases.safetensors` or `tables.safetensors`; the file stays open. Throws vlmt::FileError.
  explicit Checker(const std::string& path);
  ~Checker();

  /// The names of all tensors in the file.
  const std::vector<std::string>& names() const noexcept { return names_; }
  bool has(std::string_view name) const;
  std::optional<Expected> find(std::string_view name) const;
  /// The values and the shape of a tensor of bytes. Throws vlmt::FileError if it is missing.
  std::vector<std::uint8_t> bytes(std::string_view name, std::vector<std::size_t>& shape) const;

  /// From now on, results that are missing in the file do not fail: for files with partial results.
  void allow_missing() noexcept { missing_fails_ = false; }

  /// Keeps a computed tensor for dump().
  void keep(const std::string& name, std::vector<std::size_t> shape, std::vector<float> values);
  void keep(const std::string& name, std::vector<std::size_t> shape, std::vector<int> values);

  /// Compares floats within limits. The line starts with `label` and `name`. Fails if the file's tensor is missing or
  /// has another shape, or if a value is not finite.
  void close(const std::string& label, const std::string& name, const std::vector<std::size_t>& shape,
             std::span<const float> got, const Limits& limits);
  /// Compares floats in units of `step`: all within one step, and at least the fraction `equal` of them within a
  /// thousandth of a step.
  void steps(const std::string& name, const std::vector<std::size_t>& shape, std::span<const float> got, double step,
             double equal);
  /// Compares integers exactly.
  void equal(const std::string& label, const std::string& name, const std::vector<std::size_t>& shape,
             std::span<const int> got);
  /// Counts and prints a result that is not about a tensor of the file.
  void result(bool passed, const std::string& line);

  std::size_t passed() const noexcept { return passed_; }
  std::size_t failed() const noexcept { return failed_; }
  /// Writes all kept tensors as safetensors. Throws vlmt::FileError.
  void dump(const std::string& path) const;

 private:
  struct File;
  struct Kept {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::variant<std::vector<float>, std::vector<int>> values;
  };
  /// The tensor if it exists with this shape and count; else nothing, and the failure is printed (unless a missing
  /// tensor is allowed).
  std::optional<Expected> expect(const std::string& label, const std::string& name,
                                 const std::vector<std::size_t>& shape, std::size_t count);

  std::unique_ptr<File> file_;
  std::vector<std::string> names_;
  std::deque<Kept> kept_;
  bool missing_fails_ = true;
  std::size_t passed_ = 0;
  std::size_t failed_ = 0;
};

/// "(30, 256)"
std::string shape_text(const std::vector<std::size_t>& shape);

}  // namespace parity
