// Teams run one function on all their members: the concept, and the team of standard threads.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"

VLMT_BEGIN_NAMESPACE

/// `run(f)` calls f(Member&) on every member, returns when all are done, and rethrows the first exception. The number
/// of members may be smaller than asked for; results of vlmt's kernels do not depend on it.
template <class T>
concept Team = requires(T& team, void (&f)(Member&)) {
  { team.size() } -> std::convertible_to<std::size_t>;
  team.run(f);
};

namespace detail {

/// f(member), with exceptions kept in the state.
template <class F>
void run_member(TeamState& state, std::size_t rank, F& f) noexcept {
  try {
    Member member(state, rank);
    f(member);
  } catch (const TeamStopped&) {
    // Another member's exception is the one to report.
  } catch (...) {
    state.fail(std::current_exception());
  }
}

}  // namespace detail

/// Persistent std::jthreads that sleep between calls of run. The calling thread is member 0.
class ThreadTeam {
 public:
  explicit ThreadTeam(std::size_t size = std::thread::hardware_concurrency()) : size_(size == 0 ? 1 : size) {
    threads_.reserve(size_ - 1);
    for (std::size_t rank = 1; rank < size_; ++rank) {
      threads_.emplace_back([this, rank](std::stop_token stop) { work(rank, stop); });
    }
  }
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;
  ~ThreadTeam() {
    for (std::jthread& t : threads_) t.request_stop();
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
  }

  std::size_t size() const noexcept { return size_; }

  template <class F>
  void run(F&& f) {
    detail::TeamState state(size_);
    using Function = std::remove_reference_t<F>;
    task_ = Task{&state, const_cast<void*>(static_cast<const void*>(&f)),
                 [](detail::TeamState& s, std::size_t r, void* p) noexcept {
                   detail::run_member(s, r, *static_cast<Function*>(p));
                 }};
    running_.store(size_ - 1, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    task_.call(state, 0, task_.function);
    for (std::size_t left = running_.load(std::memory_order_acquire); left != 0;
         left = running_.load(std::memory_order_acquire)) {
      running_.wait(left, std::memory_order_acquire);
    }
    state.rethrow();
  }

 private:
  struct Task {
    detail::TeamState* state = nullptr;
    void* function = nullptr;
    void (*call)(detail::TeamState&, std::size_t, void*) noexcept = nullptr;
  };

  void work(std::size_t rank, const std::stop_token& stop) {
    std::uint64_t seen = 0;
    while (true) {
      generation_.wait(seen, std::memory_order_acquire);
      seen = generation_.load(std::memory_order_acquire);
      if (stop.stop_requested()) return;
      task_.call(*task_.state, rank, task_.function);
      if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_all();
    }
  }

  std::size_t size_;
  Task task_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<std::size_t> running_{0};
  std::vector<std::jthread> threads_;
};
static_assert(Team<ThreadTeam>);

VLMT_END_NAMESPACE
