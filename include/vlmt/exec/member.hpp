// A member of a team: its rank, the team's size, its share of the work, and the barrier.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>

#include "vlmt/base/assert.hpp"
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

/// What the members of one parallel region share: a barrier that spins briefly and then sleeps, and the first
/// exception.
class TeamState {
 public:
  explicit TeamState(std::size_t size) noexcept : size_(size) {}
  TeamState(const TeamState&) = delete;
  TeamState& operator=(const TeamState&) = delete;

  std::size_t size() const noexcept { return size_; }
  /// Only before the first barrier, by one member, followed by a synchronisation of the caller's.
  void resize(std::size_t size) noexcept { size_ = size; }

  void wait() {
    if (size_ == 1) {
      if (stopped_.load(std::memory_order_acquire)) throw TeamStopped{};
      return;
    }
    const std::uint32_t phase = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      phase_.notify_all();
    } else {
      // About 20 us of spinning covers the usual imbalance of a kernel; past that, sleep.
      for (int spin = 0; spin < 4096 && phase_.load(std::memory_order_acquire) == phase; ++spin) cpu_pause();
      while (phase_.load(std::memory_order_acquire) == phase) {
        if (stopped_.load(std::memory_order_acquire)) throw TeamStopped{};
        phase_.wait(phase, std::memory_order_acquire);
      }
    }
    if (stopped_.load(std::memory_order_acquire)) throw TeamStopped{};
  }

  /// Keeps the first exception and releases everybody who waits.
  void fail(std::exception_ptr error) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(error);
    }
    stopped_.store(true, std::memory_order_release);
    phase_.fetch_add(1, std::memory_order_acq_rel);
    phase_.notify_all();
  }

  bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

  void rethrow() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  std::size_t size_;
  alignas(64) std::atomic<std::size_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};
  std::atomic<bool> stopped_{false};
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

/// The part of [0, n) that falls to `rank` of `size`, cut at multiples of `granule`; parts differ by one granule at
/// most.
constexpr Range share(std::size_t n, std::size_t rank, std::size_t size, std::size_t granule = 1) noexcept {
  const std::size_t units = (n + granule - 1) / granule;
  const std::size_t base = units / size;
  const std::size_t extra = units % size;
  const std::size_t begin = rank * base + (rank < extra ? rank : extra);
  const std::size_t end = begin + base + (rank < extra ? 1 : 0);
  return {begin * granule < n ? begin * granule : n, end * granule < n ? end * granule : n};
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
  /// Waits for the whole team. Unwinds instead if another member has thrown.
  void barrier() { state_->wait(); }
  /// True once a member has thrown.
  bool stopped() const noexcept { return state_->stopped(); }

 private:
  detail::TeamState* state_;
  std::size_t rank_;
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
