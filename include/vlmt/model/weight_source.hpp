// Tensors by name with checked shapes: what models read their weights from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/tensor/any_tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// A tensor in a mapped file.
struct SourceTensor {
  AnyTensor tensor;
  std::string file;
  std::uint64_t offset = 0;                   ///< of the data in the file
  std::shared_ptr<const MappedFile> mapping;  ///< null if the bytes stand in other memory

  /// Rows [first, first + count) of a matrix, as a tensor of its own.
  SourceTensor rows(std::size_t first, std::size_t count) const {
    SourceTensor part = *this;
    const std::size_t row_bytes = tensor.rows() == 0 ? 0 : tensor.bytes.size() / tensor.rows();
    part.tensor.rank = 2;
    part.tensor.shape = {count, tensor.columns(), 1, 1};
    part.tensor.bytes = tensor.bytes.subspan(first * row_bytes, count * row_bytes);
    part.offset = offset + first * row_bytes;
    return part;
  }
};

/// Finds tensors of a GGUF file and checks that their shapes are what the model's sizes say.
class WeightSource {
 public:
  explicit WeightSource(const GgufFile& file) : file_(&file) {}

  const std::string& path() const noexcept { return file_->path(); }
  bool has(std::string_view name) const noexcept { return file_->find_tensor(name) != nullptr; }

  /// The tensor `name`, its shape in math order (outermost first). Throws FileError if it is missing or misshapen.
  SourceTensor get(const std::string& name, std::initializer_list<std::size_t> shape) const {
    const GgufTensor& t = file_->require_tensor(name);
    // Written beside some NVFP4 weights; without it they would be wrong by a factor.
    if (name.ends_with(".weight")) {
      const std::string scale = name.substr(0, name.size() - 6) + "scale";
      if (const GgufTensor* s = file_->find_tensor(scale)) {
        throw FileError("weights with a scale of their own are not supported",
                        {std::string(s->file), s->offset, scale, "no such tensor", s->shape()});
      }
    }
    SourceTensor s;
    s.tensor.name = name;
    s.tensor.type_id = t.type;
    s.tensor.rank = shape.size();
    s.tensor.bytes = t.data;
    s.tensor.owner = t.mapping;
    s.file = std::string(t.file);
    s.offset = t.offset;
    s.mapping = t.mapping;
    bool same = t.n_dims <= shape.size() || shape.size() == 0;
    std::string expected;
    std::size_t d = shape.size();
    for (std::size_t n : shape) {
      s.tensor.shape[shape.size() - d] = n;
      same = same && t.ne[d - 1] == n;
      --d;
      expected = std::to_string(n) + (expected.empty() ? "" : ", ") + expected;
    }
    if (!same)
      throw FileError("the tensor has another shape", {s.file, t.offset, name, "{" + expected + "}", t.shape()});
    return s;
  }

 private:
  const GgufFile* file_;
};

VLMT_END_NAMESPACE
