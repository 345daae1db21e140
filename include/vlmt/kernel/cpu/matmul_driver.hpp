// Drivers of the matmul leaves: cut the output into tiles, share them over a team and hand them to epilogues. They are
// independent of the weight format.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/cpu/corrected_groups.hpp"
#include "vlmt/kernel/cpu/input_form.hpp"
#include "vlmt/kernel/cpu/product_stack.hpp"
#include "vlmt/kernel/cpu/tuning.hpp"
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/kernel/row_sink.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Rows of the activations that an operand reads: rows[first], rows[first + 1], ..., or first, first + 1, ... if rows
/// is null.
struct RowSlots {
  std::size_t first = 0;
  const std::int32_t* rows = nullptr;
};

/// Addresses of the activation rows of one operand.
struct RowSource {
  const std::byte* base;
  std::size_t stride;  ///< in bytes
  RowSlots slots;

  VLMT_INLINE std::size_t index(std::size_t i) const noexcept {
    const std::size_t at = slots.first + i;
    return slots.rows != nullptr ? static_cast<std::size_t>(slots.rows[at]) : at;
  }
  VLMT_INLINE const void* row(std::size_t i) const noexcept { return base + index(i) * stride; }
};

/// Weights, and the form of the activations that they read.
template <class Arch>
struct Operand {
  const std::byte* data;
  std::size_t rows;  ///< output columns
  std::size_t row_blocks;
  std::size_t block_values;
  std::size_t panel_bytes;
  float scale;
  const LeafSet* leaves;
  RowSource source;
  QuantizedRows quantized;  ///< empty unless int8 groups are read
  CorrectedGroups corrections;

  Operand(const PackedMatrix<Arch>& w, const Activations& x, RowSlots slots) noexcept
      : data(w.data),
        rows(w.rows),
        row_blocks(w.row_blocks()),
        block_values(w.leaves->block_values),
        panel_bytes(w.panel_bytes()),
        scale(w.scale) {
    use_tuning();
    switch (input_form(w, x)) {
      case InputForm::bf16:
        leaves = &w.leaves->bf16_form;
        source = {reinterpret_cast<const std::byte*>(x.b.data), x.b.stride * sizeof(bfloat16), slots};
        break;
      case InputForm::int8:
        leaves = &w.leaves->int8_form;
        source = {reinterpret_cast<const std::byte*>(x.q.groups), x.q.stride * sizeof(Int8Group), slots};
        quantized = x.q;
        corrections = CorrectedGroups(x.q, x.rows, row_blocks * block_values);
        break;
      case InputForm::floats:
        leaves = &w.leaves->float_form;
        source = {reinterpret_cast<const std::byte*>(x.x), x.stride * sizeof(float), slots};
        break;
    }
  }

  /// Another matrix of the same shape and format over other rows of the same activations.
  Operand of(const PackedMatrix<Arch>& w, RowSlots slots) const noexcept {
    VLMT_DASSERT(w.rows == rows && w.row_blocks() == row_blocks);
    Operand other = *this;
    other.data = w.data;
    other.scale = w.scale;
    other.source.slots = slots;
    return other;
  }

  std::size_t column_blocks() const noexcept { return ceil_div(rows, tile_columns); }
  /// Bytes of weights of 32 output columns.
  std::size_t block_bytes() const noexcept { return panel_bytes * (tile_columns / Arch::lanes); }

  /// tile (n, 32) = columns [32 * block, ...) for activation rows [first, first + n), n <= max_pass_rows; up to three
  /// more rows of the tile may be written. Prefetches `target`, which the caller writes next.
  void compute(std::size_t block, std::size_t first, std::size_t n, const PrefetchTarget& target,
               float* tile) const noexcept {
    static_assert(max_pass_rows % 4 == 0);
    const void* row[max_pass_rows];
    for (std::size_t i = 0; i < n; ++i) row[i] = source.row(first + i);
    for (std::size_t i = n; i % 4 != 0; ++i) row[i] = row[n - 1];  // for leaves that take four rows
    const std::size_t panels = ceil_div(rows, Arch::lanes);
    const std::size_t begin = block * (tile_columns / Arch::lanes);
    const std::size_t end = begin + tile_columns / Arch::lanes < panels ? begin + tile_columns / Arch::lanes : panels;
    const bool direct = is_direct(n);
    for (std::size_t p = begin; p < end; p += panels_at_once) {
      float* out = tile + (p - begin) * Arch::lanes;
      const PrefetchTarget next = p + panels_at_once >= end ? target : PrefetchTarget{};
      if (direct) {
        request(next, 0, n);
        unpacked(p, panels - p, row, n, out);
      } else {
        expanded(p, panels - p, row, n, next, out);
      }
    }
    if (corrections.some()) add_corrections(begin, end, panels, first, n, tile);
    if (scale != 1.0f) {
      const std::size_t columns = (end - begin) * Arch::lanes;
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t c = 0; c < columns; ++c) tile[i * tile_columns + c] *= scale;
      }
    }
  }

 private:
  /// Prefetches rows [first, last) of the memory that the epilogue writes.
  static void request(const PrefetchTarget& target, std::size_t first, std::size_t last) noexcept {
    for (std::size_t r = first; r < last; ++r) {
      detail::prefetch<detail::CacheLevel::second_level>(target.row(r), target.bytes);
    }
  }

  /// True if the leaves that unpack panels in registers are fastest for n rows.
  bool is_direct(std::size_t n) const noexcept {
    if (leaves->one == nullptr) return false;
    return leaves->expand == nullptr || n <= (leaves->fours != nullptr ? direct_rows() : 4);
  }

  /// Multiplies side-by-side panels from `first` on with n rows, through the leaves that unpack them in registers.
  /// `left` is the number of panels from `first` to the end of the matrix.
  void unpacked(std::size_t first, std::size_t left, const void* const* row, std::size_t n,
                float* tile) const noexcept {
    const std::size_t count = left < panels_at_once ? left : panels_at_once;
    const std::byte* panel = data + first * panel_bytes;
    if (n > 4 && leaves->fours != nullptr) {
      // Past the last panel, repeats the first one: those columns of the tile are not used.
      const std::size_t stride = count == panels_at_once ? panel_bytes : 0;
      leaves->fours(panel, stride, row_blocks, row, round_up(n, std::size_t{4}), tile);
      return;
    }
    for (std::size_t p = 0; p < count; ++p, panel += panel_bytes, tile += Arch::lanes) {
      std::size_t r = 0;
      for (; n - r >= 4; r += 4) leaves->four(panel, row_blocks, row + r, tile + r * tile_columns);
      for (; n - r >= 2; r += 2) leaves->two(panel, row_blocks, row + r, tile + r * tile_columns);
      if (n != r) leaves->one(panel, row_blocks, row + r, tile + r * tile_columns);
    }
  }

  /// The same with weights that are expanded in stretches, once for all n rows.
  void expanded(std::size_t first, std::size_t left, const void* const* row, std::size_t n,
                const PrefetchTarget& target, float* tile) const noexcept {
    if constexpr (!is_reference_v<Arch>) {
      alignas(64) std::byte stretch[stretch_bytes<Arch>];
      for (std::size_t i = 0; i < panels_at_once; ++i) clear_tile<Arch>(tile + i * Arch::lanes, n);
      for (std::size_t k = 0; k < row_blocks; k += leaves->stretch_blocks) {
        const std::size_t blocks = row_blocks - k < leaves->stretch_blocks ? row_blocks - k : leaves->stretch_blocks;
        expand(first, left, k, blocks, stretch);
        Upcoming next = weights_after(first, left, k + blocks);
        if (k + blocks == row_blocks) next.target = target;
        multiply(stretch, blocks * block_values / leaves->unit_values, row, k * block_values / leaves->unit_values, n,
                 next, tile);
      }
    }
  }

  /// Memory that is needed after the current products: the same bytes of each of the side-by-side panels, and the
  /// memory that the epilogue writes.
  struct Upcoming {
    const std::byte* panel = nullptr;
    std::size_t panels = 0;
    std::size_t bytes = 0;  ///< per panel
    PrefetchTarget target;
  };

  /// Weights after block k of the side-by-side panels: their next blocks, or the first blocks of the next panels.
  Upcoming weights_after(std::size_t first, std::size_t left, std::size_t k) const noexcept {
    if (k == row_blocks) {
      if (left <= panels_at_once) return {};
      first += panels_at_once;
      left -= panels_at_once;
      k = 0;
    }
    const std::size_t block_bytes = panel_bytes / row_blocks;
    const std::size_t blocks = row_blocks - k < leaves->stretch_blocks ? row_blocks - k : leaves->stretch_blocks;
    const std::size_t panels = left < panels_at_once ? left : panels_at_once;
    return {data + first * panel_bytes + k * block_bytes, panels, blocks * block_bytes, {}};
  }

  /// stretch = blocks [k, k + blocks) of the side-by-side panels. Past the last panel, repeats the first one: those
  /// columns of the tile are not used.
  void expand(std::size_t first, std::size_t left, std::size_t k, std::size_t blocks,
              std::byte* stretch) const noexcept {
    const std::size_t block_bytes = panel_bytes / row_blocks;
    for (std::size_t i = 0; i < panels_at_once; ++i) {
      const std::size_t p = i < left ? first + i : first;
      leaves->expand(data + p * panel_bytes + k * block_bytes, blocks, stretch + i * Arch::lanes * sizeof(float));
    }
  }

  /// tile += `count` units of a stretch times units [at, at + count) of n rows. Prefetches `next`.
  void multiply(const std::byte* stretch, std::size_t count, const void* const* row, std::size_t at, std::size_t n,
                const Upcoming& next, float* tile) const noexcept {
    const std::size_t row_share = round_up(ceil_div(next.panels * next.bytes, n), cache_line);
    std::size_t panel = 0, asked = 0;
    std::size_t r = 0;
    for (std::size_t i = 0; r < n; ++i) {
      for (const std::size_t step = leaves->expanded_rows[i]; n - r >= step; r += step) {
        PrefetchRange ahead;
        if (panel < next.panels) {
          const std::size_t left = next.bytes - asked;
          ahead = {next.panel + panel * panel_bytes + asked, step * row_share < left ? step * row_share : left};
          asked += ahead.bytes;
          if (asked == next.bytes) {
            ++panel;
            asked = 0;
          }
        }
        request(next.target, r, r + step);
        leaves->expanded[i](stretch, count, row + r, at, leaves->zero_bits, ahead, tile + r * tile_columns);
      }
    }
  }

  /// tile += corrections of the rows times weights, group by group. Corrections are few and in the same columns for
  /// most rows, because norms and not tokens cause outliers. A row without one adds zeros, which change no bit of its
  /// sum.
  void add_corrections(std::size_t begin, std::size_t end, std::size_t panels, std::size_t first, std::size_t n,
                       float* tile) const noexcept {
    const std::size_t groups = row_blocks * block_values / Int8Group::values;
    for (std::size_t g = 0; g < groups; ++g) {
      if (corrections.any(g)) add_correction(g, begin, end, panels, first, n, tile);
    }
  }

  VLMT_NOINLINE void add_correction(std::size_t group, std::size_t begin, std::size_t end, std::size_t panels,
                                    std::size_t first, std::size_t n, float* tile) const noexcept {
    static constexpr Int8Group zeros{};
    const void* row[max_pass_rows];
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t at = source.index(first + i) * quantized.stride + group;
      row[i] = quantized.corrected[at] != 0 ? &quantized.corrections[at] : &zeros;
    }
    const std::size_t block = group * Int8Group::values / block_values;
    const std::size_t inside = group - block * block_values / Int8Group::values;
    if constexpr (is_reference_v<Arch>) {
      // A leaf multiplies whole blocks: the other groups of this one are zeros.
      constexpr std::size_t most_groups = 256 / Int8Group::values;
      VLMT_ASSERT(block_values <= most_groups * Int8Group::values);
      const std::size_t block_bytes = panel_bytes / row_blocks;
      for (std::size_t i = 0; i < n; ++i) {
        Int8Group x[most_groups] = {};
        x[inside] = *static_cast<const Int8Group*>(row[i]);
        const void* one = x;
        for (std::size_t p = begin; p < end; ++p) {
          float sum[tile_columns];
          leaves->one(data + p * panel_bytes + block * block_bytes, 1, &one, sum);
          float* out = tile + i * tile_columns + (p - begin) * Arch::lanes;
          for (std::size_t lane = 0; lane < Arch::lanes; ++lane) out[lane] += sum[lane];
        }
      }
    } else {
      alignas(64) std::byte stretch[stretch_bytes<Arch>];
      for (std::size_t p = begin; p < end; p += panels_at_once) {
        expand(p, panels - p, block, 1, stretch);
        multiply(stretch + inside * leaves->unit_bytes, 1, row, 0, n, {}, tile + (p - begin) * Arch::lanes);
      }
    }
  }

  static constexpr std::size_t panels_at_once = is_reference_v<Arch> ? 1 : side_panels<Arch>;
};

/// One matrix product with its epilogue.
template <class Arch, class Epilogue>
struct SingleJob {
  Operand<Arch> w;
  const Epilogue& epilogue;

  std::size_t columns() const noexcept { return w.rows; }
  std::size_t block_bytes() const noexcept { return w.block_bytes(); }

  void tile(std::size_t block, std::size_t first, std::size_t n, std::size_t out_row) const noexcept {
    alignas(64) float values[max_pass_rows * tile_columns];
    const std::size_t col = block * tile_columns;
    w.compute(block, first, n, target_of(epilogue, out_row, col), values);
    const std::size_t count = w.rows - col < tile_columns ? w.rows - col : tile_columns;
    for (std::size_t i = 0; i < n; ++i) epilogue(out_row + i, col, count, values + i * tile_columns);
  }
};

/// Two products over the same activations; the epilogue takes a tile of each.
template <class Arch, class Epilogue>
struct PairJob {
  Operand<Arch> a;
  Operand<Arch> b;
  const Epilogue& epilogue;

  std::size_t columns() const noexcept { return a.rows; }
  std::size_t block_bytes() const noexcept { return a.block_bytes() + b.block_bytes(); }

  void tile(std::size_t block, std::size_t first, std::size_t n, std::size_t out_row) const noexcept {
    if constexpr (!is_reference_v<Arch>) static_assert(fits_kernel_stack_v<Arch>);
    alignas(64) float left[max_pass_rows * tile_columns];
    alignas(64) float right[max_pass_rows * tile_columns];
    const std::size_t col = block * tile_columns;
    a.compute(block, first, n, {}, left);
    b.compute(block, first, n, target_of(epilogue, out_row, col), right);
    const std::size_t count = a.rows - col < tile_columns ? a.rows - col : tile_columns;
    for (std::size_t i = 0; i < n; ++i) {
      epilogue(out_row + i, col, count, left + i * tile_columns, right + i * tile_columns);
    }
  }
};

/// Rows [first, last) of activations, at most max_pass_rows, times column blocks [blocks.begin, blocks.end).
template <class Job>
void run_blocks(const Job& job, Range blocks, std::size_t first, std::size_t last, std::size_t out_row,
                Member& m) noexcept {
  for (std::size_t block = blocks.begin; block < blocks.end && !m.stopped(); ++block) {
    job.tile(block, first, last - first, out_row);
  }
}

/// Rows per pass: passes of equal size, a multiple of row_granule, at most max_pass_rows.
template <class Arch>
constexpr std::size_t pass_rows(std::size_t rows) noexcept {
  constexpr std::size_t tile = is_reference_v<Arch> ? 1 : row_granule<Arch>;
  constexpr std::size_t most = max_pass_rows / tile * tile;
  return round_up(ceil_div(rows, ceil_div(rows, most)), tile);
}

/// Time of one column block for `rows` rows of `cols` values, in units of one byte of weights read: the arithmetic of a
/// row costs about one such unit per value.
inline std::size_t block_cost(std::size_t block_bytes, std::size_t rows, std::size_t cols) noexcept {
  return block_bytes + rows * cols;
}

/// Cuts a sequence of runs of equally expensive units into contiguous parts of about equal cost. The caller walks the
/// sequence at least twice: once through `add`, then through `take` for every range of parts.
class CostShare {
 public:
  explicit CostShare(std::size_t parts) noexcept : parts_(parts) {}

  void add(std::size_t units, std::size_t cost) noexcept { total_ += units * cost; }
  /// Restarts the walk for parts [first, last).
  void begin(std::size_t first, std::size_t last) noexcept {
    first_ = at(first);
    last_ = at(last);
    passed_ = 0;
  }
  /// Units of the next run that start in these parts.
  Range take(std::size_t units, std::size_t cost) noexcept {
    const Range part{clamp(first_, units, cost), clamp(last_, units, cost)};
    passed_ += units * cost;
    return part;
  }

 private:
  // total * part / parts without overflow.
  std::size_t at(std::size_t part) const noexcept { return total_ / parts_ * part + total_ % parts_ * part / parts_; }
  std::size_t clamp(std::size_t border, std::size_t units, std::size_t cost) const noexcept {
    if (border <= passed_) return 0;
    const std::size_t n = ceil_div(border - passed_, cost);
    return n < units ? n : units;
  }

  std::size_t parts_;
  std::size_t total_ = 0;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  std::size_t passed_ = 0;
};

/// Division of a job: passes of `pass` rows each over column blocks. The unit of sharing is a column block with all
/// passes or, if there are too few blocks for the team, with one pass.
struct JobCut {
  std::size_t blocks;
  std::size_t pass;
  bool by_rows;
  std::size_t units;
  std::size_t unit_cost;
};

template <class Arch, class Job>
JobCut cut_job(const Job& job, std::size_t rows, std::size_t cols, std::size_t members) noexcept {
  constexpr std::size_t tile = is_reference_v<Arch> ? 1 : row_granule<Arch>;
  const std::size_t wanted = 4 * members;
  JobCut cut{};
  cut.blocks = ceil_div(job.columns(), tile_columns);
  cut.pass = pass_rows<Arch>(rows);
  cut.by_rows = members > 1 && cut.blocks < wanted;
  if (cut.by_rows && cut.blocks != 0) {
    const std::size_t pass = round_up(ceil_div(rows, ceil_div(wanted, cut.blocks)), tile);
    if (pass < cut.pass) cut.pass = pass;
  }
  cut.units = cut.blocks * (cut.by_rows ? ceil_div(rows, cut.pass) : 1);
  cut.unit_cost = block_cost(job.block_bytes(), cut.by_rows ? cut.pass : rows, cols);
  return cut;
}

/// Runs jobs over the same activations (rows, cols) as one operation, shared over the team by cost.
template <class Arch, class... Jobs>
void run_jobs(std::size_t rows, std::size_t cols, Member& m, const Jobs&... jobs) noexcept {
  if (rows == 0) return;
  CostShare share(Member::parts_per_member * m.size());
  const auto add = [&](const auto& job) {
    const JobCut cut = cut_job<Arch>(job, rows, cols, m.size());
    share.add(cut.units, cut.unit_cost);
  };
  (add(jobs), ...);
  const auto run = [&](const auto& job) {
    const JobCut cut = cut_job<Arch>(job, rows, cols, m.size());
    const Range units = share.take(cut.units, cut.unit_cost);
    const auto pass = [&](Range blocks, std::size_t first) {
      run_blocks(job, blocks, first, rows - first < cut.pass ? rows : first + cut.pass, first, m);
    };
    if (cut.by_rows) {
      for (std::size_t u = units.begin; u < units.end; ++u) {
        const std::size_t block = u % cut.blocks;
        pass({block, block + 1}, u / cut.blocks * cut.pass);
      }
    } else if (!units.empty()) {
      for (std::size_t first = 0; first < rows; first += cut.pass) pass(units, first);
    }
  };
  m.claim_parts([&](std::size_t first, std::size_t last) {
    share.begin(first, last);
    (run(jobs), ...);
  });
}

}  // namespace cpu

VLMT_END_NAMESPACE
