// Matrix products of activations with packed weights: y = x * w^T, with an epilogue on every tile.
//
// Weights (rows, cols) hold one row per output, as in a GGUF file; activations are (n, cols). Results depend on the
// form of the activations, but neither on the size of the team nor on how many rows are computed together. The int8
// form multiplies int8 activations (one scale per 32) with the quants exactly; only the sum over groups of 32 is
// rounded. The float form decodes weights to float. The bfloat16 form, in tile registers, rounds the weights too.
#pragma once

#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/cpu/matmul_driver.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/kernel/ref/matmul.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// One of several products over the same activations, with its epilogue. Holds references.
template <class Arch, class Epilogue>
struct MatmulJob {
  const PackedMatrix<Arch>& w;
  const Epilogue& epilogue;
};
template <class Arch, class Epilogue>
MatmulJob(const PackedMatrix<Arch>&, const Epilogue&) -> MatmulJob<Arch, Epilogue>;

/// ep(row, col, n, values) receives the tiles of x * w^T.
template <class Arch, class Epilogue>
void matmul(const PackedMatrix<Arch>& w, const Activations& x, const Epilogue& ep, Member& m) {
  cpu::assert_operand("matmul", w, x);
  assert_fits("matmul: epilogue", ep, x.rows, w.rows, w.rows);
  cpu::run_jobs<Arch>(x.rows, x.cols, m, cpu::SingleJob<Arch, Epilogue>{{w, x, {}}, ep});
}

/// Several products over the same activations (query, key and value projections) as one operation: no barrier in
/// between, work split across the team by cost. matmul_many(x, m, MatmulJob{wq, store_q}, MatmulJob{wk, store_k}, ...).
template <class Arch, class... Epilogues>
void matmul_many(const Activations& x, Member& m, const MatmulJob<Arch, Epilogues>&... jobs) {
  (cpu::assert_operand("matmul_many", jobs.w, x), ...);
  (assert_fits("matmul_many: epilogue", jobs.epilogue, x.rows, jobs.w.rows, jobs.w.rows), ...);
  cpu::run_jobs<Arch>(x.rows, x.cols, m, cpu::SingleJob<Arch, Epilogues>{{jobs.w, x, {}}, jobs.epilogue}...);
}

/// Two products of equal shape over the same activations, such as gate and up of a gated MLP: ep(row, col, n, a_values,
/// b_values) receives both tiles.
template <class Arch, class Epilogue>
void matmul_pair(const PackedMatrix<Arch>& a, const PackedMatrix<Arch>& b, const Activations& x, const Epilogue& ep,
                 Member& m) {
  VLMT_ASSERT_EQ("matmul_pair", a.rows, b.rows);
  cpu::assert_operand("matmul_pair: a", a, x);
  cpu::assert_operand("matmul_pair: b", b, x);
  assert_fits("matmul_pair: epilogue", ep, x.rows, a.rows, a.rows);
  cpu::run_jobs<Arch>(x.rows, x.cols, m, cpu::PairJob<Arch, Epilogue>{{a, x, {}}, {b, x, {}}, ep});
}

/// y (n, rows) = x (n, cols) * w^T in the float form, for programs with a single kernel.
template <class Arch>
void matmul(const PackedMatrix<Arch>& w, TensorView<const float, 2> x, TensorView<float, 2> y, Member& m) {
  VLMT_ASSERT_EQ("matmul", x.extent(1), w.cols);
  VLMT_ASSERT_EQ("matmul", y.extent(1), w.rows);
  VLMT_ASSERT_EQ("matmul", x.extent(0), y.extent(0));
  matmul(w, float_rows(x.data(), x.extent(0), x.extent(1)), Store<Arch>{y.data(), w.rows}, m);
}

/// The same for a format known at compile time.
template <QuantFormat Format, class Arch>
void matmul(const Packed<Format, Arch>& w, TensorView<const float, 2> x, TensorView<float, 2> y, Member& m) {
  matmul(make_packed_matrix(w), x, y, m);
}

/// Any epilogue and any form of activations, for a format known at compile time.
template <QuantFormat Format, class Arch, class Epilogue>
void matmul(const Packed<Format, Arch>& w, const Activations& x, const Epilogue& ep, Member& m) {
  matmul(make_packed_matrix(w), x, ep, m);
}

/// y (n, rows) = x (n, cols) * w^T in the float form, on the calling thread.
template <QuantFormat Format, class Arch>
void matmul(const Packed<Format, Arch>& w, TensorView<const float, 2> x, TensorView<float, 2> y) {
  Solo solo;
  matmul(w, x, y, solo.member());
}

VLMT_END_NAMESPACE
