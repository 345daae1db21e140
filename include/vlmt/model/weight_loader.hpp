// From tensors in files to packed weights. Every weight is registered first, which gives the exact size. A team then
// packs all weights into one buffer and releases the pages of the file as it goes. Alternatively the weights are bound
// to a kept copy of such a buffer (model/packed_cache.hpp).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/base/xxh64.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/executor.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/cpu/lower.hpp"
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/model/packed_cache.hpp"
#include "vlmt/model/weight_checks.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/pack.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/quant/ggml_type.hpp"
#include "vlmt/quant/row.hpp"

VLMT_BEGIN_NAMESPACE

/// Called by one thread when it has packed its share of a tensor, with the bytes of the tensors up to this one and of
/// all. Other threads may still be packing it. Not called for weights that are mapped from the packed cache. May throw
/// to cancel.
using LoadProgress = std::function<void(std::size_t done, std::size_t total)>;

/// Registers the weights of a model and packs them for the arch of B. Formats lists the formats that files may have.
template <Backend B, class Formats>
class WeightLoader {
  static_assert(detail::require_file_blocks(Formats{}));

 public:
  using Arch = typename B::Arch;
  using Memory = typename B::Memory;

  /// Registers a matrix (rows, columns) to be packed into `target`. If `as` (a GGUF type number) is given and in
  /// Formats, an F32, F16 or BF16 tensor is converted to that format, provided its columns are whole blocks. Throws
  /// FileError for formats not in Formats, and for a tensor whose bytes are not those of its shape.
  void matrix(MatrixOf<B>& target, SourceTensor source, std::optional<std::uint32_t> as = std::nullopt);

  /// Registers a tensor (experts, rows, columns) to be packed into `target`. Throws FileError as matrix().
  void experts(ExpertsOf<B>& target, SourceTensor source);

  /// Registers a tensor of any format of formats::all to be decoded to floats at `target`. Throws FileError for another
  /// format, and for a tensor whose bytes are not those of its shape.
  void vector(const float*& target, SourceTensor source);

  /// Bytes of the packed weights; known before anything is read.
  std::size_t bytes() const noexcept { return bytes_; }

  /// Packs all weights and sets the targets. The targets must not move before that, and must not outlive the returned
  /// buffer. Throws what `progress` throws, FileError for a vector with a value that is not finite, and Cancelled if
  /// `stop` is set; it may then be called again.
  template <Team T>
  Memory load(T& team, const LoadProgress& progress, const StopFlag* stop = nullptr) {
    Memory packed(bytes_);
    bind(packed.data());
    progress_ = &progress;
    done_ = 0;
    TeamExecutor<B, T>(team).run([&](auto& step) { step("pack", op::Pack{this, packed.data()}); }, stop);
    return packed;
  }

  /// One pass of load(): every member packs its share of each tensor.
  void pack(std::byte* packed, Member& m) {
    for (const Entry& e : entries_) {
      fill(e, packed + e.at, m);
      if (m.stopped()) return;
      if (m.rank() == 0 && *progress_) {
        done_ += e.source.tensor.bytes.size();
        (*progress_)(done_, file_bytes_);
      }
    }
  }

  /// Sets the targets to weights that `load` packed earlier, with equal image(). The targets must not outlive `packed`.
  void bind(const std::byte* packed) {
    for (Entry& e : entries_) bind(e, packed + e.at);
  }

  /// Identity of what `load` would pack. Reads at most 256 bytes of each tensor in a file, and all bytes of tensors
  /// made in memory.
  PackedImage image() const;

 private:
  struct Entry {
    SourceTensor source;
    MatrixOf<B>* matrix = nullptr;
    ExpertsOf<B>* experts = nullptr;
    const float** vector = nullptr;
    std::size_t rows = 0;   ///< rows of one matrix
    std::size_t count = 1;  ///< matrices in the tensor
    std::size_t at = 0;     ///< offset in the buffer
    std::size_t bytes = 0;
    const MatmulLeaves* leaves = nullptr;
    /// Encodes floats as blocks; null if the tensor is packed in its own format.
    void (*convert)(const float* x, std::size_t values, std::byte* blocks) = nullptr;
  };

  static bool is_float_type(std::uint32_t type) noexcept {
    return type == F32::type_id || type == F16::type_id || type == BF16::type_id;
  }

  template <class Format>
  static void convert_rows(const float* x, std::size_t values, std::byte* blocks) {
    if constexpr (VLMT_EXTERN_BODIES && contains_v<Format, formats::all>) {
      encode_row(Format::type_id, x, values, blocks);  // compiled once; it would bring every format
    } else {
      encode_row<Format>(x, values, reinterpret_cast<typename Format::Block*>(blocks));
    }
  }

  // Packs rows [part.begin, part.end) of a converted matrix, one panel at a time.
  static void fill_converted(const Entry& e, std::byte* data, Range part) {
    const AnyTensor& t = e.source.tensor;
    const std::size_t cols = t.columns();
    const std::size_t row_bytes = t.bytes.size() / e.rows;
    const std::size_t panel_bytes = e.bytes / ceil_div(e.rows, panel_rows_v<Arch>);
    std::vector<float> values(panel_rows_v<Arch> * cols);
    std::vector<std::byte> blocks(panel_bytes);
    for (std::size_t r = part.begin; r < part.end; r += panel_rows_v<Arch>) {
      const std::size_t rows = std::min(panel_rows_v<Arch>, part.end - r);
      decode_row(t.type_id, t.bytes.data() + r * row_bytes, rows * cols, values.data());
      e.convert(values.data(), rows * cols, blocks.data());
      e.leaves->pack_rows(blocks.data(), rows, cols, data + r / panel_rows_v<Arch> * panel_bytes, {0, rows});
    }
  }

  // Registers the scales of stacked matrices as a vector.
  void add_scales(const float*& target, const SourceTensor& of) {
    const auto values = std::make_shared<const std::vector<float>>(of.scales);
    SourceTensor source;
    source.file = of.file;
    source.offset = of.offset;
    source.tensor.name = of.tensor.name;
    source.tensor.type_id = F32::type_id;
    source.tensor.rank = 1;
    source.tensor.shape[0] = values->size();
    source.tensor.bytes = std::as_bytes(std::span(*values));
    source.tensor.owner = values;
    vector(target, std::move(source));
  }

  Entry entry(SourceTensor source) const {
    Entry e;
    e.source = std::move(source);
    return e;
  }

  void add_matrix(MatrixOf<B>* target, SourceTensor source, std::size_t rows, std::size_t count,
                  std::optional<std::uint32_t> as);

  void push(Entry e);

  static void bind(Entry& e, const std::byte* data) {
    const std::size_t cols = e.source.tensor.columns();
    if (e.matrix != nullptr) *e.matrix = {data, e.rows, cols, e.leaves, e.source.scale()};
    if (e.experts != nullptr) *e.experts = {data, e.count, e.rows, cols, e.leaves};
    if (e.vector != nullptr) *e.vector = reinterpret_cast<const float*>(data);
  }

  // Each member packs its share of the panels and releases the pages that only it has read.
  static void fill(const Entry& e, std::byte* data, Member& m);

  static void release(const Entry& e, std::size_t offset, std::size_t bytes) {
    if (e.source.mapping) e.source.mapping->release(e.source.offset + offset, bytes);
  }

  static constexpr std::size_t slice_bytes = std::size_t{16} << 20;

  std::vector<Entry> entries_;
  std::size_t bytes_ = 0;
  std::size_t file_bytes_ = 0;
  const LoadProgress* progress_ = nullptr;  // of the load() that runs
  std::size_t done_ = 0;                    // bytes of tensors that it has packed
};

/// The loader of backend B. Specialise it beside another one's.
template <class B, class Formats>
struct LoaderFor {
  using type = WeightLoader<B, Formats>;
};
template <class B, class Formats>
using LoaderOf = typename LoaderFor<B, Formats>::type;

template <Backend B, class Formats>
void WeightLoader<B, Formats>::matrix(MatrixOf<B>& target, SourceTensor source, std::optional<std::uint32_t> as) {
  const std::size_t rows = source.tensor.rows();
  add_matrix(&target, std::move(source), rows, 1, as);
}

template <Backend B, class Formats>
void WeightLoader<B, Formats>::experts(ExpertsOf<B>& target, SourceTensor source) {
  const std::size_t count = source.tensor.shape[0];
  const std::size_t rows = source.tensor.shape[1];
  add_matrix(nullptr, std::move(source), rows, count, std::nullopt);
  entries_.back().experts = &target;
  if (!entries_.back().source.scales.empty()) add_scales(target.scales, entries_.back().source);
}

template <Backend B, class Formats>
void WeightLoader<B, Formats>::vector(const float*& target, SourceTensor source) {
  Entry e = entry(std::move(source));
  const AnyTensor& t = e.source.tensor;
  if (!visit_format(formats::all{}, t.type_id, [](auto) {})) {
    detail::refuse_format<formats::all>(e.source, "tensors of this format cannot be decoded");
  }
  detail::check_bytes(e.source, ggml_type_info(t.type_id).values, ggml_type_info(t.type_id).bytes);
  e.vector = &target;
  e.bytes = e.source.tensor.count() * sizeof(float);
  push(std::move(e));
}

template <Backend B, class Formats>
void WeightLoader<B, Formats>::add_matrix(MatrixOf<B>* target, SourceTensor source, std::size_t rows, std::size_t count,
                                          std::optional<std::uint32_t> as) {
  Entry e = entry(std::move(source));
  e.matrix = target;
  e.rows = rows;
  e.count = count;
  const AnyTensor& t = e.source.tensor;
  const GgmlTypeInfo type = ggml_type_info(t.type_id);
  if (type.values != 0) detail::check_bytes(e.source, type.values, type.bytes);
  const auto pack_as = [&]<class Format>(TypeTag<Format>) {
    if (type.values == 0) detail::check_bytes(e.source, Format::values, block_bytes_v<Format>);
    e.bytes = count * packed_bytes<Format, Arch>(rows, t.columns());
    e.leaves = &matmul_leaves<Format, Arch>();
  };
  if (as && is_float_type(t.type_id)) {
    visit_format(Formats{}, *as, [&]<class Format>(TypeTag<Format> format) {
      if (t.columns() % Format::values != 0) return;
      pack_as(format);
      e.convert = &convert_rows<Format>;
    });
  }
  const bool known = e.convert != nullptr || visit_format(Formats{}, t.type_id, pack_as);
  if (!known) {
    detail::refuse_format<Formats>(
        e.source,
        "this model type does not read tensors of this format; to add it, put the format into the "
        "Formats list of the model");
  }
  push(std::move(e));
}

template <Backend B, class Formats>
void WeightLoader<B, Formats>::push(Entry e) {
  e.at = bytes_;
  bytes_ = round_up(bytes_ + e.bytes, buffer_alignment);
  file_bytes_ += e.source.tensor.bytes.size();
  entries_.push_back(std::move(e));
}

template <Backend B, class Formats>
PackedImage WeightLoader<B, Formats>::image() const {
  PackedImage image;
  image.bytes = bytes_;
  image.layout = "arch " + std::string(Arch::name) + ", panels of " + std::to_string(panel_rows_v<Arch>) +
                 " rows\nbytes " + std::to_string(bytes_) + "\n";
  // A file is identified by size, modification time and a sample of each tensor, not by path: tools that edit weights
  // and keep the time rewrite whole tensors. Tensors made in memory are small and hashed in full.
  constexpr std::size_t sample_bytes = 256;
  std::uint64_t sample = 0;
  const MappedFile* last = nullptr;
  for (const Entry& e : entries_) {
    const AnyTensor& t = e.source.tensor;
    image.layout += t.name + ": type " + std::to_string(t.type_id) + " as " +
                    std::string(e.leaves == nullptr ? F32::name : e.leaves->format);
    for (std::size_t d = 0; d < t.rank; ++d) image.layout += (d == 0 ? " " : "x") + std::to_string(t.shape[d]);
    image.layout += " at " + std::to_string(e.at) + "\n";
    const MappedFile* file = e.source.mapping.get();
    if (file != nullptr && file != last) {
      image.source +=
          "source of " + std::to_string(file->size()) + " bytes, written " + std::to_string(file->modified()) + "\n";
      last = file;
    }
    const std::size_t n = file == nullptr ? t.bytes.size() : std::min(sample_bytes, t.bytes.size());
    sample = xxh64(t.bytes.subspan((t.bytes.size() - n) / 2, n), sample + e.source.offset);
    sample = xxh64(std::as_bytes(std::span(e.source.scales)), sample);
  }
  image.source += "sample " + std::to_string(sample) + "\n";
  return image;
}

template <Backend B, class Formats>
void WeightLoader<B, Formats>::fill(const Entry& e, std::byte* data, Member& m) {
  const AnyTensor& t = e.source.tensor;
  if (e.vector != nullptr) {
    if (m.rank() != 0) return;
    auto* out = reinterpret_cast<float*>(data);
    decode_row(t.type_id, t.bytes.data(), t.count(), out);
    for (std::size_t i = 0; i < t.count(); ++i) {
      out[i] *= e.source.scale();
      if (!std::isfinite(out[i])) {
        throw FileError("the tensor holds a value that is not finite",
                        {e.source.file, e.source.offset, t.name, {}, "element " + std::to_string(i)});
      }
    }
    return;
  }
  const std::size_t source_stride = t.bytes.size() / e.count;
  const std::size_t packed_stride = e.bytes / e.count;
  const std::size_t row_bytes = source_stride / e.rows;
  // Experts are many and small: members share out whole matrices. Members share a single matrix by panels.
  if (e.count > 1) {
    const Range mine = m.share(e.count);
    for (std::size_t i = mine.begin; i < mine.end && !m.stopped(); ++i) {
      e.leaves->pack_rows(t.bytes.data() + i * source_stride, e.rows, t.columns(), data + i * packed_stride,
                          {0, e.rows});
    }
    release(e, mine.begin * source_stride, mine.size() * source_stride);
  } else {
    // Slices bound the resident pages of a large tensor.
    const Range mine = m.share(e.rows, panel_rows_v<Arch>);
    const std::size_t slice = round_up(std::max<std::size_t>(1, slice_bytes / row_bytes), panel_rows_v<Arch>);
    for (std::size_t r = mine.begin; r < mine.end && !m.stopped(); r += slice) {
      const Range part{r, std::min(r + slice, mine.end)};
      if (e.convert != nullptr) {
        fill_converted(e, data, part);
      } else {
        e.leaves->pack_rows(t.bytes.data(), e.rows, t.columns(), data, part);
      }
      release(e, part.begin * row_bytes, part.size() * row_bytes);
    }
  }
}

VLMT_END_NAMESPACE
