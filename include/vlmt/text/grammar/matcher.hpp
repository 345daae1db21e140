// Constrained decoding of one text: which tokens may follow, and the state after them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/grammar.hpp"
#include "vlmt/text/grammar/mask_space.hpp"
#include "vlmt/text/grammar/states.hpp"
#include "vlmt/text/grammar/token_vocabulary.hpp"

VLMT_BEGIN_NAMESPACE

/// A grammar over the tokens of one vocabulary. Copies share the masks that are computed while matching, so one object
/// serves all texts of a grammar. Thread-safe.
class TokenGrammar {
 public:
  /// Throws InputError if the grammar needs a byte that is no token of the vocabulary: such a text could not end.
  TokenGrammar(Grammar grammar, std::shared_ptr<const TokenVocabulary> vocabulary)
      : shared_(std::make_shared<Shared>(std::move(grammar), std::move(vocabulary))) {
    check_bytes();
  }

  const Grammar& grammar() const noexcept { return shared_->grammar; }
  const TokenVocabulary& vocabulary() const noexcept { return *shared_->vocabulary; }

  /// States and masks for a new text. They are replaced once they take too much memory; texts that have begun keep the
  /// old ones.
  std::shared_ptr<grammar::MaskSpace> space() const;

 private:
  struct Shared {
    Shared(Grammar g, std::shared_ptr<const TokenVocabulary> v) : grammar(std::move(g)), vocabulary(std::move(v)) {}
    Grammar grammar;
    std::shared_ptr<const TokenVocabulary> vocabulary;
    std::mutex mutex;
    std::shared_ptr<grammar::MaskSpace> space;
  };
  void check_bytes() const;

  std::shared_ptr<Shared> shared_;
};

/// One text under a grammar. A copy is a fork: it goes on alone from the same place. Not thread-safe, but different
/// matchers of one grammar may be used at the same time.
class Matcher {
 public:
  explicit Matcher(const TokenGrammar& grammar) : space_(grammar.space()) {
    const std::lock_guard lock(space_->mutex);
    states_.push_back(space_->states().initial());
  }

  /// Words of a mask: bit t % 32 of word t / 32 is token t.
  std::size_t mask_words() const noexcept { return space_->vocabulary().mask_words(); }

  /// Writes 1 for each token that may follow. A longer mask is filled with 0. After an end token none may. Asserts that
  /// the mask has mask_words() or more. Throws LimitError if the grammar is so ambiguous that it takes too long.
  void fill_mask(std::span<std::uint32_t> mask);

  /// Appends a token. False, and nothing changes, if it is not allowed. Throws LimitError for a grammar that is too
  /// ambiguous, or once a text needs too much memory.
  bool accept(int token);

  /// Appends text that is not cut into tokens; counts as one token for rollback(). False, and nothing changes, if it is
  /// not allowed.
  bool accept_text(std::string_view text);

  /// Whether accept() would be true.
  bool allows(int token);

  /// Takes back the last n tokens. Asserts that there are that many.
  void rollback(std::size_t n) {
    VLMT_ASSERT_LE("Matcher::rollback", n, size());
    states_.resize(states_.size() - n);
  }

  /// Tokens accepted.
  std::size_t size() const noexcept { return states_.size() - 1; }

  /// Whether the text may end here, or has ended.
  bool complete() const;

  /// Whether an end token was accepted.
  bool ended() const noexcept { return states_.back() == end_state; }

  /// The text that must follow, at most `limit` bytes; empty if there is a choice. A caller encodes it and decodes all
  /// its tokens in one step.
  std::string forced_text(std::size_t limit = 4096) const;

  /// Tokens that spell the begin of forced_text(), each as long as possible. Left out is the end of it that a longer
  /// token could spell together with what follows.
  std::vector<int> forced_tokens(std::size_t limit = 4096) const;

 private:
  static constexpr std::uint32_t end_state = 0xFFFFFFFF;

  // The state after a token, or 0. Requires the lock.
  std::uint32_t after(int token) const;
  bool push(std::uint32_t state);

  std::shared_ptr<grammar::MaskSpace> space_;
  std::vector<std::uint32_t> states_;  // before the first token, and after each
};

#if VLMT_HAS_BODIES

VLMT_BODY std::shared_ptr<grammar::MaskSpace> TokenGrammar::space() const {
  const std::lock_guard lock(shared_->mutex);
  auto& space = shared_->space;
  if (space) {
    const std::lock_guard inner(space->mutex);
    if (space->bytes() <= shared_->grammar.limits().matcher_bytes) return space;
  }
  space = std::make_shared<grammar::MaskSpace>(shared_->grammar.automaton(), shared_->vocabulary,
                                               shared_->grammar.limits());
  return space;
}

VLMT_BODY void TokenGrammar::check_bytes() const {
  const grammar::Automaton& a = *shared_->grammar.automaton();
  std::vector<bool> used(256, false);
  for (std::uint32_t s = 0; s < a.states(); ++s) {
    for (const grammar::Dfa::Edge& e : a.edges(a.state(s))) {
      for (unsigned b = e.lo; b <= e.hi; ++b) used[b] = true;
    }
  }
  for (unsigned b = 0; b < 256; ++b) {
    if (!used[b] || shared_->vocabulary->has_byte(static_cast<std::uint8_t>(b))) continue;
    throw InputError("the vocabulary has no token for a byte that the grammar needs",
                     {.file = {}, .offset = {}, .field = {}, .expected = "byte " + std::to_string(b), .found = {}});
  }
}

VLMT_BODY void Matcher::fill_mask(std::span<std::uint32_t> mask) {
  VLMT_ASSERT_LE("Matcher::fill_mask", mask_words(), mask.size());
  std::size_t words = 0;
  if (!ended()) {
    const std::lock_guard lock(space_->mutex);
    const auto allowed = space_->mask(states_.back());
    std::copy(allowed.begin(), allowed.end(), mask.begin());
    words = allowed.size();
  }
  std::fill(mask.begin() + static_cast<std::ptrdiff_t>(words), mask.end(), 0);
}

VLMT_BODY std::uint32_t Matcher::after(int token) const {
  if (ended()) return grammar::StateSpace::dead;
  if (space_->vocabulary().is_end(token)) {
    return space_->states().complete(states_.back()) ? end_state : grammar::StateSpace::dead;
  }
  return space_->accept(states_.back(), token);
}

VLMT_BODY bool Matcher::push(std::uint32_t state) {
  if (state == grammar::StateSpace::dead) return false;
  space_->check_memory();
  states_.push_back(state);
  return true;
}

VLMT_BODY bool Matcher::accept(int token) {
  const std::lock_guard lock(space_->mutex);
  return push(after(token));
}

VLMT_BODY bool Matcher::accept_text(std::string_view text) {
  if (ended()) return false;
  const std::lock_guard lock(space_->mutex);
  return push(space_->read(states_.back(), text));
}

VLMT_BODY bool Matcher::allows(int token) {
  const std::lock_guard lock(space_->mutex);
  return after(token) != grammar::StateSpace::dead;
}

VLMT_BODY bool Matcher::complete() const {
  if (ended()) return true;
  const std::lock_guard lock(space_->mutex);
  return space_->states().complete(states_.back());
}

VLMT_BODY std::string Matcher::forced_text(std::size_t limit) const {
  std::string text;
  if (ended()) return text;
  const std::lock_guard lock(space_->mutex);
  for (std::uint32_t state = states_.back(); text.size() < limit;) {
    const auto byte = space_->forced(state);
    if (!byte) break;
    text += static_cast<char>(*byte);
    state = space_->states().step(state, *byte);
  }
  return text;
}

VLMT_BODY std::vector<int> Matcher::forced_tokens(std::size_t limit) const {
  const std::string text = forced_text(limit);
  const grammar::TokenTrie& trie = space_->vocabulary().trie();
  std::vector<int> tokens;
  for (std::size_t begin = 0; begin < text.size();) {
    std::uint32_t node = 0;
    std::size_t pos = begin, end = begin;
    int token = -1;
    while (pos < text.size()) {
      node = trie.child(node, static_cast<std::uint8_t>(text[pos]));
      if (node == 0) break;
      ++pos;
      if (!trie.own(node).empty()) {
        token = static_cast<int>(trie.own(node)[0]);
        end = pos;
      }
    }
    // The rest of the text is the begin of a longer token.
    if (node != 0 && trie[node].end > node + 1) break;
    if (token < 0) break;
    tokens.push_back(token);
    begin = end;
  }
  return tokens;
}

#endif

VLMT_END_NAMESPACE
