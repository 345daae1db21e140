// A member of a team: rank, team size, work sharing and the barrier.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/generic_warning.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Unwinds members after one of them has thrown. Never leaves Team::run.
struct TeamStopped {
  static const char* what() noexcept { return "the run of a team was stopped"; }
};

inline void cpu_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins of cpu_pause at a barrier before a member sleeps: some tens of microseconds, the usual imbalance of a kernel.
/// A team with more members than processors should not spin.
inline constexpr int barrier_spins = 2048;

/// State shared by the members of one parallel region: the barrier and the first exception.
class TeamState {
 public:
  /// `stop` may be null.
  explicit TeamState(std::size_t size, int spins = barrier_spins, const StopFlag* stop = nullptr) noexcept
      : size_(size), spins_(spins), stop_(stop) {}
  TeamState(const TeamState&) = delete;
  TeamState& operator=(const TeamState&) = delete;

  std::size_t size() const noexcept { return size_; }
  /// Call from one member before the first barrier; the caller must synchronise afterwards.
  void resize(std::size_t size) noexcept { size_ = size; }

  void wait() {
    if (size_ > 1) {
      // The phase cannot change between these two lines except through fail: this member has not arrived yet.
      const std::uint32_t phase = phase_.load(std::memory_order_acquire);
      if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
        arrived_.store(0, std::memory_order_relaxed);
        // Sequentially consistent, here and in fail: notify_all checks for sleepers after the store. With release order
        // the check could move before the store and miss a member that is about to sleep.
        phase_.store(phase + 1);
        phase_.notify_all();
      } else {
        for (int spin = 0; spin < spins_ && phase_.load(std::memory_order_acquire) == phase; ++spin) cpu_pause();
        // A member that failed before `phase` was read has set failed_ first and will not notify again.
        while (phase_.load(std::memory_order_acquire) == phase && !failed()) phase_.wait(phase);
      }
    }
    if (failed()) throw_error(TeamStopped{});
  }

  /// Keeps the first exception and releases all waiting members.
  void fail(std::exception_ptr error) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(error);
    }
    failed_.store(true);
    phase_.fetch_add(1);
    phase_.notify_all();
  }

  bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  /// True if members should skip the rest of their work.
  bool stopped() const noexcept { return failed() || (stop_ != nullptr && stop_->is_set()); }

  /// The next claim number of an operation: 0, 1, 2, ... in order of the calls. Operations are numbered from 1. Once an
  /// operation is claimed, all earlier ones are exhausted and claims of them return `none`.
  std::uint32_t claim(std::uint32_t operation) noexcept {
    std::uint64_t seen = claimed_.load(std::memory_order_relaxed);
    for (;;) {
      const auto at = static_cast<std::uint32_t>(seen >> 32);
      if (at > operation) return none;
      const std::uint32_t mine = at == operation ? static_cast<std::uint32_t>(seen) : 0;
      const std::uint64_t next = std::uint64_t{operation} << 32 | (mine + 1);
      if (claimed_.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return mine;
    }
  }
  static constexpr std::uint32_t none = UINT32_MAX;

  /// Rethrows the first exception, if any. Call only after all members have left.
  void rethrow() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  std::size_t size_;
  int spins_;
  const StopFlag* stop_;
  std::atomic<bool> failed_{false};  // beside members that never change: it is read between all pieces of work
  alignas(64) std::atomic<std::size_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};    // 32 bits: a futex can wait on it directly
  alignas(64) std::atomic<std::uint64_t> claimed_{0};  // operation number, claims of it
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace detail

/// Half-open range of indices.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
  constexpr std::size_t size() const noexcept { return end - begin; }
  constexpr bool empty() const noexcept { return begin >= end; }
};

/// The share of [0, n) of `rank` out of `size` (> 0), cut at multiples of `granule` (> 0). Shares differ by at most one
/// granule; those of all ranks, in order, cover [0, n).
constexpr Range share(std::size_t n, std::size_t rank, std::size_t size, std::size_t granule = 1) noexcept {
  const std::size_t units = ceil_div(n, granule);
  const std::size_t base = units / size;
  const std::size_t extra = units % size;
  const std::size_t begin = rank * base + (rank < extra ? rank : extra);
  const std::size_t end = begin + base + (rank < extra ? 1 : 0);
  return {begin < units ? begin * granule : n, end < units ? end * granule : n};
}

/// One thread's view of a team. A kernel takes a Member& and computes its share. Kernels do not wait, and throw only
/// what an assertion handler throws (base/assert.hpp); the Step places barriers between them.
class Member {
 public:
  Member(detail::TeamState& state, std::size_t rank) noexcept : state_(&state), rank_(rank) {
    detail::warn_if_generic();
  }

  std::size_t rank() const noexcept { return rank_; }
  std::size_t size() const noexcept { return state_->size(); }
  /// This member's share of [0, n), cut at multiples of granule.
  Range share(std::size_t n, std::size_t granule = 1) const noexcept {
    return ::vlmt::share(n, rank_, state_->size(), granule);
  }
  /// Distributes n items: f(item) runs once per item over all members, fewer times once the run is stopped. Member r
  /// starts with item r; the rest are claimed dynamically, so a slow or busy processor does less. All members must make
  /// the same calls in the same order.
  template <class F>
  void claim_items(std::size_t n, F&& f) noexcept {
    const std::uint32_t operation = ++operations_;
    if (size() == 1) {
      for (std::size_t item = 0; item < n && !stopped(); ++item) f(item);
      return;
    }
    for (std::size_t item = rank_; item < n && !stopped();) {
      f(item);
      const std::uint32_t claimed = state_->claim(operation);
      if (claimed == detail::TeamState::none) return;
      item = size() + claimed;
    }
  }
  /// Like claim_items, for operations that can be cut anywhere and are faster on long ranges. Calls f(first, last) for
  /// ranges of the parts [0, parts_per_member * size()): first half of an even share per member, then single parts.
  template <class F>
  void claim_parts(F&& f) noexcept {
    constexpr std::size_t half = parts_per_member / 2;
    const std::size_t n = size();
    if (n == 1) return claim_items(1, [&](std::size_t) { f(std::size_t{0}, parts_per_member); });
    claim_items(n + n * half, [&](std::size_t item) {
      if (item < n) return f(item * half, (item + 1) * half);
      const std::size_t part = n * half + (item - n);
      f(part, part + 1);
    });
  }
  static constexpr std::size_t parts_per_member = 16;

  /// Waits for all members. Unwinds by exception if another member has thrown or the run is stopped.
  void barrier() {
    if (stopped()) {
      state_->fail(std::make_exception_ptr(Cancelled()));  // an earlier exception is kept
      throw_error(detail::TeamStopped{});
    }
    state_->wait();
  }

  /// True once this member should skip the rest of its work: another one has thrown, or the StopFlag of the run is set.
  /// Stays true, and makes the run throw. Kernels that compute for more than a few milliseconds check it in between and
  /// leave the rest of their output unwritten.
  bool stopped() noexcept {
    if (!stopped_ && state_->stopped()) stopped_ = true;
    return stopped_;
  }
  /// True if stopped() has been true, so that work may be missing.
  bool skipped() const noexcept { return stopped_; }

 private:
  detail::TeamState* state_;
  std::size_t rank_;
  std::uint32_t operations_ = 0;
  bool stopped_ = false;  // once work may be missing, clearing the flag must not hide it
};

/// A team of one, for calling a kernel without a team. With a StopFlag, check stopped() after the last kernel.
class Solo {
 public:
  explicit Solo(const StopFlag* stop = nullptr) noexcept : state_(1, detail::barrier_spins, stop), member_(state_, 0) {}
  Member& member() noexcept { return member_; }
  operator Member&() noexcept { return member_; }

 private:
  detail::TeamState state_;
  Member member_;
};

VLMT_END_NAMESPACE
