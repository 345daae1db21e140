// Reads safetensors files, single or sharded with an index; the whole header is checked before any tensor is exposed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/mapped_file.hpp"
#include "vlmt/numeric/dtype.hpp"

#if VLMT_HAS_BODIES
#include <nlohmann/json.hpp>
#endif

VLMT_BEGIN_NAMESPACE

/// One tensor of a safetensors file, row-major; data is a view into the file and may be unaligned.
struct SafetensorsTensor {
  std::string name;
  std::string dtype;                 ///< as spelled in the file, "BF16"
  std::optional<DType> type;         ///< empty for dtypes without a C++ type in vlmt: F8_*, F6_*, F4, C64
  std::vector<std::uint64_t> shape;  ///< outermost dimension first; empty for a scalar
  std::span<const std::byte> data;
  std::string file;                           ///< path, for errors
  std::uint64_t offset = 0;                   ///< of data, from the start of the file, in bytes
  std::shared_ptr<const MappedFile> mapping;  ///< keeps data alive; null after SafetensorsFile::parse

  std::uint64_t elements() const noexcept {
    std::uint64_t n = 1;
    for (const std::uint64_t d : shape) n *= d;
    return n;
  }
};

#if VLMT_HAS_BODIES

namespace detail {

inline constexpr std::uint64_t safetensors_max_header = 100'000'000;  // bytes; limit of the reference implementation

/// Bits of one element; 0 for an unknown dtype.
constexpr unsigned safetensors_bits(std::string_view dtype) noexcept {
  for (unsigned i = 0; i <= static_cast<unsigned>(DType::Bool); ++i) {
    const DTypeInfo known = info(static_cast<DType>(i));
    if (dtype == known.name) return static_cast<unsigned>(8 * known.bytes);
  }
  constexpr std::pair<std::string_view, unsigned> others[] = {
      {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4}, {"C64", 64}};
  for (const auto& [name, bits] : others) {
    if (dtype == name) return bits;
  }
  return 0;
}

inline std::optional<DType> safetensors_dtype(std::string_view dtype) noexcept {
  for (unsigned i = 0; i <= static_cast<unsigned>(DType::Bool); ++i) {
    if (dtype == info(static_cast<DType>(i)).name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

/// SAX handler for the header's JSON: detects duplicate keys, which a tree would hide, and builds no tree.
class SafetensorsHeaderReader {
 public:
  struct Entry {
    std::string name;
    std::string dtype;
    std::vector<std::uint64_t> shape;
    std::vector<std::uint64_t> offsets;
    bool has_shape = false;
    bool has_offsets = false;
  };

  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::string error;  ///< reason why a handler returned false
  std::string where;  ///< name of the current tensor

  bool null() { return refuse("null"); }
  bool boolean(bool) { return refuse("a boolean"); }
  bool number_integer(std::int64_t) { return refuse("a negative number"); }
  bool number_float(double, const std::string&) { return refuse("a number that is not a 64-bit count"); }
  bool binary(std::vector<std::uint8_t>&) { return refuse("binary data"); }
  bool number_unsigned(std::uint64_t value) {
    if (state_ == State::Shape) {
      entries.back().shape.push_back(value);
    } else if (state_ == State::Offsets) {
      entries.back().offsets.push_back(value);
    } else {
      return refuse("a number");
    }
    return true;
  }
  bool string(std::string& value) {
    if (state_ == State::Metadata) {
      metadata[key_] = value;
    } else if (state_ == State::Entry && key_ == "dtype") {
      entries.back().dtype = value;
    } else {
      return refuse("a string");
    }
    return true;
  }
  bool start_object(std::size_t) {
    if (state_ == State::Start) {
      state_ = State::Root;
    } else if (state_ == State::Root && key_ == "__metadata__") {
      state_ = State::Metadata;
      inner_keys_.clear();
    } else if (state_ == State::Root) {
      state_ = State::Entry;
      inner_keys_.clear();
      entries.emplace_back().name = key_;
    } else {
      return refuse("an object");
    }
    return true;
  }
  bool end_object() {
    state_ = state_ == State::Root ? State::End : State::Root;
    where.clear();
    return true;
  }
  bool key(std::string& name) {
    if (state_ == State::Root) where = name;
    if (!(state_ == State::Root ? keys_ : inner_keys_).insert(name).second) return fail("duplicate key `" + name + "`");
    if (state_ == State::Entry && name != "dtype" && name != "shape" && name != "data_offsets") {
      return fail("unknown key `" + name + "`");
    }
    key_ = name;
    return true;
  }
  bool start_array(std::size_t) {
    if (state_ == State::Entry && key_ == "shape") {
      state_ = State::Shape;
      entries.back().has_shape = true;
    } else if (state_ == State::Entry && key_ == "data_offsets") {
      state_ = State::Offsets;
      entries.back().has_offsets = true;
    } else {
      return refuse("an array");
    }
    return true;
  }
  bool end_array() {
    state_ = State::Entry;
    return true;
  }
  template <class Exception>
  bool parse_error(std::size_t position, const std::string&, const Exception&) {
    return fail("the header is not valid JSON at its byte " + std::to_string(position));
  }

 private:
  enum class State { Start, Root, Metadata, Entry, Shape, Offsets, End };

  bool fail(std::string why) {
    error = std::move(why);
    return false;
  }
  bool refuse(const std::string& found) {
    return fail(state_ == State::Start ? "the header is not an object" : "unexpected value: " + found);
  }

  State state_ = State::Start;
  std::string key_;
  std::unordered_set<std::string> keys_;
  std::unordered_set<std::string> inner_keys_;
};

class SafetensorsParser {
 public:
  SafetensorsParser(std::span<const std::byte> bytes, const std::string& file,
                    std::shared_ptr<const MappedFile> mapping)
      : bytes_(bytes), file_(file), mapping_(std::move(mapping)) {}

  std::vector<SafetensorsTensor> parse(std::map<std::string, std::string>& metadata) {
    if (bytes_.size() < 8) fail(0, "header length", "the file ends early", "8 bytes", std::to_string(bytes_.size()));
    std::uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), 8);
    const std::uint64_t room = std::min<std::uint64_t>(bytes_.size() - 8, safetensors_max_header);
    if (length < 2 || length > room) {
      fail(0, "header length", "does not fit the file", "2 to " + std::to_string(room), std::to_string(length));
    }
    data_ = bytes_.subspan(8 + length);
    const auto* text = reinterpret_cast<const char*>(bytes_.data() + 8);
    if (*text != '{') fail(8, "header", "does not start with {");
    SafetensorsHeaderReader reader;
    if (!nlohmann::json::sax_parse(text, text + length, &reader)) fail(8, reader.where, reader.error);
    metadata = std::move(reader.metadata);
    std::vector<SafetensorsTensor> tensors;
    tensors.reserve(reader.entries.size());
    for (auto& entry : reader.entries) tensors.push_back(check(entry));
    check_tiling(tensors);
    return tensors;
  }

 private:
  [[noreturn]] void fail(std::uint64_t offset, const std::string& field, const std::string& message,
                         std::string expected = {}, std::string found = {}) const {
    throw FileError(
        message,
        {.file = file_, .offset = offset, .field = field, .expected = std::move(expected), .found = std::move(found)});
  }

  SafetensorsTensor check(SafetensorsHeaderReader::Entry& entry) const {
    if (entry.dtype.empty()) fail(8, entry.name, "has no dtype");
    if (!entry.has_shape) fail(8, entry.name, "has no shape");
    if (!entry.has_offsets || entry.offsets.size() != 2) fail(8, entry.name, "needs two data_offsets");
    const unsigned bits = safetensors_bits(entry.dtype);
    if (bits == 0) fail(8, entry.name, "unknown dtype", {}, entry.dtype);
    std::uint64_t n = 1;
    for (const std::uint64_t d : entry.shape) {
      const auto product = checked_mul(n, d);
      if (!product) fail(8, entry.name, "the element count overflows 64 bits");
      n = *product;
    }
    const auto n_bits = checked_mul(n, std::uint64_t{bits});
    if (!n_bits || *n_bits % 8 != 0) fail(8, entry.name, "is not a whole number of bytes");
    const std::uint64_t begin = entry.offsets[0];
    const std::uint64_t end = entry.offsets[1];
    if (begin > end || end > data_.size()) {
      fail(8, entry.name, "data_offsets lie outside the file", "0 <= begin <= end <= " + std::to_string(data_.size()),
           std::to_string(begin) + ", " + std::to_string(end));
    }
    if (end - begin != *n_bits / 8) {
      fail(8, entry.name, "data_offsets do not match shape and dtype", std::to_string(*n_bits / 8) + " bytes",
           std::to_string(end - begin));
    }
    SafetensorsTensor tensor;
    tensor.name = std::move(entry.name);
    tensor.type = safetensors_dtype(entry.dtype);
    tensor.dtype = std::move(entry.dtype);
    tensor.shape = std::move(entry.shape);
    tensor.data = data_.subspan(begin, end - begin);
    tensor.file = file_;
    tensor.offset = bytes_.size() - data_.size() + begin;
    tensor.mapping = mapping_;
    return tensor;
  }

  /// Sorted by offset, the tensors must cover the data section without gap, overlap or trailing bytes.
  void check_tiling(const std::vector<SafetensorsTensor>& tensors) const {
    std::vector<const SafetensorsTensor*> order;
    order.reserve(tensors.size());
    for (const SafetensorsTensor& tensor : tensors) order.push_back(&tensor);
    std::sort(order.begin(), order.end(), [](const SafetensorsTensor* a, const SafetensorsTensor* b) {
      return std::pair(a->offset, a->data.size()) < std::pair(b->offset, b->data.size());
    });
    std::uint64_t next = bytes_.size() - data_.size();
    for (const SafetensorsTensor* tensor : order) {
      if (tensor->offset != next) {
        fail(tensor->offset, tensor->name, tensor->offset < next ? "overlaps another tensor" : "leaves a gap before it",
             "data at " + std::to_string(next), std::to_string(tensor->offset));
      }
      next += tensor->data.size();
    }
    if (next != bytes_.size()) {
      fail(next, "data", "bytes that belong to no tensor", "the file to end here",
           std::to_string(bytes_.size() - next) + " more bytes");
    }
  }

  std::span<const std::byte> bytes_;
  std::span<const std::byte> data_;
  std::string file_;
  std::shared_ptr<const MappedFile> mapping_;
};

}  // namespace detail

#endif

/// A safetensors file, or all shards of a "*.safetensors.index.json", mapped and fully checked.
class SafetensorsFile {
 public:
  /// Opens a .safetensors file, or all shards of an index (`path` ends in ".json"). Throws FileError.
  static SafetensorsFile open(const std::string& path);

  /// Parses a safetensors image in memory; `bytes` must outlive the result. `name` appears in errors. Throws FileError.
  static SafetensorsFile parse(std::span<const std::byte> bytes, const std::string& name);

  const std::string& path() const noexcept { return path_; }
  /// The strings of __metadata__; empty for an index.
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  /// All tensors in header order, shard after shard in the order of their names.
  std::span<const SafetensorsTensor> tensors() const& noexcept { return tensors_; }
  std::span<const SafetensorsTensor> tensors() const&& = delete;  // would dangle

  /// The tensor `name`, or null.
  const SafetensorsTensor* find_tensor(std::string_view name) const {
    const auto it = index_.find(std::string(name));
    return it == index_.end() ? nullptr : &tensors_[it->second];
  }

  /// The tensor `name`. Throws FileError if it is missing.
  const SafetensorsTensor& require_tensor(std::string_view name) const;

  /// A copy of the tensor `name` as T. Throws FileError if it is missing or has another dtype.
  template <class T>
  std::vector<T> read(std::string_view name) const {
    const SafetensorsTensor& tensor = require_tensor(name);
    if (tensor.type != dtype_of_v<T>) {
      throw FileError("has a different dtype", {.file = tensor.file,
                                                .field = tensor.name,
                                                .expected = std::string(info(dtype_of_v<T>).name),
                                                .found = tensor.dtype});
    }
    std::vector<T> values(tensor.data.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    return values;
  }

 private:
  SafetensorsFile() = default;

  void add(std::vector<SafetensorsTensor> tensors);

  void open_index();

  std::string path_;
  std::map<std::string, std::string> metadata_;
  std::vector<SafetensorsTensor> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
};

#if VLMT_HAS_BODIES

VLMT_BODY SafetensorsFile SafetensorsFile::open(const std::string& path) {
  SafetensorsFile file;
  file.path_ = path;
  if (path.ends_with(".json")) {
    file.open_index();
  } else {
    auto mapping = MappedFile::open(path);
    file.add(detail::SafetensorsParser(mapping->bytes(), path, mapping).parse(file.metadata_));
  }
  return file;
}

VLMT_BODY SafetensorsFile SafetensorsFile::parse(std::span<const std::byte> bytes, const std::string& name) {
  SafetensorsFile file;
  file.path_ = name;
  file.add(detail::SafetensorsParser(bytes, name, nullptr).parse(file.metadata_));
  return file;
}

VLMT_BODY const SafetensorsTensor& SafetensorsFile::require_tensor(std::string_view name) const {
  const SafetensorsTensor* tensor = find_tensor(name);
  if (tensor == nullptr) throw FileError("the tensor is missing", {.file = path_, .field = std::string(name)});
  return *tensor;
}

VLMT_BODY void SafetensorsFile::add(std::vector<SafetensorsTensor> tensors) {
  for (SafetensorsTensor& tensor : tensors) {
    if (!index_.emplace(tensor.name, tensors_.size()).second) {
      throw FileError("the tensor occurs in more than one file", {.file = tensor.file, .field = tensor.name});
    }
    tensors_.push_back(std::move(tensor));
  }
}

VLMT_BODY void SafetensorsFile::open_index() {
  const auto mapping = MappedFile::open(path_);
  if (mapping->size() > detail::safetensors_max_header) {
    throw FileError("the index is too large",
                    {.file = path_, .expected = "at most 100000000 bytes", .found = std::to_string(mapping->size())});
  }
  const auto* text = reinterpret_cast<const char*>(mapping->bytes().data());
  // An index has two levels. A deep tree could overflow the stack in the recursive destructor of the JSON value.
  bool too_deep = false;
  const auto root = nlohmann::json::parse(
      text, text + mapping->size(),
      [&too_deep](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
        too_deep = too_deep || depth > 8;
        return !too_deep;
      },
      false);
  if (too_deep || root.is_discarded() || !root.is_object() || !root.contains("weight_map") ||
      !root["weight_map"].is_object()) {
    throw FileError("is not an index of safetensors files", {.file = path_, .expected = "an object with weight_map"});
  }
  const std::size_t slash = path_.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path_.substr(0, slash + 1);
  std::map<std::string, std::vector<std::string>> names_of;  // shard -> tensors that the index places in it
  for (const auto& [name, shard] : root["weight_map"].items()) {
    if (!shard.is_string()) throw FileError("is not the name of a file", {.file = path_, .field = name});
    auto shard_name = shard.get<std::string>();
    if (shard_name.find_first_of(std::string("/\\\0", 3)) != std::string::npos || shard_name == ".." ||
        !shard_name.ends_with(".safetensors")) {
      throw FileError("is not the name of a safetensors file in the index's own folder",
                      {.file = path_, .field = name, .expected = {}, .found = shard_name});
    }
    names_of[shard_name].push_back(name);
  }
  for (const auto& [shard, names] : names_of) {
    const std::string shard_path = folder + shard;
    const auto shard_mapping = MappedFile::open(shard_path);
    std::map<std::string, std::string> ignored;
    add(detail::SafetensorsParser(shard_mapping->bytes(), shard_path, shard_mapping).parse(ignored));
    for (const std::string& name : names) {
      const SafetensorsTensor* tensor = find_tensor(name);
      if (tensor == nullptr || tensor->file != shard_path) {
        throw FileError("the tensor is missing, but the index places it here", {.file = shard_path, .field = name});
      }
    }
  }
}

#endif

VLMT_END_NAMESPACE
