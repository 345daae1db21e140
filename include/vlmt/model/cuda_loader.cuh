// From tensors in files to device memory. Matrices are put into tiles where products read these, and keep the blocks of
// their files otherwise; vectors become floats.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/kernel/cuda/backend_types.cuh"
#include "vlmt/kernel/cuda/buffer.cuh"
#include "vlmt/kernel/cuda/weights.cuh"
#include "vlmt/model/weight_checks.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/quant/ggml_type.hpp"
#include "vlmt/quant/row.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

template <class Format>
using IsKnownFormat = std::bool_constant<contains_v<Format, formats::all>>;

}  // namespace cuda

/// Registers the weights of a model, then copies them to the device. Formats lists the formats that files may have; all
/// of them are in formats::all, from which kernels choose.
template <class Formats>
class CudaLoader {
  static_assert(std::is_same_v<Filtered<cuda::IsKnownFormat, Formats>, Formats>,
                "vlmt: CUDA kernels read the formats of formats::all only");

 public:
  /// Registers a matrix (rows, columns). If `as` (a GGUF type number of Formats) is given, the tensor is converted to
  /// that format. Throws FileError for formats not in Formats, and for a tensor whose bytes are not those of its shape.
  void matrix(cuda::Matrix& target, SourceTensor source, std::optional<std::uint32_t> as = std::nullopt) {
    check_format(source);
    if (as) source = converted(source, *as);
    Entry e{std::move(source)};
    e.matrix = &target;
    push(std::move(e));
  }

  /// Registers a tensor (experts, rows, columns). Throws FileError as matrix().
  void experts(cuda::Experts& target, SourceTensor source) {
    check_format(source);
    if (!source.scales.empty()) vector(target.scales, SourceTensor::of(source.scales, source.file));
    Entry e{std::move(source)};
    e.experts = &target;
    push(std::move(e));
  }

  /// Registers a tensor of any format of formats::all, to be decoded to floats. Throws FileError for another format,
  /// for a tensor whose bytes are not those of its shape, and for a value that is not finite.
  void vector(const float*& target, SourceTensor source) {
    const AnyTensor& t = source.tensor;
    if (!visit_format(formats::all{}, t.type_id, [](auto) {})) {
      detail::refuse_format<formats::all>(source, "tensors of this format cannot be decoded");
    }
    detail::check_bytes(source, ggml_type_info(t.type_id).values, ggml_type_info(t.type_id).bytes);
    std::vector<float> values(t.count());
    decode_row(t.type_id, t.bytes.data(), t.count(), values.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] *= source.scale();
      if (!std::isfinite(values[i])) {
        throw FileError("the tensor holds a value that is not finite",
                        {source.file, source.offset, t.name, {}, "element " + std::to_string(i)});
      }
    }
    Entry e{SourceTensor::of(std::move(values), source.file)};
    e.vector = &target;
    push(std::move(e));
  }

  /// Bytes of the weights on the device.
  std::size_t bytes() const noexcept { return bytes_; }

  /// Copies all weights to the current device and sets the targets, which must not outlive the returned buffer. Takes
  /// memory for the blocks of the largest matrix besides, until it returns.
  CudaBuffer load(cudaStream_t stream) {
    CudaBuffer buffer(bytes_);
    std::size_t largest = 0;
    for (const Entry& e : entries_) {
      if (e.tiled()) largest = std::max(largest, e.source.tensor.bytes.size());
    }
    const CudaBuffer blocks(largest);
    for (const Entry& e : entries_) {
      const AnyTensor& t = e.source.tensor;
      std::byte* at = buffer.data() + e.at;
      if (e.tiled()) {
        cuda::copy_in(blocks.data(), t.bytes, stream);
        cuda::store_matrix(t.type_id, blocks.data(), t.rows(), t.columns(), at, stream);
      } else {
        cuda::copy_in(at, t.bytes, stream);
      }
      if (e.matrix != nullptr) {
        *e.matrix = {at, t.type_id, t.rows(), t.columns(), e.source.scale(), cuda::tile_groups(t.type_id, t.columns())};
      }
      if (e.experts != nullptr) {
        *e.experts = {at, t.type_id, t.shape[0], t.shape[1], t.columns(), e.experts->scales};
      }
      if (e.vector != nullptr) *e.vector = reinterpret_cast<const float*>(at);
    }
    cuda::check(cudaStreamSynchronize(stream), "tiles of matrices");  // before `blocks` goes
    return buffer;
  }

 private:
  struct Entry {
    SourceTensor source;
    cuda::Matrix* matrix = nullptr;
    cuda::Experts* experts = nullptr;
    const float** vector = nullptr;
    std::size_t at = 0;  ///< offset in the buffer

    bool tiled() const {
      return matrix != nullptr && cuda::tile_groups(source.tensor.type_id, source.tensor.columns()) != 0;
    }
    /// On the device.
    std::size_t bytes() const {
      const AnyTensor& t = source.tensor;
      return tiled() ? cuda::matrix_bytes(t.type_id, t.rows(), t.columns()) : t.bytes.size();
    }
  };

  static void check_format(const SourceTensor& source) {
    const AnyTensor& t = source.tensor;
    if (!visit_format(Formats{}, t.type_id, [](auto) {})) {
      detail::refuse_format<Formats>(source,
                                     "this model type does not read tensors of this format; to add it, put the format "
                                     "into the Formats list of the "
                                     "model");
    }
    detail::check_bytes(source, ggml_type_info(t.type_id).values, ggml_type_info(t.type_id).bytes);
  }

  static SourceTensor converted(const SourceTensor& source, std::uint32_t type_id) {
    const AnyTensor& t = source.tensor;
    std::vector<float> values(t.count());
    decode_row(t.type_id, t.bytes.data(), t.count(), values.data());
    const auto blocks = std::make_shared<std::vector<std::byte>>(row_bytes(type_id, t.columns()) * t.rows());
    encode_row(type_id, values.data(), t.count(), blocks->data());
    SourceTensor result = source;
    result.tensor.type_id = type_id;
    result.tensor.bytes = *blocks;
    result.tensor.owner = blocks;
    return result;
  }

  void push(Entry e) {
    e.at = bytes_;
    bytes_ = round_up(bytes_ + e.bytes(), buffer_alignment);
    entries_.push_back(std::move(e));
  }

  std::vector<Entry> entries_;
  std::size_t bytes_ = 0;
};

VLMT_END_NAMESPACE
