// Checks of a custom weight format: its block, encoder, packing and matmul kernels.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/quant/ggml_type.hpp"
#include "vlmt/quant/row.hpp"
#include "vlmt/testing/compare.hpp"
#include "vlmt/testing/sweep.hpp"
#include "vlmt/testing/tolerance.hpp"

VLMT_BEGIN_NAMESPACE
namespace testing {

/// Relative RMSE of encoding x (n): |decode(encode(x)) - x| / |x|. n is a multiple of F::values.
template <QuantFormat F>
double relative_rmse(std::span<const float> x) {
  std::vector<typename F::Block> blocks(x.size() / F::values);
  std::vector<float> y(x.size());
  encode_row<F>(x.data(), x.size(), blocks.data());
  decode_row<F>(blocks.data(), x.size(), y.data());
  return compare(y, x).relative_l2;
}

/// Checks the scalar code of a format. Returns one line per problem; empty if there is none. `budget` is the largest
/// relative RMSE allowed on normal numbers: about 2^-bits times a factor near 1.
template <QuantFormat F>
std::vector<std::string> check_format(double budget) {
  const std::string name(F::name);
  std::vector<std::string> problems;
  if (name.empty()) problems.push_back("the format has no name");
  if (256 % F::values != 0) problems.push_back(name + ": `values` must divide 256");
  if (!fits_files_v<F>) {
    const GgmlTypeInfo type = ggml_type_info(F::type_id);
    const auto blocks = [](std::size_t values, std::size_t bytes) {
      return std::to_string(values) + " values in " + std::to_string(bytes) + " bytes";
    };
    problems.push_back(name + ": files store type " + std::to_string(F::type_id) + " (" + std::string(type.name) +
                       ") in blocks of " + blocks(type.values, type.bytes) + ", this format has " +
                       blocks(F::values, block_bytes_v<F>));
  }
  visit_format(formats::all{}, F::type_id, [&](auto tag) {
    using Known = typename decltype(tag)::type;
    if (!std::is_same_v<Known, F>) problems.push_back(name + ": type_id is that of " + std::string(Known::name));
  });

  const std::size_t n = 64 * 256;
  for (const double scale : {1e-3, 1.0, 30.0}) {
    const double rmse = relative_rmse<F>(gaussian(n, 7, scale));
    if (!(rmse <= budget)) {
      problems.push_back(name + ": relative RMSE " + std::to_string(rmse) + " on normal numbers times " +
                         std::to_string(scale) + ", the budget is " + std::to_string(budget));
    }
  }

  std::vector<float> x(F::values), y(F::values, 1.0f);
  typename F::Block block;
  F::encode(x.data(), block);
  F::decode(block, y.data());
  if (std::any_of(y.begin(), y.end(), [](float v) { return v != 0.0f; })) {
    problems.push_back(name + ": zeros do not decode to zeros");
  }
  for (const float extreme : {1e-30f, 1e30f}) {
    std::fill(x.begin(), x.end(), extreme);
    F::encode(x.data(), block);
    F::decode(block, y.data());
    if (!std::all_of(y.begin(), y.end(), [](float v) { return std::isfinite(v); })) {
      problems.push_back(name + ": " + std::to_string(extreme) + " decodes to a value that is not finite");
    }
  }
  return problems;
}

namespace detail {

// The int8 groups of x (n, cols).
template <class Arch>
std::vector<Int8Group> quantized(const std::vector<float>& x, std::size_t n, std::size_t cols) {
  std::vector<Int8Group> groups(QuantizedRows::count(n, cols));
  Solo solo;
  quantize_rows<Arch>(x.data(), n, cols, cols, {groups.data(), QuantizedRows::row_groups(cols)}, solo.member());
  return groups;
}

}  // namespace detail

/// Checks the SIMD code of a format on Arch. Returns one line per problem. Packing must be lossless; both forms of
/// matmul must agree with the reference within the bounds of float sums, for awkward numbers of rows.
template <QuantFormat F, class Arch>
std::vector<std::string> check_format_kernels() {
  using Block = typename F::Block;
  const std::string name = std::string(F::name) + " on " + std::string(Arch::name);
  std::vector<std::string> problems;
  Solo solo;
  const std::size_t cols = 512, blocks = cols / F::values;
  for (const std::size_t rows : awkward_lengths(panel_rows_v<Arch>)) {
    const std::vector<float> weights = with_outliers(rows * cols, rows);
    std::vector<Block> w(rows * blocks), back(rows * blocks);
    encode_row<F>(weights.data(), weights.size(), w.data());
    const Buffer memory(packed_bytes<F, Arch>(rows, cols));
    pack<F, Arch>(w.data(), rows, cols, memory.data(), solo.member());
    unpack<F, Arch>(memory.data(), rows, cols, back.data());
    if (std::memcmp(w.data(), back.data(), w.size() * sizeof(Block)) != 0) {
      problems.push_back(name + ": packing " + std::to_string(rows) + " rows loses bits");
    }

    const PackedMatrix<Arch> packed = make_packed_matrix<F, Arch>(memory.data(), rows, cols);
    for (const std::size_t n : {1u, 2u, 5u}) {
      const std::vector<float> x = with_outliers(n * cols, 11 + n);
      const std::vector<Int8Group> groups = detail::quantized<Arch>(x, n, cols);
      for (const bool int8 : {false, true}) {
        if (int8 && !packed.takes_int8()) continue;
        Activations rows_of_x = float_rows(x.data(), n, cols);
        if (int8) rows_of_x.q = {const_cast<Int8Group*>(groups.data()), QuantizedRows::row_groups(cols)};
        std::vector<float> y(n * rows);
        matmul(packed, rows_of_x, Store<Arch>{y.data(), rows}, solo.member());
        std::vector<float> row(cols);
        for (std::size_t i = 0; i < n * rows; ++i) {
          const std::size_t token = i / rows, r = i % rows;
          const std::span<const float> xs(x.data() + token * cols, cols);
          decode_row<F>(w.data() + r * blocks, cols, row.data());
          const double want =
              int8 ? ref::dot<F>(w.data() + r * blocks, blocks, groups.data() + token * QuantizedRows::row_groups(cols))
                   : ref::dot<F>(w.data() + r * blocks, blocks, xs.data());
          // Decoding in registers may round a weight once more than F::decode.
          const double bound = 2.0 * dot_tolerance(row, xs);
          if (!(std::fabs(static_cast<double>(y[i]) - want) <= bound)) {
            problems.push_back(name + (int8 ? ", int8" : ", float") + " activations: row " + std::to_string(r) +
                               " of " + std::to_string(rows) + ": got " + std::to_string(y[i]) + ", want " +
                               std::to_string(want) + ", allowed error " + std::to_string(bound));
            break;
          }
        }
      }
    }
  }
  return problems;
}

}  // namespace testing
VLMT_END_NAMESPACE
