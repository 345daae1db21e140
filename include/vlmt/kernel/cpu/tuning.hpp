// Parameters that differ between processors with the same instruction set. They change the speed of kernels, never a
// bit of their results.
//
// The rules below set them from facts of the processor when the first kernel runs; a caller may set others. Nothing is
// measured.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>
#include <mutex>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// What the rules know about a processor. It does not tell how many reads its caches keep open; only the maker does.
struct ProcessorFacts {
  bool intel = false;
};

/// Facts of the processor that runs this program.
inline ProcessorFacts processor_facts() noexcept {
  ProcessorFacts facts;
#if defined(__x86_64__)
  __builtin_cpu_init();
  facts.intel = __builtin_cpu_is("intel") != 0;
#endif
  return facts;
}

struct Tuning {
  /// direct_rows for any number of rows.
  static constexpr std::size_t always = std::numeric_limits<std::size_t>::max();
  /// Upper bound of distances.
  static constexpr std::size_t max_bytes = std::size_t{1} << 30;

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
  std::size_t direct_rows = always;

  friend constexpr bool operator==(const Tuning&, const Tuning&) = default;
};

/// The rules: the defaults of Tuning, except on processors by Intel.
constexpr Tuning tuning_for(const ProcessorFacts& facts) noexcept {
  Tuning t;
  if (facts.intel) {
    t.far_bytes = 16384;
    t.kv_near_bytes = 2048;
    t.direct_rows = 20;
  }
  return t;
}

namespace detail {

/// The parameters in use. Before they are set they are those of `Tuning{}`: right, but maybe slow.
/// They are independent of each other and read with plain loads, once per leaf, never inside its loops.
struct TuningInUse {
  std::atomic<std::size_t> far_bytes{Tuning{}.far_bytes};
  std::atomic<std::size_t> kv_near_bytes{Tuning{}.kv_near_bytes};
  std::atomic<std::size_t> kv_far_bytes{Tuning{}.kv_far_bytes};
  std::atomic<std::size_t> direct_rows{Tuning{}.direct_rows};
  std::atomic<bool> is_set{false};
  std::mutex mutex;

  void set(const Tuning& t, bool by_rules) noexcept {
    const std::lock_guard lock(mutex);
    if (by_rules && is_set.load(std::memory_order_relaxed)) return;
    far_bytes.store(t.far_bytes, std::memory_order_relaxed);
    kv_near_bytes.store(t.kv_near_bytes, std::memory_order_relaxed);
    kv_far_bytes.store(t.kv_far_bytes, std::memory_order_relaxed);
    direct_rows.store(t.direct_rows, std::memory_order_relaxed);
    is_set.store(true, std::memory_order_release);
  }
};

/// One per process and ABI namespace; constant-initialised.
inline constinit TuningInUse tuning_in_use;

VLMT_NOINLINE inline void set_tuning_by_rules() noexcept {
  tuning_in_use.set(tuning_for(processor_facts()), true);
}

inline std::size_t value_of(const std::atomic<std::size_t>& parameter) noexcept {
  return parameter.load(std::memory_order_relaxed);
}

}  // namespace detail

/// Called by drivers before they call leaves: the rules set what no caller has set.
inline void use_tuning() noexcept {
  if (!detail::tuning_in_use.is_set.load(std::memory_order_acquire)) detail::set_tuning_by_rules();
}

inline std::size_t far_bytes() noexcept {
  return detail::value_of(detail::tuning_in_use.far_bytes);
}
inline std::size_t kv_near_bytes() noexcept {
  return detail::value_of(detail::tuning_in_use.kv_near_bytes);
}
inline std::size_t kv_far_bytes() noexcept {
  return detail::value_of(detail::tuning_in_use.kv_far_bytes);
}
inline std::size_t direct_rows() noexcept {
  return detail::value_of(detail::tuning_in_use.direct_rows);
}

/// The tuning in use.
inline Tuning tuning() noexcept {
  use_tuning();
  return {far_bytes(), kv_near_bytes(), kv_far_bytes(), direct_rows()};
}

/// Uses `t` instead of the rules. Distances are at most Tuning::max_bytes. May be called at any time; kernels that are
/// running may keep the old values.
inline void set_tuning(const Tuning& t) {
  VLMT_ASSERT(t.far_bytes <= Tuning::max_bytes);
  VLMT_ASSERT(t.kv_near_bytes <= Tuning::max_bytes);
  VLMT_ASSERT(t.kv_far_bytes <= Tuning::max_bytes);
  detail::tuning_in_use.set(t, false);
}

}  // namespace cpu

VLMT_END_NAMESPACE
