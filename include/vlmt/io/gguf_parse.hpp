// Parses the header of one GGUF file and checks every count, length, type and offset before use.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf_value.hpp"
#include "vlmt/io/mapped_file.hpp"
#include "vlmt/quant/ggml_type.hpp"

VLMT_BEGIN_NAMESPACE

/// One tensor of a GGUF file; name and data are views into the file.
struct GgufTensor {
  std::string_view name;
  std::uint32_t n_dims = 0;
  std::array<std::uint64_t, 4> ne = {1, 1, 1, 1};  ///< ggml order: ne[0] varies fastest; unused dimensions are 1
  std::uint32_t type = 0;                     ///< ggml type number, known to ggml_type_info; vlmt may not support it
  std::span<const std::byte> data;            ///< starts at the file's alignment; single blocks may be unaligned
  std::string file;                           ///< path, for errors
  std::uint64_t offset = 0;                   ///< of data, from the start of the file, in bytes
  std::shared_ptr<const MappedFile> mapping;  ///< keeps name and data alive; null after GgufFile::parse

  std::uint64_t elements() const noexcept { return ne[0] * ne[1] * ne[2] * ne[3]; }
  /// "{256, 768}"
  std::string shape() const {
    std::string text = "{";
    for (std::uint32_t i = 0; i < n_dims; ++i) text += (i ? ", " : "") + std::to_string(ne[i]);
    return text + "}";
  }
};

namespace detail {

static_assert(std::endian::native == std::endian::little, "vlmt: GGUF is read on little-endian machines only");

// Maximum bytes of a string and elements of an array, as in ggml.
inline constexpr std::uint64_t gguf_max_length = std::uint64_t{1} << 30;
inline constexpr std::uint64_t gguf_max_alignment = 1 << 16;
inline constexpr std::size_t gguf_max_tensor_name = 63;

/// The parsed header of one GGUF file.
struct GgufShard {
  std::uint32_t version = 0;
  std::uint64_t alignment = 32;
  std::vector<GgufValue> values;
  std::vector<GgufTensor> tensors;
};

class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, std::string_view file, std::shared_ptr<const MappedFile> mapping)
      : bytes_(bytes), file_(file), mapping_(std::move(mapping)) {}

  GgufShard parse() {
    if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0) {
      fail(0, "magic", "is not a GGUF file", "GGUF", found_magic());
    }
    at_ = 4;
    GgufShard shard;
    shard.version = read<std::uint32_t>("version");
    if ((shard.version & 0xffffu) == 0) fail(4, "version", "is a big-endian file", "little-endian", "big-endian");
    if (shard.version != 2 && shard.version != 3) {
      fail(4, "version", "unknown version", "2 or 3", std::to_string(shard.version));
    }
    // The smallest record bounds each count by the bytes left, so a bad count cannot reserve memory. A tensor: name
    // length (8), one character, dimension count (4), type (4), offset (8). A key: length (8), one character, type (4),
    // one byte of value.
    const std::uint64_t n_tensors = read_count("tensor count", 8 + 1 + 4 + 4 + 8);
    const std::uint64_t n_values = read_count("key count", 8 + 1 + 4 + 1);
    read_values(n_values, shard);
    read_tensors(n_tensors, shard);
    return shard;
  }

 private:
  [[noreturn]] void fail(std::uint64_t offset, std::string_view field, const std::string& message,
                         std::string expected = {}, std::string found = {}) const {
    throw FileError(message, {.file = std::string(file_),
                              .offset = offset,
                              .field = std::string(field),
                              .expected = std::move(expected),
                              .found = std::move(found)});
  }

  std::string found_magic() const {
    std::string text;
    for (std::size_t i = 0; i < 4 && i < bytes_.size(); ++i) {
      constexpr char hex[] = "0123456789abcdef";
      const auto b = std::to_integer<unsigned>(bytes_[i]);
      text += hex[b >> 4];
      text += hex[b & 15];
    }
    return text.empty() ? "nothing" : "bytes " + text;
  }

  std::uint64_t left() const noexcept { return bytes_.size() - at_; }

  void need(std::uint64_t n, std::string_view field) const {
    if (n > left()) {
      fail(at_, field, "the file ends early", std::to_string(n) + " more bytes", std::to_string(left()));
    }
  }

  template <class T>
  T read(std::string_view field) {
    need(sizeof(T), field);
    const T value = load_as<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return value;
  }

  std::uint64_t read_count(std::string_view field, std::uint64_t smallest_record) {
    const std::uint64_t offset = at_;
    const auto n = read<std::int64_t>(field);
    if (n < 0 || static_cast<std::uint64_t>(n) > left() / smallest_record) {
      fail(offset, field, "more than the file can hold", "0 to " + std::to_string(left() / smallest_record),
           std::to_string(n));
    }
    return static_cast<std::uint64_t>(n);
  }

  std::string_view read_string(std::string_view field) {
    const std::uint64_t offset = at_;
    const auto n = read<std::uint64_t>(field);
    if (n > gguf_max_length || n > left()) {
      fail(offset, field, "a string longer than the file can hold",
           "at most " + std::to_string(left() < gguf_max_length ? left() : gguf_max_length) + " bytes",
           std::to_string(n));
    }
    const auto* text = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += n;
    return {text, static_cast<std::size_t>(n)};
  }

  GgufType read_type(std::string_view field) {
    const std::uint64_t offset = at_;
    const auto type = read<std::uint32_t>(field);
    if (type >= gguf_type_count) fail(offset, field, "unknown value type", "0 to 12", std::to_string(type));
    return static_cast<GgufType>(type);
  }

  void skip_bools(std::uint64_t n, std::string_view key) {
    need(n, key);
    for (std::uint64_t i = 0; i < n; ++i, ++at_) {
      const auto b = std::to_integer<unsigned>(bytes_[at_]);
      if (b > 1) fail(at_, key, "a bool is one byte, 0 or 1", "0 or 1", std::to_string(b));
    }
  }

  void read_array(GgufValue& value) {
    value.is_array = true;
    const std::uint64_t type_at = at_;
    value.type = read_type(value.key);
    if (value.type == GgufType::Array) fail(type_at, value.key, "an array of arrays is not supported");
    const std::uint64_t count_at = at_;
    value.count = read<std::uint64_t>(value.key);
    // The smallest string is its 8-byte length.
    const std::uint64_t least = value.type == GgufType::String ? 8 : info(value.type).bytes;
    if (value.count > gguf_max_length || value.count > left() / least) {
      fail(count_at, value.key, "an array longer than the file can hold",
           "at most " + std::to_string(left() / least) + " elements", std::to_string(value.count));
    }
    value.offset = at_;
    if (value.type == GgufType::String) {
      for (std::uint64_t i = 0; i < value.count; ++i) read_string(value.key);
    } else if (value.type == GgufType::Bool) {
      skip_bools(value.count, value.key);
    } else {
      at_ += value.count * least;
    }
    value.data = bytes_.subspan(value.offset, at_ - value.offset);
  }

  GgufValue read_value(std::uint64_t index) {
    GgufValue value;
    const std::uint64_t key_at = at_;
    value.key = read_string("key " + std::to_string(index));
    if (value.key.empty()) fail(key_at, "key " + std::to_string(index), "an empty key");
    value.type = read_type(value.key);
    if (value.type == GgufType::Array) {
      read_array(value);
      return value;
    }
    value.offset = at_;
    if (value.type == GgufType::String) {
      const std::string_view text = read_string(value.key);
      value.data = std::as_bytes(std::span(text.data(), text.size()));
      value.offset = at_ - text.size();
      return value;
    }
    if (value.type == GgufType::Bool) {
      skip_bools(1, value.key);
    } else {
      need(info(value.type).bytes, value.key);
      at_ += info(value.type).bytes;
    }
    value.data = bytes_.subspan(value.offset, at_ - value.offset);
    return value;
  }

  void read_values(std::uint64_t n, GgufShard& shard) {
    shard.values.reserve(n);
    std::unordered_set<std::string_view> seen;
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t key_at = at_;
      GgufValue value = read_value(i);
      if (!seen.insert(value.key).second) fail(key_at, value.key, "duplicate key");
      if (value.key == "general.alignment") {
        if (value.is_array || value.type != GgufType::U32) {
          fail(value.offset, value.key, "has the wrong type", "u32", value.type_name());
        }
        shard.alignment = load_as<std::uint32_t>(value.data.data());
        if (!std::has_single_bit(shard.alignment) || shard.alignment > gguf_max_alignment) {
          fail(value.offset, value.key, "invalid alignment", "a power of two up to 65536",
               std::to_string(shard.alignment));
        }
      }
      shard.values.push_back(value);
    }
  }

  GgufTensor read_tensor_info(std::uint64_t index) {
    GgufTensor tensor;
    const std::uint64_t name_at = at_;
    tensor.name = read_string("tensor " + std::to_string(index));
    if (tensor.name.empty() || tensor.name.size() > gguf_max_tensor_name) {
      fail(name_at, "tensor " + std::to_string(index), "the tensor name has the wrong length", "1 to 63 bytes",
           std::to_string(tensor.name.size()));
    }
    const std::uint64_t dims_at = at_;
    tensor.n_dims = read<std::uint32_t>(tensor.name);
    if (tensor.n_dims > 4) {
      fail(dims_at, tensor.name, "too many dimensions", "at most 4", std::to_string(tensor.n_dims));
    }
    std::int64_t elements = 1;
    for (std::uint32_t i = 0; i < tensor.n_dims; ++i) {
      const std::uint64_t ne_at = at_;
      const auto ne = read<std::int64_t>(tensor.name);
      if (ne < 1) fail(ne_at, tensor.name, "a dimension below 1", "at least 1", std::to_string(ne));
      const auto product = checked_mul(elements, ne);
      if (!product) fail(ne_at, tensor.name, "the element count overflows 64 bits");
      elements = *product;
      tensor.ne[i] = static_cast<std::uint64_t>(ne);
    }
    const std::uint64_t type_at = at_;
    tensor.type = read<std::uint32_t>(tensor.name);
    const GgmlTypeInfo type = ggml_type_info(tensor.type);
    if (type.values == 0) fail(type_at, tensor.name, "unknown tensor type", {}, std::to_string(tensor.type));
    if (tensor.ne[0] % type.values != 0) {
      fail(dims_at, tensor.name, "a row is not a whole number of " + std::string(type.name) + " blocks",
           "a multiple of " + std::to_string(type.values), std::to_string(tensor.ne[0]));
    }
    return tensor;
  }

  void read_tensors(std::uint64_t n, GgufShard& shard) {
    shard.tensors.reserve(n);
    std::unordered_set<std::string_view> seen;
    std::uint64_t next = 0;  // required offset of the next tensor, relative to data_start
    std::vector<std::uint64_t> sizes;
    sizes.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t info_at = at_;
      GgufTensor tensor = read_tensor_info(i);
      if (!seen.insert(tensor.name).second) fail(info_at, tensor.name, "duplicate tensor name");
      const std::uint64_t offset_at = at_;
      tensor.offset = read<std::uint64_t>(tensor.name);
      if (tensor.offset != next) {
        fail(offset_at, tensor.name, "the data does not start where the previous tensor ends", std::to_string(next),
             std::to_string(tensor.offset));
      }
      const GgmlTypeInfo type = ggml_type_info(tensor.type);
      const auto size = checked_mul(tensor.elements() / type.values, std::uint64_t{type.bytes});
      if (!size || *size > std::numeric_limits<std::uint64_t>::max() - shard.alignment) {
        fail(info_at, tensor.name, "the byte count overflows 64 bits");
      }
      const auto sum = checked_add(next, round_up(*size, shard.alignment));
      if (!sum) fail(info_at, tensor.name, "the total size of the tensors overflows 64 bits");
      next = *sum;
      sizes.push_back(*size);
      shard.tensors.push_back(std::move(tensor));
    }
    if (n == 0) return;
    const std::uint64_t data_start = round_up(at_, shard.alignment);
    for (std::uint64_t i = 0; i < n; ++i) {
      GgufTensor& tensor = shard.tensors[i];
      const auto begin = checked_add(data_start, tensor.offset);
      if (!begin || *begin > bytes_.size() || sizes[i] > bytes_.size() - *begin) {
        const std::uint64_t there = begin && *begin < bytes_.size() ? bytes_.size() - *begin : 0;
        fail(begin.value_or(bytes_.size()), tensor.name, "the file ends inside or before the tensor's data",
             std::to_string(sizes[i]) + " bytes", std::to_string(there));
      }
      tensor.data = bytes_.subspan(*begin, sizes[i]);
      tensor.offset = *begin;
      tensor.file = std::string(file_);
      tensor.mapping = mapping_;
    }
  }

  std::span<const std::byte> bytes_;
  std::string_view file_;
  std::shared_ptr<const MappedFile> mapping_;
  std::uint64_t at_ = 0;
};

}  // namespace detail

VLMT_END_NAMESPACE
