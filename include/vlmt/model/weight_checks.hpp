// Checks of tensors that loaders share.
#pragma once

#include <cstddef>
#include <string>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/quant/ggml_type.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Throws FileError for a tensor of a format that is not in the list Known.
template <class Known>
[[noreturn]] void refuse_format(const SourceTensor& s, const char* message) {
  const GgmlTypeInfo type = ggml_type_info(s.tensor.type_id);
  std::string supported;
  for_each_type(Known{}, [&]<class Format>(TypeTag<Format>) { supported += " " + std::string(Format::name); });
  throw FileError(message, {s.file, s.offset, s.tensor.name, "one of" + supported,
                            type.values == 0 ? "type " + std::to_string(s.tensor.type_id) : std::string(type.name)});
}

/// Throws FileError unless the tensor's bytes are those of its shape in blocks of `values` values and `block_bytes`
/// bytes. Tensors of GGUF files are; tensors that a program makes may not be.
inline void check_bytes(const SourceTensor& s, std::size_t values, std::size_t block_bytes) {
  const AnyTensor& t = s.tensor;
  const std::size_t columns = t.columns();
  const bool whole = columns % values == 0 && t.bytes.size() % block_bytes == 0;
  if (whole && t.bytes.size() / block_bytes * values == t.count()) return;
  throw FileError("the bytes of the tensor are not those of its shape",
                  {s.file, s.offset, t.name,
                   std::to_string(t.count()) + " values in blocks of " + std::to_string(values) + " and " +
                       std::to_string(block_bytes) + " bytes",
                   std::to_string(t.bytes.size()) + " bytes"});
}

}  // namespace detail

VLMT_END_NAMESPACE
