// JSON strings: how their characters are spelled, and the tokens that lie within one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/automaton.hpp"
#include "vlmt/text/grammar/characters.hpp"
#include "vlmt/text/grammar/dfa.hpp"
#include "vlmt/text/grammar/nfa.hpp"
#include "vlmt/text/grammar/token_trie.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// The content of any JSON string: characters as they are or escaped in any way, without unpaired surrogates.
inline Dfa free_content(Budget& budget) {
  Nfa nfa(budget);
  nfa.set_boundary(Nfa::start);
  CharacterEdges(nfa, Nfa::start).add(Nfa::start, Characters::all(), Spelling::json);
  const std::uint32_t escape = nfa.literal(Nfa::start, "\\");
  for (const char c : std::string_view("\"\\/bfnrt")) {
    nfa.bytes(escape, static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c), Nfa::start);
  }
  const auto digit = [&](std::uint32_t from, std::string_view digits, std::uint32_t to) {
    for (const char c : digits) nfa.bytes(from, static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c), to);
  };
  constexpr std::string_view any = "0123456789abcdefABCDEF";
  const auto two = [&](std::uint32_t from, std::uint32_t to) {
    const std::uint32_t middle = nfa.state();
    digit(from, any, middle);
    digit(middle, any, to);
  };
  const std::uint32_t u = nfa.literal(escape, "u"), first = nfa.state(), d = nfa.state(), high = nfa.state();
  digit(u, "0123456789abcefABCEF", first);
  const std::uint32_t second = nfa.state();
  digit(first, any, second);
  two(second, Nfa::start);
  digit(u, "dD", d);
  digit(d, "01234567", second);
  // A pair of surrogates is one character.
  digit(d, "89abAB", high);
  const std::uint32_t after = nfa.state();
  two(high, after);
  const std::uint32_t low = nfa.literal(after, "\\u"), low_d = nfa.state(), low_second = nfa.state();
  digit(low, "dD", low_d);
  digit(low_d, "cdefCDEF", low_second);
  two(low_second, Nfa::start);
  nfa.empty(Nfa::start, Nfa::accept);
  return determinise(nfa);
}

/// The content of any JSON string in its shortest spelling. Patterns, formats and names use it.
inline Dfa plain_content(Budget& budget) {
  Nfa nfa(budget);
  nfa.set_boundary(Nfa::start);
  CharacterEdges(nfa, Nfa::start).add(Nfa::start, Characters::all(), Spelling::json);
  nfa.empty(Nfa::start, Nfa::accept);
  return determinise(nfa);
}

/// A set of tokens: bit t % 32 of word t / 32.
inline void set_bit(std::span<std::uint32_t> mask, std::uint32_t token) noexcept {
  mask[token / 32] |= 1u << (token % 32);
}

/// The tokens that may follow in a free string from one of its states, whatever comes after the string: those that stay
/// within it, by how many characters they need, and those that close it, by what follows the closing quote.
class StringTokens {
 public:
  StringTokens() = default;

  /// `state` is one of `automaton`, which is a free string without bounds; `texts` are those of the trie, by token.
  /// `words` is the size of masks.
  StringTokens(const Automaton& automaton, std::uint32_t state, const TokenTrie& trie,
               const std::vector<std::string_view>& texts, std::size_t words)
      : within_(words, 0) {
    struct At {
      std::uint32_t state, characters;
    };
    std::vector<std::pair<std::uint32_t, std::uint32_t>> needs;
    std::vector<std::pair<std::string_view, std::uint32_t>> closing;
    std::vector<At> path;
    trie.walk(0, At{state, 0}, path, [&](std::uint32_t i, const At& from, At& to) {
      to.state = automaton.next(from.state, trie[i].byte);
      if (to.state == Automaton::none) return false;
      if (automaton.state(to.state).final) {
        for (std::uint32_t v = trie[i].values; v < trie[trie[i].end].values; ++v) {
          const std::uint32_t token = trie.values()[v];
          closing.emplace_back(texts[token].substr(trie[i].depth), static_cast<std::uint32_t>(closing_.size()));
          closing_.push_back({token, from.characters});
        }
        return false;
      }
      to.characters = from.characters + (automaton.state(from.state).boundary ? 1u : 0u);
      for (const std::uint32_t token : trie.own(i)) {
        needs.emplace_back(to.characters + automaton.state(to.state).distance, token);
      }
      return true;
    });
    std::sort(needs.begin(), needs.end());
    for (const auto& [need, token] : needs) {
      set_bit(within_, token);
      by_need_.push_back(token);
      need_end_.resize(need + 1, static_cast<std::uint32_t>(by_need_.size() - 1));
      need_end_[need] = static_cast<std::uint32_t>(by_need_.size());
    }
    rest_ = TokenTrie(std::move(closing));
  }

  struct Closing {
    std::uint32_t token, characters;  ///< characters before the closing quote
  };

  /// Adds the tokens that stay within the string and need at most `left` characters. `scratch` is of any size.
  void add_within(std::span<std::uint32_t> mask, std::uint32_t left, std::vector<std::uint32_t>& scratch) const {
    const std::size_t end = left < need_end_.size() ? need_end_[left] : by_need_.size();
    if (end * 2 < by_need_.size()) {
      for (std::size_t i = 0; i < end; ++i) set_bit(mask, by_need_[i]);
      return;
    }
    const std::vector<std::uint32_t>* tokens = &within_;
    if (end < by_need_.size()) {
      scratch = within_;
      for (std::size_t i = end; i < by_need_.size(); ++i) scratch[by_need_[i] / 32] &= ~(1u << (by_need_[i] % 32));
      tokens = &scratch;
    }
    for (std::size_t w = 0; w < tokens->size(); ++w) mask[w] |= (*tokens)[w];
  }

  /// What follows the closing quote in tokens that have one; values are indices of closing().
  const TokenTrie& rest() const noexcept { return rest_; }
  const Closing& closing(std::uint32_t i) const noexcept { return closing_[i]; }

  std::size_t bytes() const noexcept {
    return (within_.size() + by_need_.size() + need_end_.size()) * 4 + closing_.size() * sizeof(Closing) +
           rest_.bytes();
  }

 private:
  std::vector<std::uint32_t> within_;    // mask of all tokens within the string
  std::vector<std::uint32_t> by_need_;   // the same tokens by the characters they need
  std::vector<std::uint32_t> need_end_;  // by need: end of its tokens in by_need_
  TokenTrie rest_;
  std::vector<Closing> closing_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
