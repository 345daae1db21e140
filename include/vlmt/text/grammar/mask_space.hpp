// Masks of the tokens that may follow in each state, computed once and kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/automaton.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/states.hpp"
#include "vlmt/text/grammar/strings.hpp"
#include "vlmt/text/grammar/token_trie.hpp"
#include "vlmt/text/grammar/token_vocabulary.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// States and masks of one grammar over one vocabulary. Several matchers share it; calls lock `mutex` first.
class MaskSpace {
 public:
  MaskSpace(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const TokenVocabulary> vocabulary,
            const GrammarLimits& limits)
      : automaton_(std::move(automaton)),
        vocabulary_(std::move(vocabulary)),
        limits_(limits),
        states_(*automaton_, limits.configurations) {}

  std::mutex mutex;

  StateSpace& states() noexcept { return states_; }
  const TokenVocabulary& vocabulary() const noexcept { return *vocabulary_; }

  /// The state after a token, 0 if it is not allowed. End tokens are the caller's.
  std::uint32_t accept(std::uint32_t state, int token) {
    switch (vocabulary_->use(token)) {
      case TokenUse::text:
        return read(state, vocabulary_->bytes(token));
      case TokenUse::literal:
        return read_literal(state, vocabulary_->bytes(token));
      case TokenUse::never:
        break;
    }
    return StateSpace::dead;
  }

  std::uint32_t read(std::uint32_t state, std::string_view text) {
    for (const char c : text) state = states_.step(state, static_cast<std::uint8_t>(c));
    return state;
  }

  /// The mask of a state, vocabulary().mask_words() words; valid until the next call.
  std::span<const std::uint32_t> mask(std::uint32_t state) {
    const std::uint32_t key = states_.clamped(state, static_cast<std::uint32_t>(vocabulary_->trie().longest()));
    const auto known = masks_.find(key);
    if (known != masks_.end()) return known->second;
    std::vector<std::uint32_t> mask(vocabulary_->mask_words(), 0);
    // Ways to read that lie in rules without calls are followed apart from the others, which is much quicker, but not
    // if there are many ways to cut a text into such rules.
    constexpr std::uint64_t few_steps = std::uint64_t{1} << 21;
    if (!compute(key, mask, true, std::min(few_steps, limits_.mask_steps))) {
      std::fill(mask.begin(), mask.end(), 0);
      if (!compute(key, mask, false, limits_.mask_steps)) {
        throw LimitError("grammar is too ambiguous: steps of one mask",
                         {.file = {},
                          .offset = {},
                          .field = {},
                          .expected = "at most " + std::to_string(limits_.mask_steps),
                          .found = "more"});
      }
    }
    if (masks_.size() * mask.size() * sizeof(std::uint32_t) > limits_.matcher_bytes) masks_.clear();
    return masks_.emplace(key, std::move(mask)).first->second;
  }

  /// The only byte that may follow; nothing if there are several or the text may end.
  std::optional<std::uint8_t> forced(std::uint32_t state) const {
    std::optional<std::uint8_t> only;
    for (std::size_t i = 0; i < states_.configurations(state); ++i) {
      const Configuration c = states_.configuration(state, i);
      if (c.state == StateSpace::done) return std::nullopt;
      for (const Dfa::Edge& e : automaton_->edges(automaton_->state(c.state))) {
        if (!states_.advance(c, e.lo)) continue;
        if (e.lo != e.hi || (only && *only != e.lo)) return std::nullopt;
        only = e.lo;
      }
    }
    return only;
  }

  /// Throws LimitError once the states of texts that go on take too much memory.
  void check_memory() const {
    const std::size_t limit = 8 * limits_.matcher_bytes;
    if (states_.bytes() > limit) {
      throw LimitError("text needs too many states of its grammar",
                       {.file = {},
                        .offset = {},
                        .field = {},
                        .expected = "at most " + std::to_string(limit) + " bytes",
                        .found = "more"});
    }
  }

  std::size_t bytes() const noexcept {
    return states_.bytes() + masks_.size() * vocabulary_->mask_words() * sizeof(std::uint32_t);
  }

 private:
  using Mask = std::span<std::uint32_t>;

  // A token that must not be part of a string: without the ways to read it that lie in one.
  std::uint32_t read_literal(std::uint32_t state, std::string_view text) {
    std::vector<Configuration> kept;
    for (const char c : text) {
      kept.clear();
      for (std::size_t i = 0; i < states_.configurations(state); ++i) {
        const Configuration k = states_.configuration(state, i);
        if (k.state != StateSpace::done && !rule_of(k).string) kept.push_back(k);
      }
      state = states_.step(states_.intern(kept), static_cast<std::uint8_t>(c));
    }
    return state;
  }

  const Automaton::Rule& rule_of(const Configuration& c) const noexcept {
    return automaton_->rule(automaton_->state(c.state).rule);
  }

  // False if it takes more than `steps`; the mask is not whole then.
  bool compute(std::uint32_t state, Mask mask, bool split, std::uint64_t steps) {
    split_ = split;
    visits_ = 0;
    visit_limit_ = steps;
    work_limit_ = states_.work() + steps;
    std::vector<Configuration> others;
    for (std::size_t i = 0; i < states_.configurations(state); ++i) {
      const Configuration c = states_.configuration(state, i);
      if (c.state == StateSpace::done) {
        for (const int id : vocabulary_->end_tokens()) set_bit(mask, static_cast<std::uint32_t>(id));
        continue;
      }
      const std::uint32_t place = c.state - rule_of(c).start;
      if (rule_of(c).free && place == Automaton::string_open) {
        add_string(vocabulary_->opening(), c, mask);
      } else if (rule_of(c).free && place == Automaton::string_inside) {
        add_string(vocabulary_->inside(), c, mask);
      } else {
        others.push_back(c);
      }
    }
    if (!others.empty()) add_state(0, states_.intern(others), mask, 0);
    for (const std::uint32_t id : vocabulary_->literals()) {
      if (read_literal(state, vocabulary_->bytes(static_cast<int>(id))) != StateSpace::dead) set_bit(mask, id);
    }
    return !exhausted();
  }

  void add_string(const StringTokens& tokens, const Configuration& c, Mask mask) {
    const Automaton::Rule& rule = rule_of(c);
    const std::uint32_t left = rule.max == Automaton::unbounded ? Automaton::unbounded : rule.max - c.count;
    tokens.add_within(mask, left, scratch_);
    const std::uint32_t needed = rule.min - std::min(rule.min, c.count);
    const TokenTrie& rest = tokens.rest();
    const auto add_own = [&](std::uint32_t node) {
      for (const std::uint32_t i : rest.own(node)) {
        const StringTokens::Closing& closing = tokens.closing(i);
        if (closing.characters >= needed && closing.characters <= left) set_bit(mask, closing.token);
      }
    };
    add_own(0);
    rest.walk(0, states_.leave(c.stack), states_at(0), [&](std::uint32_t i, std::uint32_t from, std::uint32_t& to) {
      if (!visit()) return false;
      to = states_.step(from, rest[i].byte);
      if (to == StateSpace::dead) return false;
      add_own(i);
      return true;
    });
  }

  void add_own(std::uint32_t node, Mask mask) const noexcept {
    for (const std::uint32_t token : vocabulary_->trie().own(node)) set_bit(mask, token);
  }

  // Tokens under a node of the trie that a state reads.
  void add_state(std::uint32_t top, std::uint32_t state, Mask mask, std::size_t level) {
    const TokenTrie& trie = vocabulary_->trie();
    if (trie[top].end == top + 1) return;
    if (apart(state)) {
      std::vector<Configuration> others;
      for (std::size_t i = 0; i < states_.configurations(state); ++i) {
        const Configuration c = states_.configuration(state, i);
        if (c.state == StateSpace::done) continue;
        if (split_ && rule_of(c).leaf) {
          add_configuration(top, c, mask, level + 1);
        } else {
          others.push_back(c);
        }
      }
      if (others.empty()) return;
      if (others.size() == 1) return add_configuration(top, others[0], mask, level + 1);
      state = states_.intern(others);
    }
    trie.walk(top, state, states_at(level), [&](std::uint32_t i, std::uint32_t from, std::uint32_t& to) {
      if (!visit()) return false;
      to = states_.step(from, trie[i].byte);
      if (to == StateSpace::dead) return false;
      add_own(i, mask);
      if (!apart(to)) return true;
      add_state(i, to, mask, level + 1);
      return false;
    });
  }

  // The same for one configuration. While its rule calls no other one, it needs no stack: this is the fast path of long
  // walks, through text that may be almost anything.
  void add_configuration(std::uint32_t top, const Configuration& c, Mask mask, std::size_t level) {
    const TokenTrie& trie = vocabulary_->trie();
    if (trie[top].end == top + 1) return;
    std::optional<std::uint32_t> after;
    trie.walk(top, c, configurations_at(level), [&](std::uint32_t i, const Configuration& from, Configuration& to) {
      if (!visit()) return false;
      const auto next = states_.advance(from, trie[i].byte);
      if (!next) return false;
      add_own(i, mask);
      const Automaton::State& s = automaton_->state(next->state);
      if (s.call_count != 0) {
        add_state(i, states_.reach(*next), mask, level + 1);
        return false;
      }
      if (s.final) {
        if (!after) after = states_.leave(c.stack);
        if (readable(*after)) add_state(i, *after, mask, level + 1);
      }
      to = *next;
      return s.edge_count != 0;
    });
  }

  // Whether configurations of a state are followed one by one: it has only one, next to the end of the text, or some
  // lie in rules without calls.
  bool apart(std::uint32_t state) const noexcept {
    const std::size_t n = states_.configurations(state);
    if (n == (states_.complete(state) ? 2u : 1u)) return true;
    if (!split_) return false;
    for (std::size_t i = 0; i < n; ++i) {
      const Configuration c = states_.configuration(state, i);
      if (c.state != StateSpace::done && rule_of(c).leaf) return true;
    }
    return false;
  }
  bool readable(std::uint32_t state) const noexcept {
    return states_.configurations(state) > (states_.complete(state) ? 1u : 0u);
  }

  // Once true, walks end at the next node.
  bool exhausted() const noexcept { return visits_ > visit_limit_ || states_.work() > work_limit_; }
  // Counts a node of the trie.
  bool visit() noexcept {
    ++visits_;
    return !exhausted();
  }

  std::vector<std::uint32_t>& states_at(std::size_t level) {
    while (state_paths_.size() <= level) state_paths_.emplace_back();
    return state_paths_[level];
  }
  std::vector<Configuration>& configurations_at(std::size_t level) {
    while (configuration_paths_.size() <= level) configuration_paths_.emplace_back();
    return configuration_paths_[level];
  }

  std::shared_ptr<const Automaton> automaton_;
  std::shared_ptr<const TokenVocabulary> vocabulary_;
  GrammarLimits limits_;
  StateSpace states_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> masks_;
  bool split_ = true;
  std::uint64_t work_limit_ = 0, visit_limit_ = 0, visits_ = 0;
  // Of one walk each: a walk within another one has the next level.
  std::deque<std::vector<std::uint32_t>> state_paths_;
  std::deque<std::vector<Configuration>> configuration_paths_;
  std::vector<std::uint32_t> scratch_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
