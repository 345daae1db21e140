// Matrix products with one weight matrix per group of rows: the experts of a mixture-of-experts layer.
//
// The grouping is read from memory when the kernel runs. The weights of experts without rows are not read. Work is
// split across the team by cost.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/cpu/matmul_driver.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/op/expert_groups.hpp"
#include "vlmt/kernel/packed_matrix.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Runs the job make(expert, its rows) of every expert that has rows. `cost_bytes` is the number of weight bytes of 32
/// columns of one expert.
template <class Arch, class MakeJob>
void run_groups(const ExpertGroups& groups, const std::int32_t* rows, std::size_t columns, std::size_t cols,
                std::size_t cost_bytes, Member& m, const MakeJob& make) noexcept {
  const std::size_t blocks = ceil_div(columns, tile_columns);
  const auto slot = [&](std::size_t e) { return static_cast<std::size_t>(groups.offsets[e]); };
  CostShare share(Member::parts_per_member * m.size());
  for (std::size_t e = 0; e < groups.experts; ++e) {
    const std::size_t n = slot(e + 1) - slot(e);
    if (n != 0) share.add(blocks, block_cost(cost_bytes, n, cols));
  }
  m.claim_parts([&](std::size_t first, std::size_t last) {
    share.begin(first, last);
    for (std::size_t e = 0; e < groups.experts; ++e) {
      const std::size_t n = slot(e + 1) - slot(e);
      if (n == 0) continue;
      const Range mine = share.take(blocks, block_cost(cost_bytes, n, cols));
      if (mine.empty()) continue;
      const auto job = make(e, RowSlots{slot(e), rows});
      const std::size_t pass = pass_rows<Arch>(n);
      for (std::size_t r = 0; r < n; r += pass) run_blocks(job, mine, r, n - r < pass ? n : r + pass, slot(e) + r, m);
    }
  });
}

}  // namespace cpu

namespace detail {

/// Asserts that stacked matrices fit the groups and the activations; returns the number of grouped rows.
template <class Arch>
std::size_t assert_experts(const char* call, const PackedExperts<Arch>& w, const ExpertGroups& groups,
                           const std::int32_t* rows, const Activations& x) {
  VLMT_ASSERT_EQ(call, w.experts, groups.experts);
  VLMT_ASSERT_SET(call, groups.offsets);
  VLMT_ASSERT_SET(call, w.leaves);
  cpu::assert_operand(call, w.expert(0), x);
  const auto grouped = static_cast<std::size_t>(groups.offsets[groups.experts]);
  if (rows == nullptr) VLMT_ASSERT_LE(call, grouped, x.rows);
  return grouped;
}

}  // namespace detail

/// For each expert e and each of its grouped rows s: ep(s, col, n, values) receives the tiles of x[rows[s]] * w[e]^T.
/// `rows` is groups.tokens if x has one row per token, and null if x has the grouped rows themselves.
template <class Arch, class Epilogue>
void grouped_matmul(const PackedExperts<Arch>& w, const ExpertGroups& groups, const std::int32_t* rows,
                    const Activations& x, const Epilogue& ep, Member& m) {
  const std::size_t grouped = detail::assert_experts("grouped_matmul", w, groups, rows, x);
  assert_fits("grouped_matmul: epilogue", ep, grouped, w.rows, w.rows);
  const cpu::Operand<Arch> first(w.expert(0), x, {});
  cpu::run_groups<Arch>(groups, rows, w.rows, w.cols, first.block_bytes(), m, [&](std::size_t e, cpu::RowSlots slots) {
    return cpu::SingleJob<Arch, Epilogue>{first.of(w.expert(e), slots), ep};
  });
}

/// The same for two matrices of equal shape per expert, such as gate and up: ep(s, col, n, a_values, b_values) receives
/// both tiles.
template <class Arch, class Epilogue>
void grouped_matmul_pair(const PackedExperts<Arch>& a, const PackedExperts<Arch>& b, const ExpertGroups& groups,
                         const std::int32_t* rows, const Activations& x, const Epilogue& ep, Member& m) {
  VLMT_ASSERT_EQ("grouped_matmul_pair", a.rows, b.rows);
  const std::size_t grouped = detail::assert_experts("grouped_matmul_pair: a", a, groups, rows, x);
  detail::assert_experts("grouped_matmul_pair: b", b, groups, rows, x);
  assert_fits("grouped_matmul_pair: epilogue", ep, grouped, a.rows, a.rows);
  const cpu::Operand<Arch> first_a(a.expert(0), x, {});
  const cpu::Operand<Arch> first_b(b.expert(0), x, {});
  cpu::run_groups<Arch>(
      groups, rows, a.rows, a.cols, first_a.block_bytes() + first_b.block_bytes(), m,
      [&](std::size_t e, cpu::RowSlots slots) {
        return cpu::PairJob<Arch, Epilogue>{first_a.of(a.expert(e), slots), first_b.of(b.expert(e), slots), ep};
      });
}

VLMT_END_NAMESPACE
