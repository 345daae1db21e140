// Parameters that differ between processors with the same instruction set, chosen once at start-up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

struct Tuning {
  /// Distance, in bytes, at which leaves for a few rows prefetch weights into the second-level cache, in addition to
  /// the nearer prefetch into the first level; 0: none. Intel's first level keeps 16 reads open, half of what a core
  /// needs to use its share of the memory bandwidth, so lines must already be on their way to the second level. AMD's
  /// reads stay in order by themselves, and a second stream of prefetches costs a quarter of the speed.
  std::size_t far_bytes = 0;
  /// Distances, in bytes, at which attention prefetches rows of the KV cache into the first and the second level; 0:
  /// none. Intel needs both, for the same reason.
  std::size_t kv_near_bytes = 0;
  std::size_t kv_far_bytes = 8192;
  /// Maximum rows of activations that are multiplied with weights unpacked in registers; for more rows, weights are
  /// expanded in memory once. Applies to leaves that take any number of rows. On AMD, registers win for any number. On
  /// Intel, the sums, which are kept in the tile, cost more than the expansion above some number of rows.
  std::size_t direct_rows = std::numeric_limits<std::size_t>::max();
};

inline Tuning find_tuning() noexcept {
  Tuning t;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_is("intel")) {
    t.far_bytes = 16384;
    t.kv_near_bytes = 2048;
    t.direct_rows = 20;
  }
#endif
  return t;
}

inline const Tuning tuning = find_tuning();

}  // namespace cpu

VLMT_END_NAMESPACE
