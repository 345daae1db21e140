// Looks up the tensors of a model by name and checks their shapes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/ggml_type.hpp"
#include "vlmt/quant/row.hpp"
#include "vlmt/tensor/any_tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// A tensor of a file, with its origin for error messages.
struct SourceTensor {
  AnyTensor tensor;
  std::string file;
  std::uint64_t offset = 0;                   ///< offset of the data in the file, in bytes
  std::shared_ptr<const MappedFile> mapping;  ///< null if the bytes are not those of a file
  /// Scales of the values: one, or one per matrix of a stack; empty for none.
  std::vector<float> scales;

  float scale() const noexcept { return scales.empty() ? 1.0f : scales.front(); }

  /// Rows [first, first + count) of a matrix, without a copy.
  SourceTensor rows(std::size_t first, std::size_t count) const {
    SourceTensor part = *this;
    const std::size_t row_bytes = tensor.rows() == 0 ? 0 : tensor.bytes.size() / tensor.rows();
    part.tensor.rank = 2;
    part.tensor.shape = {count, tensor.columns(), 1, 1};
    part.tensor.bytes = tensor.bytes.subspan(first * row_bytes, count * row_bytes);
    part.offset = offset + first * row_bytes;
    return part;
  }

  /// Columns [first, first + count) of a matrix, as a copy of their blocks. Throws FileError unless both are multiples
  /// of the format's block.
  SourceTensor columns(std::size_t first, std::size_t count) const;

  /// The rows of several matrices of one width, or the values of vectors, one after the other, as a copy: queries, keys
  /// and values as one matrix. `parts` is not empty.
  /// Throws FileError if formats, widths or scales differ.
  static SourceTensor joined(std::span<const SourceTensor> parts);

  /// Replaces the bytes by others, which are no longer those of a file.
  void own(std::vector<std::byte> bytes) {
    const auto owned = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    tensor.bytes = *owned;
    tensor.owner = owned;
    mapping = nullptr;
  }

  /// Values that are computed, for a loader to place in the memory of a backend. `file` is for messages.
  static SourceTensor of(std::vector<float> values, std::string file) {
    const auto owned = std::make_shared<const std::vector<float>>(std::move(values));
    SourceTensor s;
    s.file = std::move(file);
    s.tensor.type_id = F32::type_id;
    s.tensor.rank = 1;
    s.tensor.shape = {owned->size(), 1, 1, 1};
    s.tensor.bytes = std::as_bytes(std::span(*owned));
    s.tensor.owner = owned;
    return s;
  }
};

/// Finds tensors of a GGUF file and checks their shapes against the sizes of the model. The file must outlive the
/// source.
class WeightSource {
 public:
  /// Throws FileError for a tensor X.scale without X.weight, because values would silently be wrong. Examples:
  /// output.scale where the embedding is the head (token_embd.scale serves both), or a name used by another writer.
  explicit WeightSource(const GgufFile& file) : file_(&file) { check_scales(); }

  const std::string& path() const noexcept { return file_->path(); }
  bool has(std::string_view name) const noexcept { return file_->find_tensor(name) != nullptr; }

  /// The tensor `name`, with `shape` in math order (outermost first). Throws FileError if it is missing or misshapen,
  /// or if its scales are.
  SourceTensor get(const std::string& name, std::initializer_list<std::size_t> shape) const;

  /// Throws FileError for a tensor that get() has not returned: it would change the results of a model that knew it.
  /// Scales are not counted.
  void check_all_read() const;

 private:
  void check_scales() const;

  // NVFP4 weights X.weight may have X.scale: F32, one value, or one per expert. X.input_scale is not used: it serves
  // hardware that rounds activations to 4 bits with a fixed scale; here activations take their scale from their own
  // values.
  std::vector<float> scales(const std::string& name, std::size_t count) const {
    constexpr std::string_view suffix = "weight";
    if (!name.ends_with(suffix)) return {};
    const std::string scale = name.substr(0, name.size() - suffix.size()) + "scale";
    const GgufTensor* t = file_->find_tensor(scale);
    if (t == nullptr) return {};
    const std::string file(t->file);
    if (t->type != F32::type_id) {
      throw FileError("the scale has the wrong type",
                      {file, t->offset, scale, "F32", std::string(ggml_type_info(t->type).name)});
    }
    if (t->n_dims > 1 || t->ne[0] != count) {
      throw FileError("the tensor has the wrong shape",
                      {file, t->offset, scale, "{" + std::to_string(count) + "}", t->shape()});
    }
    std::vector<float> values(count);
    decode_row(t->type, t->data.data(), count, values.data());
    for (std::size_t i = 0; i < count; ++i) {
      if (!std::isfinite(values[i])) {
        throw FileError("the tensor holds a value that is not finite",
                        {file, t->offset, scale, {}, "element " + std::to_string(i)});
      }
    }
    return values;
  }

  const GgufFile* file_;
  mutable std::unordered_set<std::string_view> read_;  ///< names that get() has returned; views into the file
};

#if VLMT_HAS_BODIES

VLMT_BODY SourceTensor SourceTensor::columns(std::size_t first, std::size_t count) const {
  const GgmlTypeInfo type = ggml_type_info(tensor.type_id);
  const std::size_t cols = tensor.columns();
  if (type.values == 0 || first % type.values != 0 || count % type.values != 0 || first + count > cols) {
    throw FileError("the columns of a tensor cannot be cut here",
                    {file, offset, std::string(tensor.name),
                     "multiples of " + std::to_string(type.values) + " up to " + std::to_string(cols),
                     std::to_string(first) + " to " + std::to_string(first + count)});
  }
  const std::size_t row_bytes = cols / type.values * type.bytes;
  const std::size_t part_bytes = count / type.values * type.bytes;
  std::vector<std::byte> bytes(tensor.rows() * part_bytes);
  for (std::size_t r = 0; r < tensor.rows(); ++r) {
    std::copy_n(tensor.bytes.data() + r * row_bytes + first / type.values * type.bytes, part_bytes,
                bytes.data() + r * part_bytes);
  }
  SourceTensor part = *this;
  part.tensor.rank = 2;
  part.tensor.shape = {tensor.rows(), count, 1, 1};
  part.own(std::move(bytes));
  return part;
}

VLMT_BODY SourceTensor SourceTensor::joined(std::span<const SourceTensor> parts) {
  SourceTensor all = parts.front();
  const std::size_t columns = all.tensor.columns();
  const auto name = [](const AnyTensor& t) { return std::string(ggml_type_info(t.type_id).name); };
  std::vector<std::byte> bytes;
  std::size_t values = 0;
  for (const SourceTensor& part : parts) {
    const AnyTensor& t = part.tensor;
    if (t.type_id != all.tensor.type_id || t.columns() != columns || part.scales != all.scales) {
      throw FileError(
          "tensors that are read as one differ in format, width or scale",
          {part.file, part.offset, std::string(t.name),
           name(all.tensor) + " of " + std::to_string(columns) + " columns, as " + std::string(all.tensor.name),
           name(t) + " of " + std::to_string(t.columns())});
    }
    bytes.insert(bytes.end(), t.bytes.begin(), t.bytes.end());
    values += t.count();
  }
  const bool vectors = all.tensor.rank == 1;
  all.tensor.shape = {vectors ? values : values / columns, vectors ? 1 : columns, 1, 1};
  all.tensor.rank = vectors ? 1 : 2;
  all.own(std::move(bytes));
  return all;
}

VLMT_BODY void WeightSource::check_scales() const {
  constexpr std::string_view suffix = ".scale";
  for (const GgufTensor& t : file_->tensors()) {
    if (!t.name.ends_with(suffix)) continue;
    const std::string weight = std::string(t.name.substr(0, t.name.size() - suffix.size())) + ".weight";
    if (file_->find_tensor(weight) != nullptr) continue;
    throw FileError("the scale belongs to no tensor",
                    {std::string(t.file), t.offset, std::string(t.name), "a tensor " + weight + " beside it", "none"});
  }
}

VLMT_BODY SourceTensor WeightSource::get(const std::string& name, std::initializer_list<std::size_t> shape) const {
  const GgufTensor& t = file_->require_tensor(name);
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
    throw FileError("the tensor has the wrong shape", {s.file, t.offset, name, "{" + expected + "}", t.shape()});
  s.scales = scales(name, shape.size() == 3 ? *shape.begin() : 1);
  read_.insert(t.name);
  return s;
}

VLMT_BODY void WeightSource::check_all_read() const {
  for (const GgufTensor& t : file_->tensors()) {
    if (read_.contains(t.name) || t.name.ends_with(".scale") || t.name.ends_with(".input_scale")) continue;
    throw FileError("the model does not read this tensor, so its results would be wrong",
                    {std::string(t.file), t.offset, std::string(t.name), {}, {}});
  }
}

#endif

VLMT_END_NAMESPACE
