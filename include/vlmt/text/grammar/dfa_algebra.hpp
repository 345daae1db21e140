// Intersection and difference of deterministic automata, and automata that are given by code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/dfa.hpp"
#include "vlmt/text/grammar/limits.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// The automaton whose states are values: `step(state, byte)` is the next one, if any, and `final(state)` whether a
/// text may end there. `alphabet` has the bytes to try, ascending. States need operator<.
template <class S, class Step, class Final>
Dfa explore(const S& start, std::string_view alphabet, Step&& step, Final&& final, Budget& budget) {
  Dfa dfa;
  std::map<S, std::uint32_t> ids;
  std::vector<S> order;
  const auto intern = [&](const S& s) {
    const auto [at, inserted] = ids.try_emplace(s, static_cast<std::uint32_t>(order.size()));
    if (inserted) {
      budget.states();
      order.push_back(s);
    }
    return at->second;
  };
  intern(start);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const S s = order[i];
    Dfa::State state;
    state.final = final(s);
    budget.steps(alphabet.size());
    for (const char c : alphabet) {
      const std::optional<S> next = step(s, c);
      if (!next) continue;
      const auto byte = static_cast<std::uint8_t>(c);
      const std::uint32_t to = intern(*next);
      if (!state.edges.empty() && state.edges.back().to == to && state.edges.back().hi + 1u == byte) {
        state.edges.back().hi = byte;
      } else {
        state.edges.push_back({byte, byte, to});
      }
    }
    dfa.states.push_back(std::move(state));
  }
  reduce(dfa, budget);
  return dfa;
}

/// The texts of `a` that are texts of `b`, or, with `without`, that are none of `b`. Neither may call rules. Boundaries
/// are those of `a`.
inline Dfa product(const Dfa& a, const Dfa& b, bool without, Budget& budget) {
  Dfa out;
  if (a.states.empty() || (b.states.empty() && !without)) return out;
  using Pair = std::pair<std::uint32_t, std::uint32_t>;
  std::map<Pair, std::uint32_t> ids;
  std::vector<Pair> order;
  const auto intern = [&](Pair p) {
    const auto [at, inserted] = ids.try_emplace(p, static_cast<std::uint32_t>(order.size()));
    if (inserted) {
      budget.states();
      order.push_back(p);
    }
    return at->second;
  };
  intern({0, b.states.empty() ? Dfa::none : 0});
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto [sa, sb] = order[i];
    Dfa::State state;
    state.boundary = a.states[sa].boundary;
    const bool in_b = sb != Dfa::none && b.states[sb].final;
    state.final = a.states[sa].final && in_b != without;
    for (const Dfa::Edge& e : a.states[sa].edges) {
      budget.steps();
      // Cuts e at the edges of b.
      unsigned lo = e.lo;
      const auto part = [&](unsigned hi, std::uint32_t to_b) {
        if (to_b != Dfa::none || without) {
          state.edges.push_back({static_cast<std::uint8_t>(lo), static_cast<std::uint8_t>(hi), intern({e.to, to_b})});
        }
        lo = hi + 1;
      };
      if (sb != Dfa::none) {
        for (const Dfa::Edge& f : b.states[sb].edges) {
          if (f.hi < lo) continue;
          if (f.lo > e.hi || lo > e.hi) break;
          budget.steps();
          if (f.lo > lo) part(f.lo - 1u, Dfa::none);
          part(std::min<unsigned>(f.hi, e.hi), f.to);
        }
      }
      if (lo <= e.hi) part(e.hi, Dfa::none);
    }
    out.states.push_back(std::move(state));
  }
  reduce(out, budget);
  return out;
}

inline Dfa intersection(const Dfa& a, const Dfa& b, Budget& budget) {
  return product(a, b, false, budget);
}
inline Dfa difference(const Dfa& a, const Dfa& b, Budget& budget) {
  return product(a, b, true, budget);
}

/// Adds the edges of an automaton that calls no rules between two states of an Nfa.
inline void embed(Nfa& nfa, std::uint32_t from, const Dfa& dfa, std::uint32_t to) {
  if (dfa.states.empty()) return;
  std::vector<std::uint32_t> state(dfa.states.size());
  for (std::uint32_t& s : state) s = nfa.state();
  nfa.empty(from, state[0]);
  for (std::size_t s = 0; s < dfa.states.size(); ++s) {
    for (const Dfa::Edge& e : dfa.states[s].edges) nfa.bytes(state[s], e.lo, e.hi, state[e.to]);
    if (dfa.states[s].final) nfa.empty(state[s], to);
    if (dfa.states[s].boundary) nfa.set_boundary(state[s]);
  }
}

}  // namespace grammar

VLMT_END_NAMESPACE
