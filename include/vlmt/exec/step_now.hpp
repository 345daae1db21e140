// StepNow and StepRecorder: steps of the CPU, executed at once, or recorded once and replayed.
//
// lower(backend, op, pass) issues the passes of an op; a pass sees the effects of all earlier ones. Beside the values
// of include/vlmt/op, an op may here be any callable f(Member&): a loop that each member of the team runs.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/exec/step.hpp"

VLMT_BEGIN_NAMESPACE

/// What a lowering on the CPU issues its passes to.
template <class B>
struct Passes {
  Member* member;

  /// f(m) by every member of the team, with access to the memory of the backend.
  template <class F>
  void operator()(const F& f) const {
    B::pass(*member, f);
  }
  /// f() by one member, without that access: a function of the user's.
  template <class F>
  void on_host(const F& f) const {
    if (member->rank() == 0) f();
    member->barrier();
  }
};

namespace detail {

/// Runs `op` in passes: pass(f) for each, f(Member&).
template <class B, class Op, class Pass>
void run_op(const Op& op, const Pass& pass) {
  if constexpr (std::invocable<const Op&, Member&>) {
    static_assert(B::host_visible, "vlmt: a loop over members is an op of the CPU only");
    pass(op);
  } else {
    static_assert(is_op_value_v<Op>,
                  "vlmt: an op is a trivially copyable aggregate of at most 4096 bytes: pointers, sizes and policies");
    lower(B{}, op, pass);
  }
}

}  // namespace detail

/// Runs each op at once: every member executes the nn code, computes its share of each pass, and waits at a barrier.
template <Backend B = Cpu<>>
class StepNow {
 public:
  using Backend = B;
  explicit StepNow(Member& member) noexcept : member_(&member) {}

  template <class Op>
  void operator()(const Op& op) {
    detail::run_op<B>(op, Passes<B>{member_});
  }
  template <class Op>
  void operator()(std::string_view, const Op& op) {
    (*this)(op);
  }

 private:
  Member* member_;
};

/// Records ops; `replay` runs them in order, any number of times. Recording reads no data.
template <Backend B = Cpu<>>
class StepRecorder {
 public:
  using Backend = B;

  template <class Op>
  void operator()(Op op) {
    (*this)({}, std::move(op));
  }
  template <class Op>
  void operator()(std::string_view name, Op op) {
    ops_.push_back({name, [op = std::move(op)](Member& m) { StepNow<B>{m}(op); }});
  }

  /// SPMD: every member of the team must call it. Each member calls `done(i, member)` after the last barrier of op i.
  template <class Done>
  void replay(Member& member, Done&& done) const {
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      ops_[i].run(member);
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

static_assert(Step<StepNow<>> && Step<StepRecorder<>>);

VLMT_END_NAMESPACE
