// Reads GGUF files, versions 2 and 3, single or split: typed access to keys, and tensors as views into the mapping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf_parse.hpp"
#include "vlmt/io/gguf_value.hpp"
#include "vlmt/io/mapped_file.hpp"

VLMT_BEGIN_NAMESPACE

/// A GGUF file whose header has been fully checked (format: ggml's gguf.h).
///
/// Keys, string views and tensor data point into the mapping and live as long as the GgufFile; a GgufTensor also holds
/// the mapping, so its name and data outlive the GgufFile. Numbers are converted: an integer is read from any integer
/// type whose value fits, never from a float.
class GgufFile {
 public:
  /// Maps and checks `path`. Of a split model (split.count > 1), `path` must be the first file,
  /// "...-00001-of-0000N.gguf"; the others are opened from the same folder and tensors() lists the tensors of all.
  /// Throws FileError.
  static GgufFile open(const std::string& path);

  /// Parses a GGUF image in memory; `bytes` must outlive the result. `name` appears in errors. Throws FileError.
  static GgufFile parse(std::span<const std::byte> bytes, const std::string& name);

  const std::string& path() const noexcept { return path_; }
  std::uint32_t version() const noexcept { return version_; }
  std::uint64_t alignment() const noexcept { return alignment_; }
  /// The mapped files in split order; empty after parse().
  std::span<const std::shared_ptr<const MappedFile>> mappings() const noexcept { return mappings_; }

  /// All keys in file order; of a split model those of the first file.
  std::span<const GgufValue> values() const& noexcept { return values_; }
  std::span<const GgufValue> values() const&& = delete;  // would dangle

  /// The value of `key`, or null.
  const GgufValue* find(std::string_view key) const noexcept {
    const auto it = value_index_.find(key);
    return it == value_index_.end() ? nullptr : &values_[it->second];
  }

  /// The value of `key` as T: bool, an integer, float, double, std::string or std::string_view. Throws FileError if the
  /// key is missing, has another type or does not fit T.
  template <class T>
  T require(std::string_view key) const {
    return convert<T>(require_value(key));
  }

  /// As require(), or `fallback` if the key is missing. A wrong type still throws.
  template <class T>
  T get_or(std::string_view key, T fallback) const {
    const GgufValue* value = find(key);
    return value == nullptr ? fallback : convert<T>(*value);
  }

  /// The array at `key`, converted like require(). If `count` is given, any other length throws FileError, too.
  template <class T>
  std::vector<T> require_array(std::string_view key, std::optional<std::uint64_t> count = {}) const {
    return convert_array<T>(require_value(key), count);
  }

  /// As require_array(), or nothing if the key is missing.
  template <class T>
  std::optional<std::vector<T>> find_array(std::string_view key, std::optional<std::uint64_t> count = {}) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    return convert_array<T>(*value, count);
  }

  /// One value per layer (n): from an array of exactly n elements or a single value for all. Throws FileError.
  template <class T>
  std::vector<T> require_per_layer(std::string_view key, std::size_t n) const {
    const GgufValue& value = require_value(key);
    if (value.is_array) return convert_array<T>(value, n);
    return std::vector<T>(n, convert<T>(value));
  }

  /// All tensors in file order, file after file of a split.
  std::span<const GgufTensor> tensors() const& noexcept { return tensors_; }
  std::span<const GgufTensor> tensors() const&& = delete;  // would dangle

  /// The tensor `name`, or null.
  const GgufTensor* find_tensor(std::string_view name) const noexcept {
    const auto it = tensor_index_.find(name);
    return it == tensor_index_.end() ? nullptr : &tensors_[it->second];
  }

  /// The tensor `name`. Throws FileError if it is missing.
  const GgufTensor& require_tensor(std::string_view name) const;

 private:
  GgufFile() = default;

  const GgufValue& require_value(std::string_view key) const;

  [[noreturn]] void fail(const GgufValue& value, const std::string& message, std::string expected,
                         std::string found) const;

  template <class T>
  T convert(const GgufValue& value) const {
    if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
      if (!value.is_array && value.type == GgufType::String) {
        return T(reinterpret_cast<const char*>(value.data.data()), value.data.size());
      }
    } else {
      T out{};
      if (!value.is_array && detail::convert_gguf<T>(value.type, value.data.data(), out)) return out;
    }
    fail(value, "has the wrong type or is out of range", detail::expected_gguf<T>(), describe(value));
  }

  template <class T>
  std::vector<T> convert_array(const GgufValue& value, std::optional<std::uint64_t> count) const {
    if (!value.is_array) fail(value, "is not an array", "an array", value.type_name());
    if (count && value.count != *count) {
      fail(value, "the array has the wrong length", std::to_string(*count) + " elements", std::to_string(value.count));
    }
    std::vector<T> out;
    out.reserve(value.count);
    const std::byte* p = value.data.data();
    for (std::uint64_t i = 0; i < value.count; ++i) {
      if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
        if (value.type != GgufType::String) fail(value, "has the wrong type", "an array of strings", value.type_name());
        const auto length = detail::load_as<std::uint64_t>(p);
        out.emplace_back(reinterpret_cast<const char*>(p + 8), length);
        p += 8 + length;
      } else {
        T element{};
        if (!detail::convert_gguf<T>(value.type, p, element)) {
          fail(value, "element " + std::to_string(i) + " has the wrong type or is out of range",
               detail::expected_gguf<T>(), value.type_name());
        }
        out.push_back(element);
        p += info(value.type).bytes;
      }
    }
    return out;
  }

  /// For errors: "u32 70000".
  static std::string describe(const GgufValue& value);

  void add_shard(std::shared_ptr<const MappedFile> mapping);

  void take(detail::GgufShard shard, bool first);

  static std::string five_digits(std::size_t n) {
    const std::string digits = std::to_string(n);
    return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
  }

  void open_split(std::size_t part, std::size_t parts);

  /// Checks split.no and split.count of a later file; its other keys are ignored.
  static void check_part(const std::shared_ptr<const MappedFile>& mapping, std::size_t part, std::size_t parts);

  std::string path_;
  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = 32;
  std::vector<std::shared_ptr<const MappedFile>> mappings_;
  std::vector<GgufValue> values_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string_view, std::size_t> value_index_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_;
};

#if VLMT_HAS_BODIES

VLMT_BODY GgufFile GgufFile::open(const std::string& path) {
  GgufFile file;
  file.path_ = path;
  file.add_shard(MappedFile::open(path));
  const auto parts = file.get_or<std::uint16_t>("split.count", 1);
  const auto part = file.get_or<std::uint16_t>("split.no", 0);
  if (parts > 1 || part != 0) file.open_split(part, parts);
  return file;
}

VLMT_BODY GgufFile GgufFile::parse(std::span<const std::byte> bytes, const std::string& name) {
  GgufFile file;
  file.path_ = name;
  file.take(detail::GgufParser(bytes, name, nullptr).parse(), true);
  return file;
}

VLMT_BODY const GgufTensor& GgufFile::require_tensor(std::string_view name) const {
  const GgufTensor* tensor = find_tensor(name);
  if (tensor == nullptr) throw FileError("the tensor is missing", {.file = path_, .field = std::string(name)});
  return *tensor;
}

VLMT_BODY const GgufValue& GgufFile::require_value(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) throw FileError("the key is missing", {.file = path_, .field = std::string(key)});
  return *value;
}

VLMT_BODY void GgufFile::fail(const GgufValue& value, const std::string& message, std::string expected,
                              std::string found) const {
  throw FileError(message, {.file = path_,
                            .offset = value.offset,
                            .field = std::string(value.key),
                            .expected = std::move(expected),
                            .found = std::move(found)});
}

VLMT_BODY std::string GgufFile::describe(const GgufValue& value) {
  std::string text = value.type_name();
  if (value.is_array) return text;
  if (value.type == GgufType::Bool) return text + (value.data[0] == std::byte{0} ? " false" : " true");
  detail::visit_gguf_number(value.type, value.data.data(), [&text](auto number) {
    text += " " + std::to_string(number);
    return true;
  });
  return text;
}

VLMT_BODY void GgufFile::add_shard(std::shared_ptr<const MappedFile> mapping) {
  const bool first = mappings_.empty();
  take(detail::GgufParser(mapping->bytes(), mapping->path(), mapping).parse(), first);
  mappings_.push_back(std::move(mapping));
}

VLMT_BODY void GgufFile::take(detail::GgufShard shard, bool first) {
  if (first) {
    version_ = shard.version;
    alignment_ = shard.alignment;
    values_ = std::move(shard.values);
    for (std::size_t i = 0; i < values_.size(); ++i) value_index_.emplace(values_[i].key, i);
  }
  tensors_.reserve(tensors_.size() + shard.tensors.size());
  for (GgufTensor& tensor : shard.tensors) {
    if (!tensor_index_.emplace(tensor.name, tensors_.size()).second) {
      throw FileError("the tensor occurs in more than one file of the split",
                      {.file = tensor.file, .field = std::string(tensor.name)});
    }
    tensors_.push_back(std::move(tensor));
  }
}

VLMT_BODY void GgufFile::open_split(std::size_t part, std::size_t parts) {
  if (parts == 0 || part >= parts) {
    throw FileError("the split number is out of range", {.file = path_,
                                                         .field = "split.no",
                                                         .expected = "below " + std::to_string(parts),
                                                         .found = std::to_string(part)});
  }
  const auto suffix = [parts](std::size_t i) {
    return "-" + five_digits(i + 1) + "-of-" + five_digits(parts) + ".gguf";
  };
  const std::string own = suffix(part);
  if (!path_.ends_with(own)) {
    throw FileError("a split file must keep its name",
                    {.file = path_, .field = "split.count", .expected = "a name that ends in " + own, .found = {}});
  }
  const std::string prefix = path_.substr(0, path_.size() - own.size());
  if (part != 0) {
    throw FileError("not the first file of a split: open " + prefix + suffix(0),
                    {.file = path_, .field = "split.no", .expected = "0", .found = std::to_string(part)});
  }
  for (std::size_t i = 1; i < parts; ++i) {
    const std::string path = prefix + suffix(i);
    auto mapping = MappedFile::open(path);
    check_part(mapping, i, parts);
    add_shard(std::move(mapping));
  }
  const auto total = require<std::uint64_t>("split.tensors.count");
  if (total != tensors_.size()) {
    throw FileError("the split has the wrong number of tensors", {.file = path_,
                                                                  .field = "split.tensors.count",
                                                                  .expected = std::to_string(total),
                                                                  .found = std::to_string(tensors_.size())});
  }
}

VLMT_BODY void GgufFile::check_part(const std::shared_ptr<const MappedFile>& mapping, std::size_t part,
                                    std::size_t parts) {
  GgufFile file;
  file.path_ = mapping->path();
  file.take(detail::GgufParser(mapping->bytes(), mapping->path(), mapping).parse(), true);
  const auto check = [&file](std::string_view key, std::size_t expected) {
    const auto found = file.require<std::uint16_t>(key);
    if (found != expected) {
      throw FileError("is not the expected file of the split", {.file = file.path_,
                                                                .field = std::string(key),
                                                                .expected = std::to_string(expected),
                                                                .found = std::to_string(found)});
    }
  };
  check("split.no", part);
  check("split.count", parts);
}

#endif

VLMT_END_NAMESPACE
