// An executor runs steps of a backend, and moves data between the host and the backend's memory.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/step_now.hpp"
#include "vlmt/exec/team.hpp"

VLMT_BEGIN_NAMESPACE

/// Executor of backends whose kernels are loops of a team on the CPU. Refers to the team.
template <Backend B, Team T>
class TeamExecutor {
 public:
  using Backend = B;

  explicit TeamExecutor(T& team) noexcept : team_(&team) {}

  T& team() const noexcept { return *team_; }
  /// Threads, for sizes of workspaces.
  std::size_t members() const noexcept { return team_->size(); }

  /// Runs the ops that issue(step) issues. Every member calls it. Throws what it throws, and Cancelled soon after
  /// `stop` is set.
  template <class Issue>
  void run(Issue&& issue, const StopFlag* stop = nullptr) const {
    const auto members = [&](Member& m) {
      StepNow<B> step(m);
      issue(step);
    };
    team_->run(members, stop);
  }

  /// Copies n values to memory of the backend, before the next step runs.
  template <class V>
  void put(V* to, const V* from, std::size_t n) const {
    B::put(to, from, n * sizeof(V));
  }
  /// Copies n values of memory of the backend, as the last step has left them.
  template <class V>
  void get(V* to, const V* from, std::size_t n) const {
    B::get(to, from, n * sizeof(V));
  }
  /// n values of memory of the backend for the host to read: in place, or in `copy`. Valid until the next step.
  template <class V>
  std::span<const V> fetch(const V* from, std::size_t n, std::vector<V>& copy) const {
    if constexpr (B::host_visible) {
      return {from, n};
    } else {
      copy.resize(n);
      get(copy.data(), from, n);
      return copy;
    }
  }

 private:
  T* team_;
};

VLMT_END_NAMESPACE
