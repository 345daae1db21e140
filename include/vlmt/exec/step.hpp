// Steps: how nn code issues work, either executed at once or recorded once and replayed.
//
// nn code calls step(op) with a closure op(Member&) that holds pointers and sizes by value. nn code never dereferences
// these pointers: positions, lengths and routing are read inside ops, when they run. The same nn code can therefore run
// at once (StepNow), be recorded (StepRecorder), or be enqueued on a device (no device backend exists yet).
//
// step("name", op) names the op for profiles and traces. The name is not copied: use a literal or a string that
// outlives the step.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"

VLMT_BEGIN_NAMESPACE

/// Takes ops in order. An op sees the effects of all earlier ops.
template <class S>
concept Step = requires(S& step, void (*op)(Member&) noexcept) {
  step(op);
  step(std::string_view(), op);
};

/// Runs each op at once: every member executes the nn code, computes its share of each op, and waits at a barrier.
class StepNow {
 public:
  explicit StepNow(Member& member) noexcept : member_(&member) {}

  template <class Op>
  void operator()(const Op& op) {
    op(*member_);
    member_->barrier();
  }
  template <class Op>
  void operator()(std::string_view, const Op& op) {
    (*this)(op);
  }

 private:
  Member* member_;
};

/// Records ops; `replay` runs them in order, any number of times. Recording reads no data.
class StepRecorder {
 public:
  template <class Op>
  void operator()(Op op) {
    (*this)({}, std::move(op));
  }
  template <class Op>
  void operator()(std::string_view name, Op op) {
    ops_.push_back({name, [op = std::move(op)](Member& m) { op(m); }});
  }

  /// SPMD: every member of the team must call it. Each member calls `done(i, member)` after the barrier of op i.
  template <class Done>
  void replay(Member& member, Done&& done) const {
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      ops_[i].run(member);
      member.barrier();
      done(i, member);
    }
  }
  void replay(Member& member) const {
    replay(member, [](std::size_t, Member&) {});
  }

  std::size_t size() const noexcept { return ops_.size(); }
  std::string_view name(std::size_t i) const noexcept { return ops_[i].name; }
  void clear() noexcept { ops_.clear(); }

 private:
  struct Op {
    std::string_view name;
    std::function<void(Member&)> run;
  };
  std::vector<Op> ops_;
};

static_assert(Step<StepNow> && Step<StepRecorder>);

VLMT_END_NAMESPACE
