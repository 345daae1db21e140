// Writes GGUF files: the header first, then tensor data of any type, streamed in declaration order.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf_parse.hpp"
#include "vlmt/io/gguf_value.hpp"
#include "vlmt/io/output_file.hpp"
#include "vlmt/quant/ggml_type.hpp"

VLMT_BEGIN_NAMESPACE

/// The header of a GGUF file to write: keys and tensor declarations.
class GgufHeader {
 public:
  /// `alignment` in bytes, a power of two up to 65536; stored as general.alignment unless 32. `version` 2 or 3. Throws
  /// InputError for other values.
  explicit GgufHeader(std::uint64_t alignment = 32, std::uint32_t version = 3)
      : alignment_(alignment), version_(version) {
    if (!std::has_single_bit(alignment) || alignment > detail::gguf_max_alignment) {
      throw InputError(
          "invalid alignment",
          {.field = "alignment", .expected = "a power of two up to 65536", .found = std::to_string(alignment)});
    }
    if (version != 2 && version != 3) {
      throw InputError("unknown version", {.field = "version", .expected = "2 or 3", .found = std::to_string(version)});
    }
    if (alignment == 32) return;
    keys_.insert(alignment_key);
    put_string(values_, alignment_key);
    put_number(values_, static_cast<std::uint32_t>(GgufType::U32));
    put_number(values_, static_cast<std::uint32_t>(alignment));
  }

  std::uint64_t alignment() const noexcept { return alignment_; }

  /// Adds a single value; T decides its GGUF type: `set("general.file_type", std::uint32_t{1})`. Throws InputError for
  /// an empty or duplicate key, and for general.alignment, which the constructor writes.
  template <class T>
  void set(std::string_view key, const T& value) {
    put_key(key, gguf_type_of_v<T>);
    put_value(value);
  }

  /// Adds an array of numbers, bools (any range of bool) or strings. Throws as above.
  template <class Values>
  void set_array(std::string_view key, const Values& values) {
    using T = typename Values::value_type;
    put_key(key, GgufType::Array);
    put_value(static_cast<std::uint32_t>(gguf_type_of_v<T>));
    put_value(static_cast<std::uint64_t>(values.size()));
    for (const T& value : values) put_value(value);
  }

  /// Copies a key-value pair of another file unchanged. Throws as above.
  void set(const GgufValue& value) {
    put_key(value.key, value.is_array ? GgufType::Array : value.type);
    if (value.is_array) {
      put_value(static_cast<std::uint32_t>(value.type));
      put_value(value.count);
    } else if (value.type == GgufType::String) {
      put_value(static_cast<std::uint64_t>(value.data.size()));
    }
    put_bytes(values_, value.data);
  }

  /// Declares the next tensor: 1 to 4 dimensions in ggml order (ne[0] varies fastest), `type` a ggml type number.
  /// Throws InputError for a name, type or shape that GGUF does not allow.
  void add_tensor(std::string_view name, std::uint32_t type, std::span<const std::uint64_t> ne) {
    const auto fail = [name](const std::string& message, std::string found) {
      throw InputError(message, {.field = std::string(name), .expected = {}, .found = std::move(found)});
    };
    if (name.empty() || name.size() > detail::gguf_max_tensor_name) {
      fail("a tensor name has 1 to 63 bytes", std::to_string(name.size()));
    }
    if (ne.empty() || ne.size() > 4) fail("a tensor has 1 to 4 dimensions", std::to_string(ne.size()));
    const GgmlTypeInfo info = ggml_type_info(type);
    if (info.values == 0) fail("unknown tensor type", std::to_string(type));
    if (!names_.insert(std::string(name)).second) fail("duplicate tensor", {});
    std::uint64_t elements = 1;
    for (const std::uint64_t n : ne) {
      const auto product = checked_mul(elements, n);
      if (n == 0 || !product || *product > std::numeric_limits<std::int64_t>::max() / std::uint64_t{info.bytes}) {
        fail("the shape is empty or too large", std::to_string(n));
      }
      elements = *product;
    }
    if (ne[0] % info.values != 0) {
      fail("a row is not a whole number of " + std::string(info.name) + " blocks", std::to_string(ne[0]));
    }
    put_string(infos_, name);
    put_number(infos_, static_cast<std::uint32_t>(ne.size()));
    for (const std::uint64_t n : ne) put_number(infos_, n);
    put_number(infos_, type);
    put_number(infos_, data_bytes_);
    sizes_.push_back(elements / info.values * info.bytes);
    data_bytes_ += round_up(sizes_.back(), alignment_);
  }
  void add_tensor(std::string_view name, std::uint32_t type, std::initializer_list<std::uint64_t> ne) {
    add_tensor(name, type, std::span(ne.begin(), ne.size()));
  }

  /// Bytes of each declared tensor without padding.
  std::span<const std::uint64_t> tensor_bytes() const noexcept { return sizes_; }

  /// The serialised header, including the padding before the first tensor.
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> out;
    put_bytes(out, std::as_bytes(std::span("GGUF", 4)));
    put_number(out, version_);
    put_number(out, static_cast<std::uint64_t>(sizes_.size()));
    put_number(out, static_cast<std::uint64_t>(keys_.size()));
    put_bytes(out, values_);
    put_bytes(out, infos_);
    if (!sizes_.empty()) out.resize(round_up(out.size(), static_cast<std::size_t>(alignment_)));
    return out;
  }

 private:
  static void put_bytes(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
  }
  template <class T>
  static void put_number(std::vector<std::byte>& to, T value) {
    put_bytes(to, std::as_bytes(std::span(&value, 1)));
  }
  static void put_string(std::vector<std::byte>& to, std::string_view text) {
    put_number(to, static_cast<std::uint64_t>(text.size()));
    put_bytes(to, std::as_bytes(std::span(text.data(), text.size())));
  }

  void put_key(std::string_view key, GgufType type) {
    if (key.empty()) throw InputError("an empty key");
    if (key == alignment_key) {
      throw InputError("the alignment is an argument of the header", {.field = std::string(key)});
    }
    if (!keys_.insert(std::string(key)).second) throw InputError("duplicate key", {.field = std::string(key)});
    put_string(values_, key);
    put_number(values_, static_cast<std::uint32_t>(type));
  }

  template <class T>
  void put_value(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      put_number(values_, static_cast<std::uint8_t>(value));
    } else if constexpr (std::is_arithmetic_v<T>) {
      put_number(values_, value);
    } else {
      put_string(values_, value);
    }
  }

  static constexpr const char* alignment_key = "general.alignment";

  std::uint64_t alignment_;
  std::uint32_t version_;
  std::vector<std::byte> values_;
  std::vector<std::byte> infos_;
  std::unordered_set<std::string> keys_;
  std::unordered_set<std::string> names_;
  std::vector<std::uint64_t> sizes_;
  std::uint64_t data_bytes_ = 0;
};

/// Streams a GGUF file to disk: the header at once, then the tensor data in declaration order. The file gets its name
/// in finish(); until then it is `path`.part, which the destructor removes if finish() was not called.
class GgufWriter {
 public:
  /// Creates the file and writes the header. Throws FileError.
  GgufWriter(std::string path, const GgufHeader& header)
      : path_(std::move(path)),
        alignment_(header.alignment()),
        sizes_(header.tensor_bytes().begin(), header.tensor_bytes().end()),
        file_(path_) {
    file_.put(header.bytes());
  }

  /// Appends bytes of the current tensor, whole or in parts, and pads it once it is complete. One call must not span
  /// two tensors: more bytes than the tensor has left throw InputError. Throws FileError if writing fails.
  void write(std::span<const std::byte> bytes) {
    if (tensor_ >= sizes_.size() || bytes.size() > sizes_[tensor_] - written_) {
      throw InputError("more bytes than the tensor was declared with", {.file = path_,
                                                                        .field = "tensor " + std::to_string(tensor_),
                                                                        .expected = {},
                                                                        .found = std::to_string(bytes.size())});
    }
    file_.put(bytes);
    written_ += bytes.size();
    if (written_ == sizes_[tensor_]) end_tensor();
  }

  /// Syncs the file and renames it to `path`. Throws InputError if tensors are incomplete, FileError if writing fails.
  void finish() {
    if (tensor_ != sizes_.size()) {
      throw InputError("tensor data is incomplete", {.file = path_,
                                                     .field = "tensor " + std::to_string(tensor_),
                                                     .expected = std::to_string(sizes_[tensor_]) + " bytes",
                                                     .found = std::to_string(written_)});
    }
    file_.finish();
  }

 private:
  /// Pads the complete tensor to the alignment and moves on to the next.
  void end_tensor() {
    constexpr std::array<std::byte, 64> zeros{};
    std::uint64_t padding = round_up(written_, alignment_) - written_;
    while (padding > 0) {
      const std::size_t n = padding < zeros.size() ? padding : zeros.size();
      file_.put(std::span(zeros).first(n));
      padding -= n;
    }
    ++tensor_;
    written_ = 0;
  }

  std::string path_;
  std::uint64_t alignment_;
  std::vector<std::uint64_t> sizes_;
  OutputFile file_;
  std::size_t tensor_ = 0;     // index of the current tensor
  std::uint64_t written_ = 0;  // bytes of it written so far
};

VLMT_END_NAMESPACE
