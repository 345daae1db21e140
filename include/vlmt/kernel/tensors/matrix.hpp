// Matrix and ExpertMatrices: packed weights that own their memory, made from floats, from blocks, or from a file's
// tensor.
#pragma once

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/row.hpp"
#include "vlmt/tensor/any_tensor.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Memory of `count` packed (rows, cols) matrices. Throws LimitError if the size overflows.
template <QuantFormat Format, class Arch>
Buffer packed_memory(std::size_t count, std::size_t rows, std::size_t cols) {
  const auto padded = checked_add(rows, panel_rows_v<Arch> - 1);
  const auto blocks = padded ? checked_mul(*padded, cols / Format::values) : padded;
  const auto bytes = blocks ? checked_mul(*blocks, sizeof(typename Format::Block)) : blocks;
  const auto all = bytes ? checked_mul(*bytes, count) : bytes;
  if (!all) throw_error(LimitError("a matrix of " + std::to_string(rows) + " rows has no size"));
  return Buffer(count * packed_bytes<Format, Arch>(rows, cols));
}

/// Packs a stack of matrices, (count, rows, cols) floats, panel by panel: a panel of blocks is scratch of a member.
template <QuantFormat Format, class Arch, class T, class... Places>
void encode_stack(const StridedView<const T, 3>& weights, std::byte* packed, Places&... places) {
  using Block = typename Format::Block;
  constexpr std::size_t lanes = panel_rows_v<Arch>;
  const std::size_t rows = weights.extent(1), cols = weights.extent(2), blocks = cols / Format::values;
  const std::size_t panels = ceil_div(rows, lanes);
  struct Memory {
    Block* blocks;
    float* row;
  };
  run_tensor_kernel(
      [&](Carver& carver, std::size_t members) {
        return Memory{carver.take<Block>(members * lanes * blocks), carver.take<float>(members * member_floats(cols))};
      },
      [&](Member& m, const Memory& memory) {
        Block* panel = memory.blocks + m.rank() * lanes * blocks;
        float* row = memory.row + m.rank() * member_floats(cols);
        const Range mine = m.share(weights.extent(0) * panels);
        for (std::size_t i = mine.begin; i < mine.end; ++i) {
          const std::size_t first = i % panels * lanes, count = rows - first < lanes ? rows - first : lanes;
          for (std::size_t r = 0; r < count; ++r) {
            const T* from = weights.data() + i / panels * weights.stride(0) + (first + r) * weights.stride(1);
            load_elements<Arch>(from, weights.stride(2), cols, row);
            encode_row<Format>(row, cols, panel + r * blocks);
          }
          pack_rows<Format, Arch>(reinterpret_cast<const std::byte*>(panel), count, cols,
                                  packed + i * blocks * panel_block_bytes_v<Format, Arch>, {0, count});
        }
      },
      places...);
}

/// Packs a stack of matrices, (count, rows, cols) in dense blocks at any alignment.
template <QuantFormat Format, class Arch, class... Places>
void pack_stack(const std::byte* blocks, std::size_t count, std::size_t rows, std::size_t cols, std::byte* packed,
                Places&... places) {
  const std::size_t file = rows * (cols / Format::values) * sizeof(typename Format::Block);
  run_tensor_kernel([](Carver&, std::size_t) { return 0; },
                    [&](Member& m, int) {
                      for (std::size_t e = 0; e < count; ++e) {
                        pack_rows<Format, Arch>(blocks + e * file, rows, cols,
                                                packed + e * packed_bytes<Format, Arch>(rows, cols),
                                                m.share(rows, panel_rows_v<Arch>));
                      }
                    },
                    places...);
}

/// Throws InputError unless `tensor` holds whole blocks of Format, and all of them.
template <QuantFormat Format>
void require_blocks(const AnyTensor& tensor) {
  const auto wrong = [&](const std::string& expected, const std::string& found) {
    throw_error(InputError("this tensor does not fit the matrix", {{}, {}, tensor.name, expected, found}));
  };
  if (tensor.type_id != Format::type_id) {
    const std::string_view known = ggml_type_info(tensor.type_id).name;
    wrong(std::string(Format::name), known.empty() ? "type " + std::to_string(tensor.type_id) : std::string(known));
  }
  if (tensor.columns() % Format::values != 0) {
    wrong("a multiple of " + std::to_string(Format::values) + " columns", std::to_string(tensor.columns()));
  }
  std::optional<std::size_t> count = 1;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) count = count ? checked_mul(*count, tensor.shape[d]) : count;
  const auto bytes = count ? checked_mul(*count / Format::values, sizeof(typename Format::Block)) : count;
  if (!bytes || *bytes != tensor.bytes.size()) {
    wrong(bytes ? std::to_string(*bytes) + " bytes" : "fewer values", std::to_string(tensor.bytes.size()) + " bytes");
  }
}

template <QuantFormat Format, class View>
void assert_whole_blocks(const char* call, const View& weights) {
  constexpr std::size_t last = View::rank() - 1;
  char expected[64];
  std::snprintf(expected, sizeof expected, "a multiple of %zu columns", static_cast<std::size_t>(Format::values));
  assert_argument(call, "weights", weights, weights.extent(last) % Format::values == 0, expected);
}

}  // namespace detail

/// Weights (rows, cols) in the packed form of a backend, one row per output, and their memory. Each backend has a
/// specialisation; Cpu<Arch> is here.
template <QuantFormat Format, class Backend = Cpu<>>
class Matrix {
  static_assert(dependent_false_v<Backend>,
                "vlmt: this backend has no Matrix; specialise vlmt::Matrix<Format, Backend>, as "
                "kernel/tensors/matrix.hpp does for Cpu<Arch>");
};

/// The same for stacked matrices (experts, rows, cols).
template <QuantFormat Format, class Backend = Cpu<>>
class ExpertMatrices {
  static_assert(dependent_false_v<Backend>,
                "vlmt: this backend has no ExpertMatrices; specialise vlmt::ExpertMatrices<Format, Backend>, as "
                "kernel/tensors/matrix.hpp does for Cpu<Arch>");
};

/// The matrix of the CPU; it only moves. After the weights `encode` and `pack` take a team and a TensorScratch, as
/// other kernels on tensors do.
template <QuantFormat Format, class A>
class Matrix<Format, Cpu<A>> {
 public:
  using Arch = A;
  using Block = typename Format::Block;

  Matrix() = default;

  /// From weights (rows, cols) of float, float16 or bfloat16, encoded; cols is a multiple of Format::values. Throws
  /// LimitError if memory is short.
  template <TensorArgument W, TensorPlace... Places>
  static Matrix encode(const W& weights, Places&... places) {
    const auto v = detail::float_input<2>("Matrix::encode", "weights", weights);
    detail::assert_sizes("Matrix::encode", "weights", v, dynamic, dynamic);
    detail::assert_whole_blocks<Format>("Matrix::encode", v);
    Matrix m(v.extent(0), v.extent(1));
    using T = std::remove_const_t<typename decltype(v)::Elem>;
    using E = DynExtents<3>;
    const E sizes(std::size_t{1}, v.extent(0), v.extent(1));
    const StridedView<const T, 3> stack(ViewEngine<const T>(v.data()),
                                        Strided<E>(sizes, {0, v.stride(0), v.stride(1)}));
    detail::encode_stack<Format, A>(stack, m.data(), places...);
    return m;
  }

  /// From dense blocks (rows, cols / Format::values), as in a GGUF file. Lossless.
  template <TensorArgument B, TensorPlace... Places>
  static Matrix pack(const B& blocks, Places&... places) {
    const auto v = detail::typed_input<Block, 2>("Matrix::pack", "blocks", blocks);
    detail::assert_sizes("Matrix::pack", "blocks", v, dynamic, dynamic);
    detail::assert_dense("Matrix::pack", "blocks", v);
    Matrix m(v.extent(0), v.extent(1) * Format::values);
    detail::pack_stack<Format, A>(reinterpret_cast<const std::byte*>(v.data()), 1, m.rows_, m.cols_, m.data(),
                                  places...);
    return m;
  }
  /// From a tensor of a file; all but its last size are rows. Throws InputError if it is not of this format, or if its
  /// bytes do not fit its sizes.
  template <TensorPlace... Places>
  static Matrix pack(const AnyTensor& tensor, Places&... places) {
    detail::require_blocks<Format>(tensor);
    Matrix m(tensor.rows(), tensor.columns());
    detail::pack_stack<Format, A>(tensor.bytes.data(), 1, m.rows_, m.cols_, m.data(), places...);
    return m;
  }

  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  std::size_t bytes() const noexcept { return memory_.bytes(); }
  static constexpr std::string_view format() noexcept { return Format::name; }

  /// What nn and the raw kernels take; valid while the matrix lives and is not moved from.
  PackedMatrix<A> packed() const { return make_packed_matrix<Format, A>(memory_.data(), rows_, cols_); }
  operator PackedMatrix<A>() const { return packed(); }

 private:
  Matrix(std::size_t rows, std::size_t cols)
      : rows_(rows), cols_(cols), memory_(detail::packed_memory<Format, A>(1, rows, cols)) {}
  std::byte* data() const noexcept { return memory_.data(); }

  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  Buffer memory_;
};

template <QuantFormat Format, class A>
class ExpertMatrices<Format, Cpu<A>> {
 public:
  using Arch = A;
  using Block = typename Format::Block;

  ExpertMatrices() = default;

  /// From weights (experts, rows, cols) of float, float16 or bfloat16, encoded; cols is a multiple of Format::values.
  /// Throws LimitError if memory is short.
  template <TensorArgument W, TensorPlace... Places>
  static ExpertMatrices encode(const W& weights, Places&... places) {
    const auto v = detail::float_input<3>("ExpertMatrices::encode", "weights", weights);
    detail::assert_sizes("ExpertMatrices::encode", "weights", v, dynamic, dynamic, dynamic);
    detail::assert_whole_blocks<Format>("ExpertMatrices::encode", v);
    ExpertMatrices m(v.extent(0), v.extent(1), v.extent(2));
    detail::encode_stack<Format, A>(v, m.memory_.data(), places...);
    return m;
  }
  /// From dense blocks (experts, rows, cols / Format::values). Lossless.
  template <TensorArgument B, TensorPlace... Places>
  static ExpertMatrices pack(const B& blocks, Places&... places) {
    const auto v = detail::typed_input<Block, 3>("ExpertMatrices::pack", "blocks", blocks);
    detail::assert_sizes("ExpertMatrices::pack", "blocks", v, dynamic, dynamic, dynamic);
    detail::assert_dense("ExpertMatrices::pack", "blocks", v);
    ExpertMatrices m(v.extent(0), v.extent(1), v.extent(2) * Format::values);
    detail::pack_stack<Format, A>(reinterpret_cast<const std::byte*>(v.data()), m.experts_, m.rows_, m.cols_,
                                  m.memory_.data(), places...);
    return m;
  }
  /// From a tensor (experts, rows, cols) of a file. Throws InputError if it is not of this format and rank, or if its
  /// bytes do not fit its sizes.
  template <TensorPlace... Places>
  static ExpertMatrices pack(const AnyTensor& tensor, Places&... places) {
    if (tensor.rank != 3) {
      throw_error(InputError("stacked experts have three sizes",
                             {{}, {}, tensor.name, "rank 3", "rank " + std::to_string(tensor.rank)}));
    }
    detail::require_blocks<Format>(tensor);
    ExpertMatrices m(tensor.shape[0], tensor.shape[1], tensor.shape[2]);
    detail::pack_stack<Format, A>(tensor.bytes.data(), m.experts_, m.rows_, m.cols_, m.memory_.data(), places...);
    return m;
  }

  std::size_t experts() const noexcept { return experts_; }
  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  std::size_t bytes() const noexcept { return memory_.bytes(); }
  static constexpr std::string_view format() noexcept { return Format::name; }

  /// What nn and the raw kernels take; valid while the matrices live and are not moved from.
  PackedExperts<A> packed() const { return make_packed_experts<Format, A>(memory_.data(), experts_, rows_, cols_); }
  operator PackedExperts<A>() const { return packed(); }

 private:
  ExpertMatrices(std::size_t experts, std::size_t rows, std::size_t cols)
      : experts_(experts), rows_(rows), cols_(cols), memory_(detail::packed_memory<Format, A>(experts, rows, cols)) {}

  std::size_t experts_ = 0;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  Buffer memory_;
};

VLMT_END_NAMESPACE
