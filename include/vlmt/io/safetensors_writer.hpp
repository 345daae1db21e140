// Writes safetensors files; the tensor data stays with the caller until write().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/output_file.hpp"
#include "vlmt/numeric/dtype.hpp"

VLMT_BEGIN_NAMESPACE

/// Collects tensors and writes them as one safetensors file. Names and metadata must be UTF-8; this is not checked.
class SafetensorsWriter {
 public:
  /// Adds a tensor, row-major; `data` must stay alive until write(). Throws InputError for an empty, reserved or
  /// duplicate name, and for data that does not match shape and dtype.
  void add(std::string_view name, DType type, std::span<const std::uint64_t> shape, std::span<const std::byte> data) {
    if (name.empty() || name == "__metadata__" || !names_.insert(std::string(name)).second) {
      throw InputError("the tensor name is empty, reserved or duplicate", {.field = std::string(name)});
    }
    std::optional<std::uint64_t> bytes = info(type).bytes;
    for (const std::uint64_t d : shape) bytes = bytes ? checked_mul(*bytes, d) : bytes;
    if (bytes != data.size()) {
      throw InputError("the data does not match shape and dtype",
                       {.field = std::string(name),
                        .expected = bytes ? std::to_string(*bytes) + " bytes" : "a size that fits 64 bits",
                        .found = std::to_string(data.size())});
    }
    entries_.push_back({std::string(name), type, {shape.begin(), shape.end()}, data});
  }

  /// Adds a tensor of T, otherwise as above.
  template <class T>
  void add(std::string_view name, std::span<const std::uint64_t> shape, std::span<const T> values) {
    add(name, dtype_of_v<T>, shape, std::as_bytes(values));
  }

  /// Sets an entry of __metadata__.
  void set_metadata(const std::string& key, const std::string& value) { metadata_[key] = value; }

  /// The serialised header: its length (8 bytes) and the JSON.
  std::string header() const {
    std::string text = "{";
    if (!metadata_.empty()) {
      text += "\"__metadata__\":{";
      for (const auto& [key, value] : metadata_) text += quote(key) + ":" + quote(value) + ",";
      text.back() = '}';
      text += ",";
    }
    std::uint64_t at = 0;
    for (const Entry& entry : entries_) {
      text += quote(entry.name) + ":{\"dtype\":\"" + std::string(info(entry.type).name) + "\",\"shape\":[";
      for (std::size_t i = 0; i < entry.shape.size(); ++i) text += (i ? "," : "") + std::to_string(entry.shape[i]);
      text += "],\"data_offsets\":[" + std::to_string(at) + "," + std::to_string(at + entry.data.size()) + "]},";
      at += entry.data.size();
    }
    if (text.back() == ',') text.pop_back();
    text += "}";
    text.append((8 - text.size() % 8) % 8, ' ');  // the data starts at a multiple of 8
    const auto length = static_cast<std::uint64_t>(text.size());
    std::string out(8, '\0');
    std::memcpy(out.data(), &length, 8);
    return out + text;
  }

  /// Writes the file. Throws FileError; then a file already at `path` is unchanged.
  void write(const std::string& path) const {
    OutputFile file(path);
    const std::string head = header();
    file.put(std::as_bytes(std::span(head.data(), head.size())));
    for (const Entry& entry : entries_) file.put(entry.data);
    file.finish();
  }

 private:
  struct Entry {
    std::string name;
    DType type;
    std::vector<std::uint64_t> shape;
    std::span<const std::byte> data;
  };

  /// A JSON string literal; bytes beyond ASCII are copied unchanged.
  static std::string quote(std::string_view text) {
    constexpr char hex[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        out += "\\u00";
        out += hex[static_cast<unsigned char>(c) >> 4];
        out += hex[static_cast<unsigned char>(c) & 15];
      } else {
        out += c;
      }
    }
    return out + "\"";
  }

  std::map<std::string, std::string> metadata_;
  std::vector<Entry> entries_;
  std::unordered_set<std::string> names_;
};

VLMT_END_NAMESPACE
