// Rewrites a GGUF file with some keys and tensors changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "vlmt/io/gguf.hpp"
#include "vlmt/io/gguf_writer.hpp"
#include "vlmt/quant/f32.hpp"

class EditedGguf {
 public:
  explicit EditedGguf(const std::string& path) : file_(vlmt::GgufFile::open(path)) {}

  const vlmt::GgufFile& file() const { return file_; }

  /// Replaces or adds a key.
  template <class T>
  EditedGguf& set(const std::string& key, const T& value) {
    keys_[key] = [key, value](vlmt::GgufHeader& h) { h.set(key, value); };
    return *this;
  }
  /// Takes a value of another file, which must outlive this object.
  EditedGguf& set(const vlmt::GgufValue& value) {
    keys_[std::string(value.key)] = [&value](vlmt::GgufHeader& h) { h.set(value); };
    return *this;
  }
  EditedGguf& erase(const std::string& key) {
    keys_[key] = [](vlmt::GgufHeader&) {};
    return *this;
  }
  EditedGguf& set_tensor(const std::string& name, std::vector<std::uint64_t> ne, const std::vector<float>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    tensors_[name] = {std::move(ne), {bytes.begin(), bytes.end()}};
    return *this;
  }

  /// Writes to `path` and returns it.
  std::string write(const std::string& path) const {
    vlmt::GgufHeader header(file_.alignment());
    for (const vlmt::GgufValue& value : file_.values()) {
      const std::string key(value.key);
      if (!keys_.contains(key) && key != "general.alignment") header.set(value);
    }
    for (const auto& [key, set] : keys_) set(header);
    std::vector<std::span<const std::byte>> data;
    for (const vlmt::GgufTensor& t : file_.tensors()) {
      if (tensors_.contains(std::string(t.name))) continue;
      header.add_tensor(t.name, t.type, std::span(t.ne).first(t.n_dims));
      data.push_back(t.data);
    }
    for (const auto& [name, t] : tensors_) {
      header.add_tensor(name, vlmt::F32::type_id, t.ne);
      data.emplace_back(t.bytes);
    }
    vlmt::GgufWriter writer(path, header);
    for (const auto& bytes : data) writer.write(bytes);
    writer.finish();
    return path;
  }

 private:
  struct Floats {
    std::vector<std::uint64_t> ne;
    std::vector<std::byte> bytes;
  };
  vlmt::GgufFile file_;
  std::map<std::string, std::function<void(vlmt::GgufHeader&)>> keys_;
  std::map<std::string, Floats> tensors_;
};
