// The nouns of the CPU backend: packed matrices, rows of activations and their forms, scratch memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/kernel/attention_plan.hpp"
#include "vlmt/kernel/cpu/input_rows.hpp"
#include "vlmt/kernel/kv_cache.hpp"
#include "vlmt/kernel/kv_format.hpp"
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/kernel/step_sequences.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/low_rank.hpp"
#include "vlmt/op/numerics.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// n rows of `cols` values in the forms that the products that read them take.
struct FormedRows {
  InputRows buffer;
  std::size_t n = 0;
  std::size_t cols = 0;
  RowForms forms;

  Activations activations() const noexcept { return buffer.rows(n, cols, forms); }
  /// Calls f with the sink that writes these rows.
  template <class Arch, class F>
  void write(F&& f) const {
    buffer.write<Arch>(cols, forms, f);
  }
};

}  // namespace cpu

template <class A>
struct BackendTypes<Cpu<A>> {
  using Matrix = PackedMatrix<A>;
  using Experts = PackedExperts<A>;
  using RowBuffer = InputRows;
  using Rows = cpu::FormedRows;
  using AttendScratch = AttentionScratch;
  using Sequences = StepSequences;
  using KvCache = KvCacheIn<Buffer>;

  /// The format of a KV cache: the one with this GGUF type number, or Default. Throws InputError if there is none.
  template <class Default>
  static const KvLeaf& cache_format(std::optional<std::uint32_t> type) {
    if (!type) return kv_leaf_v<Default, A>;
    if (const KvLeaf* found = find_kv_leaf<A>(*type)) return *found;
    throw InputError("unsupported KV cache format",
                     {{}, {}, "kv", "F16, F32, BF16, Q8_0 or Q4_0", "type " + std::to_string(*type)});
  }

  /// Enough for full speed of products, little enough to stay in the caches.
  static constexpr std::size_t row_chunk = 1024;

  static RowBuffer take_rows(Carver& carver, std::size_t rows, std::size_t cols) {
    return InputRows::take<A>(carver, rows, cols);
  }
  static RowBuffer take_normed_rows(Carver& carver, std::size_t rows, std::size_t cols) {
    return InputRows::take_corrected<A>(carver, rows, cols);
  }

  template <class... Readers>
  static Rows rows(const RowBuffer& buffer, Numerics numerics, std::size_t n, std::size_t cols, std::size_t reader_rows,
                   const Readers&... readers) noexcept {
    return {buffer, n, cols, activation_forms<A>(numerics, reader_rows, cols, {leaves_of(readers)...})};
  }
  static float* floats(const RowBuffer& buffer) noexcept { return buffer.x; }

  /// For up to `sequences` rows of one sequence each over `capacity` slots, and any number of rows of one sequence.
  static AttendScratch take_attend(Carver& carver, std::size_t heads, std::size_t head_dim, std::size_t capacity,
                                   std::size_t sequences, std::size_t members) {
    AttentionScratch scratch;
    scratch.tiles = carver.take<float>(members * attention_tile_floats(head_dim));
    scratch.partials = carver.take<float>(attention_partial_floats(sequences, heads, head_dim, capacity));
    scratch.capacity = capacity;
    return scratch;
  }

 private:
  template <class Reader>
  static const MatmulLeaves* leaves_of(const Reader& reader) noexcept {
    return reader.leaves;
  }
  static const MatmulLeaves* leaves_of(const op::FloatReader&) noexcept { return nullptr; }
};

VLMT_END_NAMESPACE
