// Steps: how nn code issues work. Immediate on the members of a team, or recorded once and replayed.
//
// nn code calls step(op) with a closure op(Member&) that holds pointers and sizes by value. It never reads the data
// that the pointers lead to: positions, lengths and routing are read inside ops, when the op runs. So the same nn code
// runs at once (StepNow), is recorded for later (StepRecorder), and can be enqueued on a device.
//
// step("name", op) says what the op is, for profiles and traces; the name must be a literal or live as long as one.
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

/// Anything that takes ops in order. An op sees the effects of all ops before it.
template <class S>
concept Step = requires(S& step, void (*op)(Member&) noexcept) {
  step(op);
  step(std::string_view(), op);
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
  template <class Op>
  void operator()(std::string_view, const Op& op) {
    (*this)(op);
  }

 private:
  Member* member_;
};

/// Records ops; `replay` runs them in order, any number of times. Recording touches no data.
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

  /// SPMD: every member of one team calls it. `done(i, member)` is called by every member behind the barrier of op i.
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
