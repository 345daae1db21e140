// Deterministic byte automata of one rule, and their construction from nondeterministic ones.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/nfa.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// A deterministic automaton: at most one edge for each byte, and one for each called rule, leaves a state. State 0 is
/// the start.
struct Dfa {
  struct Edge {
    std::uint8_t lo, hi;
    std::uint32_t to;
    friend bool operator==(const Edge&, const Edge&) = default;
  };
  struct Call {
    std::uint32_t rule, to;
    friend bool operator==(const Call&, const Call&) = default;
  };
  struct State {
    std::vector<Edge> edges;  ///< sorted, disjoint
    std::vector<Call> calls;  ///< sorted by rule
    bool final = false;
    bool boundary = false;  ///< between two characters of a string
    friend bool operator==(const State&, const State&) = default;
  };

  static constexpr std::uint32_t none = 0xFFFFFFFF;

  std::vector<State> states;  ///< empty: the automaton accepts nothing

  std::uint32_t next(std::uint32_t state, std::uint8_t byte) const noexcept {
    for (const Edge& e : states[state].edges) {
      if (byte <= e.hi) return byte >= e.lo ? e.to : none;
    }
    return none;
  }

  /// Whether it accepts a text; it must not call rules.
  bool matches(std::string_view text) const noexcept {
    if (states.empty()) return false;
    std::uint32_t s = 0;
    for (const char c : text) {
      s = next(s, static_cast<std::uint8_t>(c));
      if (s == none) return false;
    }
    return states[s].final;
  }
};

/// Removes states that are out of reach or cannot reach a final one, and merges states with the same edges. An
/// automaton without a final state becomes empty. Called rules must all accept some text.
inline void reduce(Dfa& dfa, Budget& budget) {
  const std::size_t n = dfa.states.size();
  if (n == 0) return;
  // Backwards from the final states.
  std::vector<std::uint32_t> begin(n + 2, 0), from, queue;
  const auto each_target = [&](auto&& f) {
    for (std::size_t s = 0; s < n; ++s) {
      for (const Dfa::Edge& e : dfa.states[s].edges) f(static_cast<std::uint32_t>(s), e.to);
      for (const Dfa::Call& c : dfa.states[s].calls) f(static_cast<std::uint32_t>(s), c.to);
    }
  };
  each_target([&](std::uint32_t, std::uint32_t to) { ++begin[to + 2]; });
  for (std::size_t s = 2; s < n + 2; ++s) begin[s] += begin[s - 1];
  from.resize(begin[n + 1]);
  each_target([&](std::uint32_t s, std::uint32_t to) { from[begin[to + 1]++] = s; });
  budget.steps(from.size() + n);
  std::vector<std::uint8_t> alive(n, 0);
  for (std::size_t s = 0; s < n; ++s) {
    if (dfa.states[s].final) {
      alive[s] = 1;
      queue.push_back(static_cast<std::uint32_t>(s));
    }
  }
  while (!queue.empty()) {
    const std::uint32_t s = queue.back();
    queue.pop_back();
    for (std::uint32_t i = begin[s]; i < begin[s + 1]; ++i) {
      if (alive[from[i]] == 0) {
        alive[from[i]] = 1;
        queue.push_back(from[i]);
      }
    }
  }
  if (alive[0] == 0) {
    dfa.states.clear();
    return;
  }
  for (Dfa::State& s : dfa.states) {
    std::erase_if(s.edges, [&](const Dfa::Edge& e) { return alive[e.to] == 0; });
    std::erase_if(s.calls, [&](const Dfa::Call& c) { return alive[c.to] == 0; });
  }
  // States with the same edges are equal. Those that were created later come first: mostly, they are the targets.
  struct Hash {
    const std::vector<Dfa::State>* states;
    std::size_t operator()(std::uint32_t id) const noexcept {
      const Dfa::State& s = (*states)[id];
      std::uint64_t h = (s.final ? 1u : 0u) | (s.boundary ? 2u : 0u);
      const auto mix = [&](std::uint64_t x) { h = (h ^ x) * 0x9E3779B97F4A7C15u, h ^= h >> 29; };
      for (const Dfa::Edge& e : s.edges) mix(std::uint64_t{e.lo} | std::uint64_t{e.hi} << 8 | std::uint64_t{e.to} << 16);
      for (const Dfa::Call& c : s.calls) mix(std::uint64_t{c.rule} << 32 | c.to);
      return h;
    }
  };
  struct Equal {
    const std::vector<Dfa::State>* states;
    bool operator()(std::uint32_t a, std::uint32_t b) const noexcept { return (*states)[a] == (*states)[b]; }
  };
  std::vector<std::uint32_t> same(n);
  for (bool changed = true; changed;) {
    changed = false;
    std::unordered_map<std::uint32_t, std::uint32_t, Hash, Equal> known(n, Hash{&dfa.states}, Equal{&dfa.states});
    for (std::size_t i = n; i-- > 0;) {
      if (alive[i] == 0) continue;
      Dfa::State& s = dfa.states[i];
      // Targets after i are settled in this pass.
      const auto settled = [&](std::uint32_t to) { return to > i ? same[to] : to; };
      budget.steps(1 + s.edges.size() + s.calls.size());
      for (Dfa::Edge& e : s.edges) e.to = settled(e.to);
      for (Dfa::Call& c : s.calls) c.to = settled(c.to);
      for (std::size_t k = 1; k < s.edges.size();) {
        if (s.edges[k - 1].to == s.edges[k].to && s.edges[k - 1].hi + 1 == s.edges[k].lo) {
          s.edges[k - 1].hi = s.edges[k].hi;
          s.edges.erase(s.edges.begin() + static_cast<std::ptrdiff_t>(k));
        } else {
          ++k;
        }
      }
      const auto [at, inserted] = known.emplace(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i));
      same[i] = at->second;
      if (!inserted && i != 0) {
        alive[i] = 0;
        changed = true;
      } else if (!inserted) {
        same[i] = 0;  // the start stays; its equal is kept, too
      }
    }
    // Edges to states before their source were not settled above.
    for (std::size_t i = 0; i < n; ++i) {
      if (alive[i] == 0) continue;
      for (Dfa::Edge& e : dfa.states[i].edges) e.to = same[e.to];
      for (Dfa::Call& c : dfa.states[i].calls) c.to = same[c.to];
    }
  }
  // Forwards from the start, with new numbers.
  std::vector<std::uint32_t> number(n, Dfa::none), order{0};
  number[0] = 0;
  const auto reach = [&](std::uint32_t& to) {
    if (number[to] == Dfa::none) {
      number[to] = static_cast<std::uint32_t>(order.size());
      order.push_back(to);
    }
    to = number[to];
  };
  std::vector<Dfa::State> kept;
  for (std::size_t i = 0; i < order.size(); ++i) {
    Dfa::State s = std::move(dfa.states[order[i]]);
    for (Dfa::Edge& e : s.edges) reach(e.to);
    for (Dfa::Call& c : s.calls) reach(c.to);
    kept.push_back(std::move(s));
  }
  dfa.states = std::move(kept);
}

/// Subset construction over the edges of one Nfa.
class Determiniser {
 public:
  explicit Determiniser(const Nfa& nfa) : nfa_(nfa), budget_(nfa.budget()) {
    const std::size_t n = nfa.size();
    begin_.assign(n + 1, 0);
    for (const Nfa::Edge& e : nfa.edges()) ++begin_[e.from + 1];
    for (std::size_t s = 0; s < n; ++s) begin_[s + 1] += begin_[s];
    edges_.resize(nfa.edges().size());
    std::vector<std::uint32_t> at(begin_.begin(), begin_.end() - 1);
    for (const Nfa::Edge& e : nfa.edges()) edges_[at[e.from]++] = e;
    stamp_.assign(n, 0);
  }

  Dfa run() {
    Dfa dfa;
    intern(dfa, close({Nfa::start}, true));
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      Dfa::State state;
      const std::vector<std::uint32_t>& set = *sets_[i];
      state.final = is_final(set, i == 0);
      for (const std::uint32_t s : set) state.boundary = state.boundary || nfa_.boundary(s);
      follow_bytes(dfa, set, state);
      follow_calls(dfa, set, state);
      dfa.states[i] = std::move(state);
    }
    return dfa;
  }

 private:
  struct SetHash {
    std::size_t operator()(const std::vector<std::uint32_t>& set) const noexcept {
      std::uint64_t h = set.size();
      for (const std::uint32_t s : set) h = (h ^ s) * 0x9E3779B97F4A7C15u, h ^= h >> 29;
      return h;
    }
  };

  std::span<const Nfa::Edge> edges_of(std::uint32_t s) const {
    return std::span(edges_).subspan(begin_[s], begin_[s + 1] - begin_[s]);
  }

  // All states reached from `set` without a byte or a call; sorted.
  std::vector<std::uint32_t> close(std::vector<std::uint32_t> set, bool at_begin, bool at_end = false) {
    ++now_;
    for (const std::uint32_t s : set) stamp_[s] = now_;
    for (std::size_t i = 0; i < set.size(); ++i) {
      const auto edges = edges_of(set[i]);
      budget_.steps(1 + edges.size());
      for (const Nfa::Edge& e : edges) {
        const bool free = e.kind == Nfa::Kind::empty || (e.kind == Nfa::Kind::at_begin && at_begin) ||
                          (e.kind == Nfa::Kind::at_end && at_end);
        if (free && stamp_[e.to] != now_) {
          stamp_[e.to] = now_;
          set.push_back(e.to);
        }
      }
    }
    std::sort(set.begin(), set.end());
    return set;
  }

  bool is_final(const std::vector<std::uint32_t>& set, bool at_begin) {
    if (std::binary_search(set.begin(), set.end(), Nfa::accept)) return true;
    bool asserts = false;
    for (const std::uint32_t s : set) {
      for (const Nfa::Edge& e : edges_of(s)) asserts = asserts || e.kind == Nfa::Kind::at_end;
    }
    if (!asserts) return false;
    const auto end = close(set, at_begin, true);
    return std::binary_search(end.begin(), end.end(), Nfa::accept);
  }

  std::uint32_t intern(Dfa& dfa, std::vector<std::uint32_t> set) {
    const auto [at, inserted] = ids_.try_emplace(std::move(set), static_cast<std::uint32_t>(sets_.size()));
    if (inserted) {
      budget_.states();
      budget_.steps(4 * at->first.size());
      sets_.push_back(&at->first);
      dfa.states.emplace_back();
    }
    return at->second;
  }

  void follow_bytes(Dfa& dfa, const std::vector<std::uint32_t>& set, Dfa::State& state) {
    std::array<std::uint8_t, 257> cut{};
    std::vector<Nfa::Edge> out;
    for (const std::uint32_t s : set) {
      for (const Nfa::Edge& e : edges_of(s)) {
        if (e.kind != Nfa::Kind::bytes) continue;
        cut[e.lo] = cut[e.hi + 1u] = 1;
        out.push_back(e);
      }
    }
    if (out.empty()) return;
    std::sort(out.begin(), out.end(), [](const Nfa::Edge& a, const Nfa::Edge& b) { return a.lo < b.lo; });
    std::vector<std::uint32_t> targets;
    for (std::size_t lo = 0; lo < 256;) {
      std::size_t hi = lo;
      while (hi < 255 && cut[hi + 1] == 0) ++hi;
      ++now_;
      targets.clear();
      for (const Nfa::Edge& e : out) {
        if (e.lo > lo) break;
        if (e.hi < lo || stamp_[e.to] == now_) continue;
        stamp_[e.to] = now_;
        targets.push_back(e.to);
      }
      budget_.steps(1 + out.size() / 8);
      if (!targets.empty()) {
        const std::uint32_t to = intern(dfa, close(targets, false));
        if (!state.edges.empty() && state.edges.back().to == to && state.edges.back().hi + 1u == lo) {
          state.edges.back().hi = static_cast<std::uint8_t>(hi);
        } else {
          state.edges.push_back({static_cast<std::uint8_t>(lo), static_cast<std::uint8_t>(hi), to});
        }
      }
      lo = hi + 1;
    }
  }

  void follow_calls(Dfa& dfa, const std::vector<std::uint32_t>& set, Dfa::State& state) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> calls;
    for (const std::uint32_t s : set) {
      for (const Nfa::Edge& e : edges_of(s)) {
        if (e.kind == Nfa::Kind::call) calls.emplace_back(e.rule, e.to);
      }
    }
    std::sort(calls.begin(), calls.end());
    calls.erase(std::unique(calls.begin(), calls.end()), calls.end());
    for (std::size_t i = 0; i < calls.size();) {
      std::vector<std::uint32_t> targets;
      const std::uint32_t rule = calls[i].first;
      for (; i < calls.size() && calls[i].first == rule; ++i) targets.push_back(calls[i].second);
      state.calls.push_back({rule, intern(dfa, close(std::move(targets), false))});
    }
  }

  const Nfa& nfa_;
  Budget& budget_;
  std::vector<std::uint32_t> begin_;
  std::vector<Nfa::Edge> edges_;
  std::vector<std::uint32_t> stamp_;
  std::uint32_t now_ = 0;
  std::unordered_map<std::vector<std::uint32_t>, std::uint32_t, SetHash> ids_;
  std::vector<const std::vector<std::uint32_t>*> sets_;
};

/// The deterministic automaton of an Nfa, reduced. Called rules must all accept some text.
inline Dfa determinise(const Nfa& nfa) {
  Dfa dfa = Determiniser(nfa).run();
  reduce(dfa, nfa.budget());
  return dfa;
}

}  // namespace grammar

VLMT_END_NAMESPACE
