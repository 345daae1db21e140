// Steps: how nn code issues work. Immediate on the members of a team, or recorded once and replayed.
//
// nn code calls step(op) with a closure op(Member&) that holds pointers and sizes by value. It never reads the data
// that the pointers lead to: positions, lengths and routing are read inside ops, when the op runs. So the same nn code
// runs at once (StepNow), is recorded for later (StepRecorder), and can be enqueued on a device.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"

VLMT_BEGIN_NAMESPACE

/// Anything that takes ops in order. An op sees the effects of all ops before it.
template <class S>
concept Step = requires(S& step, void (*op)(Member&) noexcept) {
  step(op);
};

/// Runs each op at once: every member of the team executes the nn code and its share of each op, then waits.
class StepNow {
 public:
  explicit StepNow(Member& member) noexcept : member_(&member) {}

  template <class Op>
  void operator()(const Op& op) {
    op(*member_);
    member_->barrier();
  }

 private:
  Member* member_;
};

/// Records ops; `replay` runs them in order, any number of times. Recording touches no data.
class StepRecorder {
 public:
  template <class Op>
  void operator()(Op op) {
    ops_.emplace_back([op = std::move(op)](Member& m) { op(m); });
  }

  /// SPMD: every member of one team calls it.
  void replay(Member& member) const {
    for (const auto& op : ops_) {
      op(member);
      member.barrier();
    }
  }

  std::size_t size() const noexcept { return ops_.size(); }
  void clear() noexcept { ops_.clear(); }

 private:
  std::vector<std::function<void(Member&)>> ops_;
};

static_assert(Step<StepNow> && Step<StepRecorder>);

VLMT_END_NAMESPACE
