// The automaton of a whole grammar: deterministic rules that call each other, in flat arrays.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/dfa.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/nfa.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// Rules as one automaton with a stack. It is constant once built.
class Automaton {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  static constexpr std::uint32_t unbounded = 0xFFFFFFFF;
  /// States of a string, counted from the start of its rule: before the opening quote, after the closing one, and
  /// before its first character. In a free string the last one is also between two characters.
  static constexpr std::uint32_t string_open = 0, string_closed = 1, string_inside = 2;

  struct Rule {
    std::uint32_t start = none;              ///< none: only the empty text
    std::uint32_t rank = 0;                  ///< callers at the begin of a text have lower ranks
    bool nullable = false;                   ///< accepts the empty text
    bool leaf = false;                       ///< calls no other rule
    bool string = false;                     ///< a JSON string with its quotes, whose characters are counted
    bool free = false;                       ///< a string of any characters, spelled in any way
    std::uint32_t min = 0, max = unbounded;  ///< characters of a string
  };
  struct State {
    std::uint32_t edges = 0, calls = 0;  ///< first of edges() and calls()
    std::uint32_t edge_count = 0, call_count = 0;
    std::uint32_t rule = 0;
    std::uint32_t row = none;    ///< of the table of bytes, if it has one
    std::uint32_t distance = 0;  ///< of a string: fewest characters until it can end
    bool final = false, boundary = false;
    bool tail = false;  ///< final, and nothing can follow
  };

  std::uint32_t root() const noexcept { return root_; }
  const Rule& rule(std::uint32_t r) const noexcept { return rules_[r]; }
  const State& state(std::uint32_t s) const noexcept { return states_[s]; }
  std::size_t rules() const noexcept { return rules_.size(); }
  std::size_t states() const noexcept { return states_.size(); }
  std::span<const Dfa::Edge> edges(const State& s) const noexcept {
    return std::span(edges_).subspan(s.edges, s.edge_count);
  }
  std::span<const Dfa::Call> calls(const State& s) const noexcept {
    return std::span(calls_).subspan(s.calls, s.call_count);
  }

  /// The state after a byte, or none.
  std::uint32_t next(std::uint32_t state, std::uint8_t byte) const noexcept {
    const State& s = states_[state];
    if (s.row != none) return rows_[s.row][byte];
    for (const Dfa::Edge& e : edges(s)) {
      if (byte <= e.hi) return byte >= e.lo ? e.to : none;
    }
    return none;
  }

  /// Bytes of its arrays.
  std::size_t bytes() const noexcept {
    return states_.capacity() * sizeof(State) + edges_.capacity() * sizeof(Dfa::Edge) +
           calls_.capacity() * sizeof(Dfa::Call) + rows_.capacity() * sizeof(rows_[0]) +
           rules_.capacity() * sizeof(Rule);
  }

 private:
  friend class Builder;

  std::uint32_t root_ = 0;
  std::vector<Rule> rules_;
  std::vector<State> states_;
  std::vector<Dfa::Edge> edges_;
  std::vector<Dfa::Call> calls_;
  std::vector<std::array<std::uint32_t, 256>> rows_;  ///< of states with many edges
};

/// Collects rules and joins them to an Automaton.
class Builder {
 public:
  explicit Builder(const GrammarLimits& limits) : budget_(limits) {}

  Budget& budget() noexcept { return budget_; }
  Nfa nfa() { return Nfa(budget_); }

  /// A new rule, to be defined later. `name` appears in errors.
  std::uint32_t rule(std::string name) {
    budget_.rules();
    rules_.push_back(Body{.name = std::move(name), .nfa = Nfa(budget_)});
    return static_cast<std::uint32_t>(rules_.size() - 1);
  }
  void define(std::uint32_t rule, Nfa nfa) { rules_[rule].nfa = std::move(nfa); }
  /// A rule without calls.
  void define(std::uint32_t rule, Dfa dfa) {
    rules_[rule].dfa = std::move(dfa);
    rules_[rule].leaf = true;
  }
  /// A JSON string whose content is `content`, with min to max characters. `free`: any content in any spelling; only
  /// then may min be more than 0.
  void define_string(std::uint32_t rule, const Dfa& content, std::uint32_t min, std::uint32_t max, bool free) {
    Body& body = rules_[rule];
    body.leaf = body.string = true;
    body.free = free;
    body.min = min;
    body.max = max;
    if (content.states.empty() || min > max) return;
    static_assert(Automaton::string_open == 0 && Automaton::string_closed == 1 && Automaton::string_inside == 2);
    body.dfa.states.resize(2);
    body.dfa.states[0].edges = {{'"', '"', 2}};
    body.dfa.states[1].final = true;
    for (Dfa::State s : content.states) {
      for (Dfa::Edge& e : s.edges) e.to += 2;
      if (s.final) {
        const auto after = std::find_if(s.edges.begin(), s.edges.end(), [](const Dfa::Edge& e) { return e.lo > '"'; });
        s.edges.insert(after, {'"', '"', 1});
        s.final = false;
      }
      body.dfa.states.push_back(std::move(s));
    }
    budget_.states(2);
    count_distances(body);
    if (body.distance[0] > max) body.dfa.states.clear();
  }

  /// Joins all rules that `root` needs. Throws InputError if no text is accepted or if a rule calls itself at its
  /// begin.
  Automaton finish(std::uint32_t root);

 private:
  struct Body {
    std::string name = {};
    Nfa nfa;
    Dfa dfa = {};
    std::vector<std::uint32_t> distance = {};
    bool leaf = false, string = false, free = false;
    std::uint32_t min = 0, max = Automaton::unbounded;
    bool productive = false, nullable = false;
  };

  // Fewest characters from each state of a string to its end. A character begins where a boundary is left, except by
  // the closing quote.
  static void count_distances(Body& body) {
    const std::vector<Dfa::State>& states = body.dfa.states;
    body.distance.assign(states.size(), Automaton::unbounded);
    body.distance[1] = 0;
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = states.size(); i-- > 0;) {
        for (const Dfa::Edge& e : states[i].edges) {
          if (body.distance[e.to] == Automaton::unbounded) continue;
          const std::uint32_t d = body.distance[e.to] + (states[i].boundary && e.to != 1 ? 1u : 0u);
          if (d < body.distance[i]) {
            body.distance[i] = d;
            changed = true;
          }
        }
      }
    }
  }

  // Whether the accepting state of a rule is reached with calls that `usable` allows, and with bytes if `bytes`.
  template <class Usable>
  bool reaches_accept(const Nfa& nfa, bool bytes, Usable&& usable) {
    std::vector<std::uint32_t> begin(nfa.size() + 1, 0), order(nfa.edges().size()), queue{Nfa::start};
    for (const Nfa::Edge& e : nfa.edges()) ++begin[e.from + 1];
    for (std::size_t s = 0; s < nfa.size(); ++s) begin[s + 1] += begin[s];
    std::vector<std::uint32_t> at(begin.begin(), begin.end() - 1);
    for (std::size_t i = 0; i < nfa.edges().size(); ++i) {
      order[at[nfa.edges()[i].from]++] = static_cast<std::uint32_t>(i);
    }
    budget_.steps(nfa.size() + order.size());
    std::vector<std::uint8_t> seen(nfa.size(), 0);
    seen[Nfa::start] = 1;
    while (!queue.empty()) {
      const std::uint32_t s = queue.back();
      queue.pop_back();
      if (s == Nfa::accept) return true;
      for (std::uint32_t i = begin[s]; i < begin[s + 1]; ++i) {
        const Nfa::Edge& e = nfa.edges()[order[i]];
        if (e.kind == Nfa::Kind::bytes && !bytes) continue;
        if (e.kind == Nfa::Kind::call && !usable(e.rule)) continue;
        if (seen[e.to] != 0) continue;
        seen[e.to] = 1;
        queue.push_back(e.to);
      }
    }
    return false;
  }

  // Which rules accept some text, and which the empty one: least fixed points over the calls.
  template <bool Body::* Flag>
  void spread(bool bytes) {
    std::vector<std::vector<std::uint32_t>> callers(rules_.size());
    std::vector<std::uint32_t> queue;
    for (std::uint32_t r = 0; r < rules_.size(); ++r) {
      if (!rules_[r].leaf) {
        for (const Nfa::Edge& e : rules_[r].nfa.edges()) {
          if (e.kind == Nfa::Kind::call && (callers[e.rule].empty() || callers[e.rule].back() != r)) {
            callers[e.rule].push_back(r);
          }
        }
      }
      queue.push_back(r);
    }
    for (std::size_t i = 0; i < queue.size(); ++i) {
      Body& body = rules_[queue[i]];
      if (body.*Flag) continue;
      if (body.leaf) {
        body.*Flag = !body.dfa.states.empty() && (bytes || body.dfa.states[0].final);
      } else {
        body.*Flag = reaches_accept(body.nfa, bytes, [&](std::uint32_t r) { return rules_[r].*Flag; });
      }
      if (body.*Flag) queue.insert(queue.end(), callers[queue[i]].begin(), callers[queue[i]].end());
    }
  }

  void determinise_rules();
  void refuse_left_recursion(std::vector<std::uint32_t>& rank) const;

  Budget budget_;
  std::vector<Body> rules_;
};

#if VLMT_HAS_BODIES

VLMT_BODY void Builder::determinise_rules() {
  for (Body& body : rules_) {
    if (body.leaf || !body.productive) continue;
    std::vector<Nfa::Edge>& edges = body.nfa.edges();
    std::erase_if(edges, [&](const Nfa::Edge& e) { return e.kind == Nfa::Kind::call && !rules_[e.rule].productive; });
    for (std::size_t i = 0, n = edges.size(); i < n; ++i) {
      if (edges[i].kind == Nfa::Kind::call && rules_[edges[i].rule].nullable)
        body.nfa.empty(edges[i].from, edges[i].to);
    }
    body.dfa = determinise(body.nfa);
    body.nfa = Nfa(budget_);
  }
}

// Numbers rules so that callers at the begin of a text come before the called. Throws for a circle.
VLMT_BODY void Builder::refuse_left_recursion(std::vector<std::uint32_t>& rank) const {
  enum : std::uint8_t { fresh, open, done };
  std::vector<std::uint8_t> mark(rules_.size(), fresh);
  std::vector<std::pair<std::uint32_t, std::size_t>> path;
  auto next = static_cast<std::uint32_t>(rules_.size());
  const auto calls = [&](std::uint32_t r) -> std::span<const Dfa::Call> {
    if (rules_[r].dfa.states.empty()) return {};
    return rules_[r].dfa.states[0].calls;
  };
  rank.assign(rules_.size(), 0);
  for (std::uint32_t r = 0; r < rules_.size(); ++r) {
    if (mark[r] != fresh) continue;
    path.emplace_back(r, 0);
    mark[r] = open;
    while (!path.empty()) {
      auto& [rule, i] = path.back();
      if (i == calls(rule).size()) {
        mark[rule] = done;
        rank[rule] = --next;
        path.pop_back();
        continue;
      }
      const std::uint32_t called = calls(rule)[i++].rule;
      if (mark[called] == open) {
        throw InputError("the rule calls itself before any text (left recursion)",
                         {.file = {}, .offset = {}, .field = rules_[called].name, .expected = {}, .found = {}});
      }
      if (mark[called] == fresh) {
        mark[called] = open;
        path.emplace_back(called, 0);
      }
    }
  }
}

VLMT_BODY Automaton Builder::finish(std::uint32_t root) {
  spread<&Body::productive>(true);
  spread<&Body::nullable>(false);
  if (!rules_[root].productive) {
    throw InputError("no text satisfies the grammar",
                     {.file = {}, .offset = {}, .field = rules_[root].name, .expected = {}, .found = {}});
  }
  determinise_rules();
  std::vector<std::uint32_t> rank;
  refuse_left_recursion(rank);

  // Only rules that the root reaches.
  std::vector<std::uint32_t> number(rules_.size(), Automaton::none), order{root};
  number[root] = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const Dfa::State& s : rules_[order[i]].dfa.states) {
      for (const Dfa::Call& c : s.calls) {
        if (number[c.rule] != Automaton::none) continue;
        number[c.rule] = static_cast<std::uint32_t>(order.size());
        order.push_back(c.rule);
      }
    }
  }
  Automaton a;
  constexpr std::size_t many_edges = 4;
  for (const std::uint32_t r : order) {
    const Body& body = rules_[r];
    const auto base = static_cast<std::uint32_t>(a.states_.size());
    a.rules_.push_back({.start = base,
                        .rank = rank[r],
                        .nullable = body.nullable,
                        .leaf = std::all_of(body.dfa.states.begin(), body.dfa.states.end(),
                                            [](const Dfa::State& s) { return s.calls.empty(); }),
                        .string = body.string,
                        .free = body.free,
                        .min = body.min,
                        .max = body.max});
    for (std::size_t i = 0; i < body.dfa.states.size(); ++i) {
      const Dfa::State& from = body.dfa.states[i];
      Automaton::State s{.edges = static_cast<std::uint32_t>(a.edges_.size()),
                         .calls = static_cast<std::uint32_t>(a.calls_.size()),
                         .edge_count = static_cast<std::uint32_t>(from.edges.size()),
                         .call_count = static_cast<std::uint32_t>(from.calls.size()),
                         .rule = number[r],
                         .distance = body.string ? body.distance[i] : 0,
                         .final = from.final,
                         .boundary = from.boundary,
                         .tail = from.final && from.edges.empty() && from.calls.empty()};
      for (Dfa::Edge e : from.edges) {
        e.to += base;
        a.edges_.push_back(e);
      }
      for (const Dfa::Call& c : from.calls) a.calls_.push_back({number[c.rule], c.to + base});
      if (from.edges.size() > many_edges) {
        s.row = static_cast<std::uint32_t>(a.rows_.size());
        auto& row = a.rows_.emplace_back();
        row.fill(Automaton::none);
        for (const Dfa::Edge& e : from.edges) {
          for (unsigned b = e.lo; b <= e.hi; ++b) row[b] = e.to + base;
        }
      }
      a.states_.push_back(s);
    }
  }
  a.root_ = 0;
  return a;
}

#endif

}  // namespace grammar

VLMT_END_NAMESPACE
