// The states of an automaton with a stack: every way to read the text so far, interned, with steps by bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/automaton.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/sequence_set.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// One way to read the text so far: a state of a rule, the stack under it, and in strings the characters so far.
struct Configuration {
  std::uint32_t state;  ///< StateSpace::done: the text is complete
  std::uint32_t stack;
  std::uint32_t count;
  friend auto operator<=>(const Configuration&, const Configuration&) = default;
};

/// Interned states. A state is a set of configurations; a stack is a set of (state to return to, stack under it), so
/// that ways to read a text that differ only below share one stack. Equal states have equal indices at any place of a
/// text, and 0 is the state in which no text is possible. Steps are remembered.
class StateSpace {
 public:
  static constexpr std::uint32_t done = 0xFFFFFFFF;
  static constexpr std::uint32_t dead = 0;

  StateSpace(const Automaton& automaton, std::size_t max_configurations)
      : a_(automaton), max_configurations_(max_configurations) {
    const std::uint32_t bottom[] = {done, 0};
    root_ = stacks_.intern(bottom);
    start(root_);
  }

  std::uint32_t initial() const noexcept { return initial_; }

  /// The state after a byte.
  std::uint32_t step(std::uint32_t state, std::uint8_t byte) {
    if (state == dead) return dead;
    const std::uint64_t key = std::uint64_t{state} << 8 | byte;
    const auto known = steps_.find(key);
    if (known != steps_.end()) return known->second;
    kernel_.clear();
    known_.clear();
    const auto words = states_[state];
    for (std::size_t i = 0; i < words.size(); i += 3) {
      const Configuration c{words[i], words[i + 1], words[i + 2]};
      if (const auto next = advance(c, byte)) add(*next);
    }
    const std::uint32_t to = close();
    if (steps_.size() >= max_steps) steps_.clear();
    steps_.emplace(key, to);
    return to;
  }

  /// Whether the text may end here.
  bool complete(std::uint32_t state) const noexcept {
    const auto words = states_[state];
    return !words.empty() && words[words.size() - 3] == done;
  }

  std::size_t configurations(std::uint32_t state) const noexcept { return states_[state].size() / 3; }
  Configuration configuration(std::uint32_t state, std::size_t i) const noexcept {
    const auto words = states_[state].subspan(3 * i, 3);
    return {words[0], words[1], words[2]};
  }
  /// The state of these configurations, which are sorted.
  std::uint32_t intern(std::span<const Configuration> configurations) {
    scratch_.clear();
    for (const Configuration& c : configurations) scratch_.insert(scratch_.end(), {c.state, c.stack, c.count});
    return states_.intern(scratch_);
  }

  /// The state after the end of a rule that was called with this stack.
  std::uint32_t leave(std::uint32_t stack) {
    kernel_.clear();
    known_.clear();
    pop(stack);
    return close();
  }

  /// The state of one configuration that was reached by a byte.
  std::uint32_t reach(const Configuration& c) {
    kernel_.clear();
    known_.clear();
    add(c);
    return close();
  }

  /// The configuration after a byte, within the rule; nothing if there is none.
  std::optional<Configuration> advance(const Configuration& c, std::uint8_t byte) const noexcept {
    if (c.state == done) return std::nullopt;
    const std::uint32_t to = a_.next(c.state, byte);
    if (to == Automaton::none) return std::nullopt;
    Configuration next{to, c.stack, c.count};
    const Automaton::Rule& rule = a_.rule(a_.state(to).rule);
    if (!rule.string) return next;
    if (a_.state(to).final) {
      if (c.count < rule.min) return std::nullopt;
      next.count = 0;
      return next;
    }
    if (a_.state(c.state).boundary) ++next.count;
    if (rule.max != Automaton::unbounded) {
      if (std::uint64_t{next.count} + a_.state(to).distance > rule.max) return std::nullopt;
    } else {
      next.count = std::min(next.count, rule.min);
    }
    return next;
  }

  /// The state with counts replaced by others that allow the same next `bytes` bytes. Masks are kept by it.
  std::uint32_t clamped(std::uint32_t state, std::uint32_t bytes) {
    std::vector<Configuration> all(configurations(state));
    bool changed = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = configuration(state, i);
      if (all[i].state == done) continue;
      const Automaton::State& s = a_.state(all[i].state);
      const Automaton::Rule& rule = a_.rule(s.rule);
      if (!rule.string || rule.max == Automaton::unbounded) continue;
      const std::uint64_t reach = std::uint64_t{bytes} + longest_distance(s.rule);
      if (all[i].count < rule.min || rule.max < reach + rule.min || all[i].count > rule.max - reach) continue;
      const auto count = static_cast<std::uint32_t>(rule.max - reach);
      changed = changed || count != all[i].count;
      all[i].count = count;
    }
    if (!changed) return state;
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return intern(all);
  }

  std::size_t bytes() const noexcept { return states_.bytes() + stacks_.bytes() + steps_.size() * 48; }

  const Automaton& automaton() const noexcept { return a_; }

  /// Configurations handled so far, for bounds on the time of a mask.
  std::uint64_t work() const noexcept { return work_; }

 private:
  static constexpr std::uint32_t pending = 0x80000000;  // marks the stack of a rule called at this place
  static constexpr std::size_t max_steps = std::size_t{1} << 19;

  struct Hash {
    std::size_t operator()(const Configuration& c) const noexcept {
      std::uint64_t h = c.state;
      for (const std::uint32_t w : {c.stack, c.count}) h = (h ^ h >> 29) * 0x9E3779B97F4A7C15u + w;
      return static_cast<std::size_t>(h ^ h >> 32);
    }
  };
  struct Called {
    std::uint32_t rule;
    std::vector<std::uint32_t> edges;  // pairs: state to return to, stack
    std::vector<std::uint32_t>
        callers;              // stacks whose edges are those of this one, too: the call is the last of its rule
    std::uint32_t stack = 0;  // once interned
  };

  void start(std::uint32_t stack) {
    const Automaton::Rule& rule = a_.rule(a_.root());
    kernel_.clear();
    known_.clear();
    add({rule.start, stack, 0});
    initial_ = close();
  }

  void pop(std::uint32_t stack) {
    for (std::size_t i = 0; i < stacks_[stack].size(); i += 2) {
      const auto edge = stacks_[stack].subspan(i, 2);
      add({edge[0], edge[1], 0});
    }
  }

  void add(const Configuration& c) {
    ++work_;
    if (is_new(c)) kernel_.push_back(c);
  }

  bool is_new(const Configuration& c) {
    if (kernel_.size() >= max_configurations_) {
      throw LimitError("grammar is too ambiguous: ways to read the text",
                       {.file = {},
                        .offset = {},
                        .field = {},
                        .expected = "at most " + std::to_string(max_configurations_),
                        .found = "more"});
    }
    constexpr std::size_t few = 16;
    if (kernel_.size() < few) return std::find(kernel_.begin(), kernel_.end(), c) == kernel_.end();
    if (known_.empty()) known_.insert(kernel_.begin(), kernel_.end());
    return known_.insert(c).second;
  }

  // Returns from rules that may end here, follows calls, and interns what can read a byte or is complete. A rule that
  // begins here does not return: its empty text is an edge of its callers.
  std::uint32_t close() {
    called_.clear();
    for (std::size_t i = 0; i < kernel_.size(); ++i) {
      const Configuration c = kernel_[i];
      if (c.state != done && a_.state(c.state).final) pop(c.stack);
    }
    for (std::size_t i = 0; i < kernel_.size(); ++i) {
      const Configuration c = kernel_[i];
      if (c.state == done) continue;
      for (const Dfa::Call& call : a_.calls(a_.state(c.state))) enter(call, c.stack);
    }
    settle();
    std::vector<Configuration>& out = kernel_;
    std::erase_if(out, [&](const Configuration& c) { return c.state != done && a_.state(c.state).edge_count == 0; });
    for (Configuration& c : out) {
      if (c.state != done) c.stack = settled(c.stack);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return intern(out);
  }

  void enter(const Dfa::Call& call, std::uint32_t stack) {
    std::size_t at = 0;
    while (at < called_.size() && called_[at].rule != call.rule) ++at;
    work_ += 1 + at;
    if (at == called_.size()) {
      called_.push_back({.rule = call.rule, .edges = {}, .callers = {}});
      add({a_.rule(call.rule).start, pending | static_cast<std::uint32_t>(at), 0});
    }
    if (a_.state(call.to).tail) {
      called_[at].callers.push_back(stack);
    } else {
      called_[at].edges.insert(called_[at].edges.end(), {call.to, stack});
    }
  }

  // Interns the stacks of called rules, callers first.
  void settle() {
    called_order_.resize(called_.size());
    for (std::size_t i = 0; i < called_.size(); ++i) called_order_[i] = {a_.rule(called_[i].rule).rank, i};
    std::sort(called_order_.begin(), called_order_.end());
    std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;
    for (const auto& [rank, i] : called_order_) {
      Called& c = called_[i];
      edges.clear();
      for (std::size_t e = 0; e < c.edges.size(); e += 2) edges.emplace_back(c.edges[e], settled(c.edges[e + 1]));
      for (const std::uint32_t caller : c.callers) {
        const auto words = stacks_[settled(caller)];
        for (std::size_t e = 0; e < words.size(); e += 2) edges.emplace_back(words[e], words[e + 1]);
      }
      std::sort(edges.begin(), edges.end());
      edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
      scratch_.clear();
      for (const auto& [to, stack] : edges) scratch_.insert(scratch_.end(), {to, stack});
      c.stack = stacks_.intern(scratch_);
    }
  }
  std::uint32_t settled(std::uint32_t stack) const noexcept {
    return (stack & pending) != 0 ? called_[stack & ~pending].stack : stack;
  }

  // Most characters that a state of a string needs to its end.
  std::uint32_t longest_distance(std::uint32_t rule) {
    if (longest_.empty()) {
      longest_.assign(a_.rules(), 0);
      for (std::uint32_t s = 0; s < a_.states(); ++s) {
        std::uint32_t& longest = longest_[a_.state(s).rule];
        longest = std::max(longest, a_.state(s).distance);
      }
    }
    return longest_[rule];
  }

  const Automaton& a_;
  std::size_t max_configurations_;
  SequenceSet states_, stacks_;
  std::unordered_map<std::uint64_t, std::uint32_t> steps_;
  std::uint32_t root_ = 0, initial_ = 0;
  std::uint64_t work_ = 0;
  std::vector<std::uint32_t> longest_;
  // Of one step.
  std::vector<Configuration> kernel_;
  std::unordered_set<Configuration, Hash> known_;
  std::vector<Called> called_;
  std::vector<std::pair<std::uint32_t, std::size_t>> called_order_;
  std::vector<std::uint32_t> scratch_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
