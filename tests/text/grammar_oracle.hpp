// What tests of constrained decoding share: small vocabularies, and masks compared with all texts of a language.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/text/grammar/grammar.hpp"
#include "vlmt/text/grammar/matcher.hpp"
#include "vlmt/text/grammar/token_vocabulary.hpp"

namespace vlmt_test {

/// All bytes as tokens 0 to 255, then `more`, then the end token.
inline std::shared_ptr<const vlmt::TokenVocabulary> token_vocabulary(const std::vector<std::string>& more = {}) {
  std::vector<vlmt::TokenVocabulary::Token> tokens;
  for (int b = 0; b < 256; ++b) tokens.push_back({std::string(1, static_cast<char>(b))});
  for (const std::string& text : more) tokens.push_back({text});
  tokens.push_back({"<end>", vlmt::TokenUse::never});
  const int end = static_cast<int>(tokens.size()) - 1;
  return std::make_shared<const vlmt::TokenVocabulary>(std::move(tokens), std::vector<int>{end});
}

inline bool mask_bit(const std::vector<std::uint32_t>& mask, std::size_t token) {
  return (mask[token / 32] >> (token % 32) & 1) != 0;
}

inline std::vector<std::uint32_t> mask_of(vlmt::Matcher& m) {
  std::vector<std::uint32_t> mask(m.mask_words());
  m.fill_mask(mask);
  return mask;
}

/// Whether the grammar accepts a whole text, byte by byte.
inline bool accepts(const vlmt::Grammar& g, std::string_view text) {
  static const auto bytes = token_vocabulary();
  vlmt::Matcher m(vlmt::TokenGrammar(g, bytes));
  return m.accept_text(text) && m.complete();
}

/// All texts over `alphabet` with at most `length` characters for which `contains` is true.
inline std::set<std::string> texts_of(std::string_view alphabet, std::size_t length,
                                      const std::function<bool(const std::string&)>& contains) {
  std::set<std::string> found;
  std::vector<std::string> layer{""};
  for (std::size_t n = 0;; ++n) {
    for (const std::string& text : layer) {
      if (contains(text)) found.insert(text);
    }
    if (n == length) return found;
    std::vector<std::string> next;
    for (const std::string& text : layer) {
      for (const char c : alphabet) next.push_back(text + c);
    }
    layer = std::move(next);
  }
}

/// Compares masks after every beginning of at most `depth` bytes with `language`, bit by bit: a token is allowed if and
/// only if what it makes is the beginning of a text. `language` must have a text for each beginning of up to depth plus
/// the longest token. With an alphabet, only tokens over it are compared. Each beginning is also reached by longer
/// tokens.
inline void compare_masks(const vlmt::Grammar& grammar, const std::set<std::string>& language, std::size_t depth,
                          const std::vector<std::string>& more, std::string_view alphabet = {}) {
  const auto vocabulary = token_vocabulary(more);
  const vlmt::TokenGrammar tokens(grammar, vocabulary);
  const std::size_t end = 256 + more.size();
  std::set<std::string> beginnings;
  for (const std::string& text : language) {
    for (std::size_t n = 0; n <= text.size(); ++n) beginnings.insert(text.substr(0, n));
  }
  std::mt19937 random(7);
  std::size_t compared = 0;
  for (const std::string& text : beginnings) {
    if (text.size() > depth) continue;
    vlmt::Matcher m(tokens);
    for (const char c : text) ASSERT_TRUE(m.accept(static_cast<unsigned char>(c))) << "after '" << text << "'";
    const auto mask = mask_of(m);
    for (std::size_t t = 0; t < end; ++t) {
      const auto outside = vocabulary->bytes(static_cast<int>(t)).find_first_not_of(alphabet);
      if (!alphabet.empty() && outside != std::string_view::npos) continue;
      const std::string next = text + std::string(vocabulary->bytes(static_cast<int>(t)));
      const bool expected = beginnings.contains(next);
      ASSERT_EQ(mask_bit(mask, t), expected) << "'" << text << "' + '" << vocabulary->bytes(static_cast<int>(t)) << "'";
      vlmt::Matcher fork = m;
      ASSERT_EQ(fork.accept(static_cast<int>(t)), expected) << "'" << text << "' + " << t;
      ASSERT_EQ(fork.size(), m.size() + (expected ? 1 : 0));
      fork.rollback(fork.size());
      ASSERT_EQ(fork.size(), 0u);
      ++compared;
    }
    ASSERT_EQ(mask_bit(mask, end), language.contains(text)) << "end after '" << text << "'";
    ASSERT_EQ(m.complete(), language.contains(text)) << text;
    // The same state by other tokens.
    vlmt::Matcher other(tokens);
    for (std::size_t at = 0; at < text.size();) {
      std::vector<int> fit;
      for (std::size_t t = 0; t < end; ++t) {
        const auto bytes = vocabulary->bytes(static_cast<int>(t));
        if (text.substr(at).starts_with(bytes)) fit.push_back(static_cast<int>(t));
      }
      const int chosen = fit[random() % fit.size()];
      ASSERT_TRUE(other.accept(chosen)) << "'" << text << "' at " << at;
      at += vocabulary->bytes(chosen).size();
    }
    ASSERT_EQ(mask_of(other), mask) << text;
  }
  EXPECT_GT(compared, 0u);
}

/// Texts of a grammar by a model whose logits are random. Each is complete and ends with an end token; of a grammar
/// whose texts have no bound, tokens that may end it are taken after `length` tokens.
inline std::string random_text(const vlmt::TokenGrammar& grammar, std::mt19937& random, std::size_t length = 200) {
  vlmt::Matcher m(grammar);
  std::string text;
  while (!m.ended()) {
    const auto mask = mask_of(m);
    std::vector<int> allowed;
    for (std::size_t t = 0; t < grammar.vocabulary().size(); ++t) {
      if (mask_bit(mask, t)) allowed.push_back(static_cast<int>(t));
    }
    if (allowed.empty()) {
      ADD_FAILURE() << "no token may follow: " << text;
      return text;
    }
    int token = allowed[random() % allowed.size()];
    if (m.size() > length && grammar.vocabulary().is_end(allowed.back())) token = allowed.back();
    if (m.size() > 40 * length) {
      ADD_FAILURE() << "no end: " << text.substr(0, 200);
      return text;
    }
    EXPECT_TRUE(m.accept(token)) << text << " + " << token;
    if (!grammar.vocabulary().is_end(token)) text += grammar.vocabulary().bytes(token);
  }
  return text;
}

}  // namespace vlmt_test
