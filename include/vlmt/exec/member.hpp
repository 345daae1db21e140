// A member of a team: its rank, the team's size, its share of the work, and the barrier.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Unwinds the other members once one has thrown. Never leaves Team::run.
struct TeamStopped {};

inline void cpu_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// How long a member spins at a barrier before it sleeps, in turns of cpu_pause: some tens of microseconds, the usual
/// imbalance of a kernel. A team with more members than processors should not spin at all.
inline constexpr int barrier_spins = 2048;

/// What the members of one parallel region share: the barrier, and the first exception.
class TeamState {
 public:
  explicit TeamState(std::size_t size, int spins = barrier_spins) noexcept : size_(size), spins_(spins) {}
  TeamState(const TeamState&) = delete;
  TeamState& operator=(const TeamState&) = delete;

  std::size_t size() const noexcept { return size_; }
  /// Only before the first barrier, by one member, followed by a synchronisation of the caller's.
  void resize(std::size_t size) noexcept { size_ = size; }

  void wait() {
    if (size_ > 1) {
      // The phase cannot move between these two lines except through fail: this member has not arrived yet.
      const std::uint32_t phase = phase_.load(std::memory_order_acquire);
      if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
        arrived_.store(0, std::memory_order_relaxed);
        // Sequentially consistent, here and in fail: notify_all looks for sleepers after the store, and with a mere
        // release the processor may look first and miss one who is about to sleep.
        phase_.store(phase + 1);
        phase_.notify_all();
      } else {
        for (int spin = 0; spin < spins_ && phase_.load(std::memory_order_acquire) == phase; ++spin) cpu_pause();
        // A member that failed before this phase was read has set stopped_ first, and will notify nobody again.
        while (phase_.load(std::memory_order_acquire) == phase && !stopped()) phase_.wait(phase);
      }
    }
    if (stopped()) throw TeamStopped{};
  }

  /// Keeps the first exception and releases everybody who waits.
  void fail(std::exception_ptr error) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(error);
    }
    stopped_.store(true);
    phase_.fetch_add(1);
    phase_.notify_all();
  }

  bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

  /// 0, 1, 2, ... to the members that ask for the same operation, in the order of their asking. Operations are numbered
  /// from 1; once one is asked for, those before it have nothing left, and their askers get `none`.
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

  /// Throws what the first failing member threw, if any did. Only once all members have left.
  void rethrow() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  std::size_t size_;
  int spins_;
  alignas(64) std::atomic<std::size_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};  // 32 bits: what the system can wait on directly
  std::atomic<bool> stopped_{false};
  alignas(64) std::atomic<std::uint64_t> claimed_{0};  // operation, claims of it
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

/// The part of [0, n) that falls to `rank` of `size`, cut at multiples of `granule` (> 0); parts differ by one granule
/// at most. The parts of all ranks, in order, are [0, n).
constexpr Range share(std::size_t n, std::size_t rank, std::size_t size, std::size_t granule = 1) noexcept {
  const std::size_t units = ceil_div(n, granule);
  const std::size_t base = units / size;
  const std::size_t extra = units % size;
  const std::size_t begin = rank * base + (rank < extra ? rank : extra);
  const std::size_t end = begin + base + (rank < extra ? 1 : 0);
  return {begin < units ? begin * granule : n, end < units ? end * granule : n};
}

/// One thread's view of a team. A kernel takes a Member& and does its share; it never waits and never throws. Barriers
/// stand between kernels only, where a Step places them.
class Member {
 public:
  Member(detail::TeamState& state, std::size_t rank) noexcept : state_(&state), rank_(rank) {}

  std::size_t rank() const noexcept { return rank_; }
  std::size_t size() const noexcept { return state_->size(); }
  /// This member's share of [0, n), cut at multiples of granule.
  Range share(std::size_t n, std::size_t granule = 1) const noexcept {
    return ::vlmt::share(n, rank_, state_->size(), granule);
  }
  /// Divides an operation of n items: calls f(item) such that over all members each item comes once, the first ones to
  /// the members in order and then one by one to whoever gets done, so that a member whose processor is slower or busy
  /// with something else does less. Every member has to call it, and calls of several operations come in the same
  /// order.
  template <class F>
  void claim_items(std::size_t n, F&& f) noexcept {
    const std::uint32_t operation = ++operations_;
    if (size() == 1) {
      for (std::size_t item = 0; item < n; ++item) f(item);
      return;
    }
    for (std::size_t item = rank_; item < n;) {
      f(item);
      const std::uint32_t claimed = state_->claim(operation);
      if (claimed == detail::TeamState::none) return;
      item = size() + claimed;
    }
  }
  /// The same for an operation that may be cut anywhere and is fastest in long stretches: calls f(first, last) for
  /// ranges of parts_per_member * size() parts. First half of an even share, then a part at a time.
  template <class F>
  void claim_parts(F&& f) noexcept {
    constexpr std::size_t half = parts_per_member / 2;
    const std::size_t n = size();
    if (n == 1) return f(std::size_t{0}, parts_per_member);
    claim_items(n + n * half, [&](std::size_t item) {
      if (item < n) return f(item * half, (item + 1) * half);
      const std::size_t part = n * half + (item - n);
      f(part, part + 1);
    });
  }
  static constexpr std::size_t parts_per_member = 16;

  /// Waits for the whole team. Unwinds instead if another member has thrown.
  void barrier() { state_->wait(); }
  /// True once a member has thrown.
  bool stopped() const noexcept { return state_->stopped(); }

 private:
  detail::TeamState* state_;
  std::size_t rank_;
  std::uint32_t operations_ = 0;
};

/// A team of one: what a kernel runs on when it is called without a team.
class Solo {
 public:
  Solo() noexcept : state_(1), member_(state_, 0) {}
  Member& member() noexcept { return member_; }
  operator Member&() noexcept { return member_; }

 private:
  detail::TeamState state_;
  Member member_;
};

VLMT_END_NAMESPACE
