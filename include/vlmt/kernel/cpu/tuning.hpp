// What differs between processors that share an instruction set, found once at start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

struct Tuning {
  /// How far ahead of its reads a leaf for a few rows asks for weights in the second-level cache, besides the nearer
  /// request for the first level; 0 for not at all. Intel's first level keeps 16 reads open, half of what a core needs
  /// to use its share of the memory, so that lines must be on their way to the second level before. AMD's reads
  /// stay in order by themselves, and a second stream of requests takes a quarter of the speed away.
  std::size_t far_bytes = 0;
  /// How far ahead of its reads attention asks for rows of a cache, in the first level and in the second; 0 for not at
  /// all. On Intel both, for the same reason.
  std::size_t kv_near_bytes = 0;
  std::size_t kv_far_bytes = 8192;
  /// Up to so many rows of activations are multiplied with weights that are unpacked into registers for them; for more,
  /// weights are expanded in memory once. Where there is a leaf for any number of rows. Registers win on AMD however
  /// many rows there are; on Intel their sums, which stand in the tile, cost more than the expansion from some number
  /// on.
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
