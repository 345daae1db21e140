// Nondeterministic byte automata of one rule: what the readers of schemas, expressions and grammars build.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/limits.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// An automaton over bytes whose edges may also call other rules. Readers create states and add edges between them.
class Nfa {
 public:
  enum class Kind : std::uint8_t {
    bytes,     ///< one byte of lo..hi
    empty,     ///< nothing
    call,      ///< a text of another rule
    at_begin,  ///< nothing, and only at the begin of the rule's text (^)
    at_end     ///< nothing, and only at its end ($)
  };
  struct Edge {
    std::uint32_t from, to;
    std::uint32_t rule;  ///< of a call
    Kind kind;
    std::uint8_t lo, hi;  ///< of bytes
  };

  explicit Nfa(Budget& budget) : budget_(&budget) {
    state();
    state();
  }

  static constexpr std::uint32_t start = 0;
  static constexpr std::uint32_t accept = 1;

  std::uint32_t state() {
    budget_->nfa_states();
    boundary_.push_back(0);
    return static_cast<std::uint32_t>(boundary_.size() - 1);
  }
  void bytes(std::uint32_t from, std::uint8_t lo, std::uint8_t hi, std::uint32_t to) {
    add({from, to, 0, Kind::bytes, lo, hi});
  }
  void empty(std::uint32_t from, std::uint32_t to) { add({from, to, 0, Kind::empty, 0, 0}); }
  void call(std::uint32_t from, std::uint32_t rule, std::uint32_t to) { add({from, to, rule, Kind::call, 0, 0}); }
  void assertion(std::uint32_t from, Kind kind, std::uint32_t to) { add({from, to, 0, kind, 0, 0}); }

  /// Exactly `text`. Returns the state after it, which is new.
  std::uint32_t literal(std::uint32_t from, std::string_view text) {
    for (const char c : text) {
      const std::uint32_t next = state();
      bytes(from, static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c), next);
      from = next;
    }
    return from;
  }

  /// Marks a state as one between two characters; counts of characters change only there.
  void set_boundary(std::uint32_t s) { boundary_[s] = 1; }
  bool boundary(std::uint32_t s) const noexcept { return boundary_[s] != 0; }

  std::size_t size() const noexcept { return boundary_.size(); }
  const std::vector<Edge>& edges() const noexcept { return edges_; }
  std::vector<Edge>& edges() noexcept { return edges_; }
  Budget& budget() const noexcept { return *budget_; }

 private:
  void add(const Edge& e) {
    budget_->steps();
    edges_.push_back(e);
  }

  Budget* budget_;
  std::vector<Edge> edges_;
  std::vector<std::uint8_t> boundary_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
