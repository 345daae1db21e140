// Teams run one function on all their members: the concept, and a team of standard threads.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/crowded_team.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/exec/processors.hpp"

VLMT_BEGIN_NAMESPACE

/// `run(f)` calls f(Member&) on every member, returns when all are done, and rethrows the first exception. There may be
/// fewer members than requested; results of vlmt kernels do not depend on their number. `run(f, stop)` throws Cancelled
/// if a member skipped work because the flag was set; a flag that is set after the last check changes nothing.
template <class T>
concept Team = requires(T& team, void (&f)(Member&), const StopFlag* stop) {
  { team.size() } -> std::convertible_to<std::size_t>;
  team.run(f);
  team.run(f, stop);
};

namespace detail {

/// Runs f(member) and keeps exceptions in the state.
template <class F>
void run_member(TeamState& state, std::size_t rank, F& f) noexcept {
#if VLMT_HAS_EXCEPTIONS
  try {
    Member member(state, rank);
    f(member);
    if (member.skipped()) throw Cancelled();  // the state keeps an earlier exception
  } catch (const TeamStopped&) {
    // The exception of the member that failed first is reported.
  } catch (...) {
    state.fail(std::current_exception());
  }
#else
  Member member(state, rank);
  f(member);
  if (member.skipped()) throw_error(Cancelled());
#endif
}

}  // namespace detail

/// Persistent std::jthreads that sleep between calls of run; the calling thread is member 0. Thread-safe: a call of run
/// while the team is busy, from a member or from another thread, runs on the caller alone, as a team of one.
class ThreadTeam {
 public:
  /// A member for each processor that this process may use: usable_processors().
  ThreadTeam() : ThreadTeam(usable_processors().usable) {}
  /// Creates fewer members if the system cannot start that many threads; with -fno-exceptions that ends the program.
  /// Warns once if there are more members than usable_processors().
  explicit ThreadTeam(std::size_t size) {
    start_threads(size);
    spins_ = detail::crowded_team(this->size(), usable_processors()) ? 0 : detail::barrier_spins;
  }
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;
  ~ThreadTeam() {
    task_ = Task{};  // no function: the threads exit
    start();
  }

  std::size_t size() const noexcept { return threads_.size() + 1; }

  template <class F>
  void run(F&& f, const StopFlag* stop = nullptr) {
    if (busy_.exchange(true, std::memory_order_acquire)) {
      detail::TeamState alone(1, detail::barrier_spins, stop);
      detail::run_member(alone, 0, f);
      return alone.rethrow();
    }
    detail::TeamState state(size(), spins_, stop);
    auto call = [&](std::size_t rank) noexcept { detail::run_member(state, rank, f); };
    task_ = Task{&call, [](void* c, std::size_t rank) noexcept { (*static_cast<decltype(call)*>(c))(rank); }};
    running_.store(static_cast<std::uint32_t>(threads_.size()), std::memory_order_relaxed);
    start();
    call(0);
    // No member may touch state, f or task_ after this call returns.
    for (std::uint32_t left = running_.load(std::memory_order_acquire); left != 0;
         left = running_.load(std::memory_order_acquire)) {
      running_.wait(left);
    }
    busy_.store(false, std::memory_order_release);
    state.rethrow();
  }

 private:
  struct Task {
    void* data = nullptr;
    void (*function)(void* data, std::size_t rank) noexcept = nullptr;
  };

  void start_threads(std::size_t size) {
    const auto start_one = [this](std::size_t rank) { threads_.emplace_back([this, rank] { work(rank); }); };
#if VLMT_HAS_EXCEPTIONS
    try {
      for (std::size_t rank = 1; rank < size; ++rank) start_one(rank);
    } catch (const std::exception&) {
      // Out of threads or memory: keep the members started so far.
    }
#else
    for (std::size_t rank = 1; rank < size; ++rank) start_one(rank);
#endif
  }

  // Sequentially consistent for sleepers, see TeamState::wait.
  void start() noexcept {
    generation_.fetch_add(1);
    generation_.notify_all();
  }

  void work(std::size_t rank) noexcept {
    // At most one generation late: run waits for every member.
    for (std::uint32_t seen = 0;; ++seen) {
      generation_.wait(seen);
      const Task task = task_;
      if (task.function == nullptr) return;
      task.function(task.data, rank);
      if (running_.fetch_sub(1) == 1) running_.notify_all();
    }
  }

  Task task_;
  int spins_ = 0;
  std::atomic<bool> busy_{false};
  alignas(64) std::atomic<std::uint32_t> generation_{0};
  alignas(64) std::atomic<std::uint32_t> running_{0};
  std::vector<std::jthread> threads_;  // last member: joined before the others are destroyed
};
static_assert(Team<ThreadTeam>);

VLMT_END_NAMESPACE
