// Compares tensors with those of a file, prints a line for each, and keeps what was computed for --dump.
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

/// How far a tensor may be from the reference.
struct Limits {
  double relative_l2 = 2e-6;
  double largest = 1e-5;  ///< largest error, relative to the largest value
};

/// A tensor of a file. Numbers are converted: integers to int32, the rest to float.
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

  /// All names in the file.
  const std::vector<std::string>& names() const noexcept { return names_; }
  bool has(std::string_view name) const;
  std::optional<Expected> find(std::string_view name) const;
  /// The bytes and shape of a tensor of bytes.
  std::vector<std::uint8_t> bytes(std::string_view name, std::vector<std::size_t>& shape) const;

  /// Tensors that are missing in the file no longer fail: for files with a choice of results.
  void allow_missing() noexcept { missing_fails_ = false; }

  /// Keeps a computed tensor for the dump, under the same name as in the file.
  void keep(const std::string& name, std::vector<std::size_t> shape, std::vector<float> values);
  void keep(const std::string& name, std::vector<std::size_t> shape, std::vector<int> values);

  /// Floats within limits. `label` stands before the name in the line. A tensor that is missing in the file, has
  /// another shape or is not finite fails.
  void close(const std::string& label, const std::string& name, const std::vector<std::size_t>& shape,
             std::span<const float> got, const Limits& limits);
  /// Floats no further than `step` from the file's, with at least `equal` of them the same to a thousandth of a step.
  void steps(const std::string& name, const std::vector<std::size_t>& shape, std::span<const float> got, double step,
             double equal);
  /// Integers exactly.
  void equal(const std::string& label, const std::string& name, const std::vector<std::size_t>& shape,
             std::span<const int> got);
  /// A line about something that is not a tensor of the file.
  void result(bool passed, const std::string& line);

  std::size_t passed() const noexcept { return passed_; }
  std::size_t failed() const noexcept { return failed_; }
  /// Writes all that was kept. Throws vlmt::FileError.
  void dump(const std::string& path) const;

 private:
  struct File;
  struct Kept {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::variant<std::vector<float>, std::vector<int>> values;
  };
  /// The tensor if its shape is right; else the line of a failure has been printed.
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
