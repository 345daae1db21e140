// Input forms of a matmul: rows of floats, of int8 groups and of bfloat16.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/quantize.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/int8_group.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/numeric/bfloat16.hpp"

VLMT_BEGIN_NAMESPACE

/// Non-owning rows of int8 groups: group g of row r is groups[r * stride + g]. A RowSink, so a norm or an activation
/// writes it without an intermediate float row.
///
/// Rows may carry corrections. An outlier in a group leaves few quantisation steps to the other 31 values, so the
/// rounding error of such a group is quantised as a second group. A matmul adds the products of the corrections that
/// are marked.
struct QuantizedRows {
  Int8Group* groups = nullptr;
  std::size_t stride = 0;             ///< groups from row to row, in all three arrays
  Int8Group* corrections = nullptr;   ///< null: rows without corrections
  std::uint8_t* corrected = nullptr;  ///< 1 for groups with a correction, else 0; null if `corrections` is

  /// Groups per row of k values; k must be a multiple of 32.
  static constexpr std::size_t row_groups(std::size_t k) noexcept { return k / Int8Group::values; }
  /// Groups to allocate for (rows, k) values.
  static constexpr std::size_t count(std::size_t rows, std::size_t k) noexcept { return rows * row_groups(k); }

  const Int8Group* row(std::size_t r) const noexcept { return groups + r * stride; }

  /// Quantises 32 values into group g of row r.
  template <class Arch>
  void quantize(std::size_t r, std::size_t g, const float* values) const noexcept {
    const std::size_t at = r * stride + g;
    const std::int32_t magnitudes = cpu::quantize_group<Arch>(values, groups[at]);
    if (corrections != nullptr)
      corrected[at] = cpu::correct_group<Arch>(values, groups[at], magnitudes, corrections[at]);
  }

  float* row_pointer(std::size_t, std::size_t, float* buffer) const noexcept { return buffer; }
  /// Quantises `count` values of a row from `column` on; both must be multiples of 32.
  template <class Arch>
  void commit(std::size_t row, std::size_t column, std::size_t count, const float* values) const noexcept {
    for (std::size_t i = 0; i < count; i += Int8Group::values) {
      quantize<Arch>(row, (column + i) / Int8Group::values, values + i);
    }
  }
  PrefetchTarget target(std::size_t row, std::size_t column) const noexcept {
    return {groups + row * stride + column / Int8Group::values, stride * sizeof(Int8Group), sizeof(Int8Group)};
  }
  void assert_fits([[maybe_unused]] const char* call, [[maybe_unused]] std::size_t rows,
                   [[maybe_unused]] std::size_t columns, [[maybe_unused]] std::size_t run) const {
    VLMT_ASSERT_SET(call, groups);
    VLMT_ASSERT_MULTIPLE(call, run, Int8Group::values);
    if (rows > 1) VLMT_ASSERT_LE(call, row_groups(columns), stride);
    if (corrections != nullptr) VLMT_ASSERT_SET(call, corrected);
  }
};
static_assert(RowSink<QuantizedRows>);

/// Non-owning rows of values rounded to bfloat16: the input of products in tile registers (AMX).
struct Bf16Rows {
  bfloat16* data = nullptr;
  std::size_t stride = 0;  ///< values from row to row

  float* row_pointer(std::size_t, std::size_t, float* buffer) const noexcept { return buffer; }
  template <class Arch>
  void commit(std::size_t row, std::size_t column, std::size_t count, const float* values) const noexcept {
    bfloat16* out = data + row * stride + column;
    std::size_t i = 0;
    if constexpr (!is_reference_v<Arch>) {
      using F = simd::Floats<Arch>;
      for (; i + F::lanes <= count; i += F::lanes) F::load(values + i).store(out + i);
    }
    for (; i < count; ++i) out[i] = bfloat16(values[i]);
  }
  PrefetchTarget target(std::size_t row, std::size_t column) const noexcept {
    return {data + row * stride + column, stride * sizeof(bfloat16), 32 * sizeof(bfloat16)};
  }
  void assert_fits([[maybe_unused]] const char* call, [[maybe_unused]] std::size_t rows,
                   [[maybe_unused]] std::size_t columns, std::size_t) const {
    VLMT_ASSERT_SET(call, data);
    if (rows > 1) VLMT_ASSERT_LE(call, columns, stride);
  }
};
static_assert(RowSink<Bf16Rows>);

/// Input of a matmul: n rows of k activations in one or more forms. A matmul reads the first form that is present and
/// that the weights have kernels for: `b` (quantised, F16 and BF16 weights on an arch with tiles, k a multiple of 32),
/// `q` (quantised weights, except formats of users without Unpack), `x` (all weights).
struct Activations {
  const float* x = nullptr;  ///< row r at x + r * stride
  std::size_t stride = 0;    ///< floats from row to row
  QuantizedRows q;           ///< absent if q.groups is null
  std::size_t rows = 0;
  std::size_t cols = 0;
  Bf16Rows b{};  ///< absent if b.data is null
};

/// Dense rows of floats only: the exact form.
inline Activations float_rows(const float* x, std::size_t rows, std::size_t cols) noexcept {
  return {x, cols, {}, rows, cols};
}

/// out = x quantised, x (n, k) with `stride` floats from row to row; k must be a multiple of 32. Groups are split
/// across the team.
template <class Arch>
void quantize_rows(const float* x, std::size_t n, std::size_t k, std::size_t stride, const QuantizedRows& out,
                   Member& m) {
  VLMT_ASSERT_MULTIPLE("quantize_rows", k, Int8Group::values);
  assert_input("quantize_rows: x", x, n, k, stride);
  assert_fits("quantize_rows: out", out, n, k, k);
  const std::size_t groups = QuantizedRows::row_groups(k);
  const Range mine = m.share(n * groups, 8);
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const std::size_t r = i / groups;
    const std::size_t g = i % groups;
    out.template quantize<Arch>(r, g, x + r * stride + g * Int8Group::values);
  }
}

/// out = x (n, k), dense, rounded to bfloat16. Rows are split across the team.
template <class Arch>
void round_rows_to(const float* x, std::size_t n, std::size_t k, const Bf16Rows& out, Member& m) {
  assert_input("round_rows_to: x", x, n, k, k);
  assert_fits("round_rows_to: out", out, n, k, k);
  const Range mine = m.share(n);
  for (std::size_t r = mine.begin; r < mine.end; ++r) out.template commit<Arch>(r, 0, k, x + r * k);
}

VLMT_END_NAMESPACE
