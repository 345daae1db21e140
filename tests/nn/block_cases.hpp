// Shared parts of tests of nn: archs, random weights with their values in double, workspaces, steps, comparison.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/step_now.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/cpu/lower.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/quant/row.hpp"

#include "kernel/kernel_check.hpp"
#include "nn/double_blocks.hpp"

namespace vlmt_test {

/// Archs of tests of nn: those of the kernel tests and the reference, which is compared with Eigen here.
template <class List>
struct WithReference;
template <class... As>
struct WithReference<vlmt::TypeList<As...>> {
  using type = vlmt::TypeList<vlmt::arch::reference, As...>;
};
using BlockArchs = typename WithReference<SweptArchs>::type;
using BlockTypes = typename TestTypes<BlockArchs>::type;

/// Leaves of F32 and Q8_0 for one of BlockArchs, compiled once, in block_cases_test.cpp.
const vlmt::MatmulLeaves& block_leaves(std::uint32_t type_id, std::string_view arch);

inline Matrix to_matrix(const std::vector<float>& x, std::size_t cols) {
  using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto c = static_cast<Index>(cols);
  return Eigen::Map<const Floats>(x.data(), static_cast<Index>(x.size()) / c, c).cast<double>();
}
inline Row to_row(const std::vector<float>& x) {
  return to_matrix(x, x.size()).row(0);
}

/// n weights of a norm, around 1.
inline std::vector<float> norm_weights(std::size_t n, unsigned seed) {
  std::vector<float> w = gaussian(n, seed, 0.2f);
  for (float& v : w) v += 1.0f;
  return w;
}

/// Random matrices (rows, cols) of a format, packed one after the other, and the values that they hold.
template <class Arch>
class TestWeights {
 public:
  TestWeights(std::uint32_t type_id, std::size_t rows, std::size_t cols, unsigned seed, std::size_t count = 1)
      : matrix_{nullptr, rows, cols, &block_leaves(type_id, Arch::name)}, memory_(count * matrix_.bytes()) {
    const std::size_t row_bytes = vlmt::row_bytes(type_id, cols);
    std::vector<std::byte> blocks(rows * row_bytes);
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<float> x =
          gaussian(rows * cols, seed + 1000 * static_cast<unsigned>(i), 1.0f / std::sqrt(static_cast<float>(cols)));
      for (std::size_t r = 0; r < rows; ++r) {
        vlmt::encode_row(type_id, x.data() + r * cols, cols, blocks.data() + r * row_bytes);
        vlmt::decode_row(type_id, blocks.data() + r * row_bytes, cols, x.data() + r * cols);
      }
      vlmt::Solo solo;
      vlmt::pack<Arch>(*matrix_.leaves, blocks.data(), rows, cols, memory_.data() + i * matrix_.bytes(), solo.member());
      values.push_back(to_matrix(x, cols));
    }
    matrix_.data = memory_.data();
  }

  const vlmt::PackedMatrix<Arch>& matrix() const { return matrix_; }
  vlmt::PackedExperts<Arch> experts(const float* scales = nullptr) const {
    return {memory_.data(), values.size(), matrix_.rows, matrix_.cols, matrix_.leaves, scales};
  }

  std::vector<Matrix> values;

 private:
  vlmt::PackedMatrix<Arch> matrix_;
  vlmt::Buffer memory_;
};

/// Weights and numerics of a test: float weights for tight tolerances, or a quantised format with int8 activations.
struct Precision {
  std::uint32_t type_id;
  vlmt::Numerics numerics;

  /// How products of `rows` rows round.
  template <class Arch>
  Rounding rounding(std::size_t rows) const {
    if (numerics == vlmt::Numerics::exact) return Rounding::none;
    return vlmt::arch::rounds_to_bf16_v<Arch> && rows >= vlmt::min_tile_rows ? Rounding::bf16 : Rounding::int8;
  }
};
inline constexpr Precision exact_floats{vlmt::F32::type_id, vlmt::Numerics::exact};
inline constexpr Precision exact_blocks{vlmt::Q8_0::type_id, vlmt::Numerics::exact};
inline constexpr Precision fast_blocks{vlmt::Q8_0::type_id, vlmt::Numerics::fast};
inline constexpr Precision precisions[] = {exact_floats, exact_blocks, fast_blocks};

/// What take(carver) returns, in memory that holds NaN everywhere.
template <class Take>
auto carve(vlmt::Buffer& memory, const Take& take) {
  vlmt::Carver counter;
  take(counter);
  memory = vlmt::Buffer(counter.bytes());
  std::memset(memory.data(), 0xff, counter.bytes());
  vlmt::Carver carver(memory.data(), counter.bytes());
  return take(carver);
}

/// Threads of a step in these tests.
inline constexpr std::size_t step_members = 3;

/// Runs the ops that issue(step) issues on a team.
template <class Arch, class Issue>
void run_step(const Issue& issue) {
  vlmt::ThreadTeam team(step_members);
  team.run([&](vlmt::Member& m) {
    vlmt::StepNow<vlmt::Cpu<Arch>> step(m);
    issue(step);
  });
}

/// |got - want| / |want|; infinite for NaN.
inline double relative_error(const Matrix& got, const Matrix& want) {
  const double error = (got - want).norm() / want.norm();
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

/// Sums of some hundred products in float, norms and activations: each adds about eps.
inline constexpr double float_tolerance = 16 * eps;

/// Expects every row of got (rows, want.cols()) within `tolerance` of want, relative to the row.
inline void expect_rows(const std::vector<float>& got, const Matrix& want, double tolerance = float_tolerance) {
  ASSERT_EQ(static_cast<Index>(got.size()), want.size());
  const Matrix rows = to_matrix(got, static_cast<std::size_t>(want.cols()));
  for (Index r = 0; r < want.rows(); ++r) {
    EXPECT_LE(relative_error(rows.row(r), want.row(r)), tolerance) << "row " << r << " of " << want.rows();
  }
}

/// Compares got with compute(Rounding), in double. Products in float: row by row, tightly. Rounded products: `got`
/// differs from the exact result about as much as a result that is rounded in double does.
template <class Compute>
void expect_computed(const std::vector<float>& got, Rounding rounding, const Compute& compute) {
  const Matrix want = compute(Rounding::none);
  if (rounding == Rounding::none) return expect_rows(got, want);
  const double expected = relative_error(compute(rounding), want);
  const double error = relative_error(to_matrix(got, static_cast<std::size_t>(want.cols())), want);
  EXPECT_LE(error, 1.5 * expected);
  EXPECT_GE(error, expected / 3) << "the product has not been rounded";
}

}  // namespace vlmt_test
