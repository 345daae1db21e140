// The sequences whose tokens are computed in one step. Each sequence has its own KV cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/nn/kv_cache.hpp"

VLMT_BEGIN_NAMESPACE

/// Rows [first[i], first[i + 1]) of a step are consecutive tokens of sequence i. They go to slots start[i], start[i] +
/// 1, ... of its cache. The host fills the arrays before the step runs; ops only read them. The caches must outlive the
/// step.
struct StepSequences {
  const KvCache** caches = nullptr;  ///< (sequences)
  std::int32_t* start = nullptr;     ///< (sequences)
  std::int32_t* first = nullptr;     ///< (sequences + 1)

  static StepSequences take(Carver& carver, std::size_t sequences) {
    return {carver.take<const KvCache*>(sequences), carver.take<std::int32_t>(sequences),
            carver.take<std::int32_t>(sequences + 1)};
  }

  /// Sets sequence i to `rows` tokens that start at `slot` of `cache`. Call it for i = 0, 1, ... in order, before the
  /// step runs.
  void set(std::size_t i, const KvCache& cache, std::size_t slot, std::size_t rows) const noexcept {
    caches[i] = &cache;
    start[i] = static_cast<std::int32_t>(slot);
    if (i == 0) first[0] = 0;
    first[i + 1] = first[i] + static_cast<std::int32_t>(rows);
  }

  /// Calls f(i, first row, rows, cache of the layer, &start[i]) for each of `count` sequences. Call it inside an op.
  template <class F>
  void for_each(std::size_t count, std::size_t layer, F&& f) const noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      f(i, static_cast<std::size_t>(first[i]), static_cast<std::size_t>(first[i + 1] - first[i]),
        caches[i]->layer(layer), start + i);
    }
  }
};

VLMT_END_NAMESPACE
