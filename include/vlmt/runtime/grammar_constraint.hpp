// Answers that are valid by construction: a JSON schema, a regular expression, a choice or a grammar, for a session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/token_constraint.hpp"
#include "vlmt/text/grammar/grammar.hpp"
#include "vlmt/text/grammar/matcher.hpp"
#include "vlmt/text/grammar/token_vocabulary.hpp"

VLMT_BEGIN_NAMESPACE

/// The tokens of a model for constrained decoding. Make it once for each model: it takes some tenths of a second for
/// 150,000 tokens. Tokens that end a turn end a text.
template <class M>
std::shared_ptr<const TokenVocabulary> token_vocabulary(const ChatModel<M>& model) {
  const BpeTokenizer& tokenizer = model.tokenizer();
  std::vector<TokenVocabulary::Token> tokens(static_cast<std::size_t>(tokenizer.size()));
  std::vector<int> ends;
  for (int id = 0; id < tokenizer.size(); ++id) {
    const TokenType type = tokenizer.token_type(id);
    TokenUse use = TokenUse::never;
    if (type == TokenType::normal || type == TokenType::byte) use = TokenUse::text;
    if (type == TokenType::user_defined) use = TokenUse::literal;
    tokens[static_cast<std::size_t>(id)] = {std::string(tokenizer.token_bytes(id)), use};
    if (model.stops(id)) ends.push_back(id);
  }
  return std::make_shared<const TokenVocabulary>(std::move(tokens), std::move(ends), model.vlm().config().vocab);
}

namespace detail {

class GrammarConstraint final : public TokenConstraint {
 public:
  explicit GrammarConstraint(const TokenGrammar& grammar) : matcher_(grammar) {}

  void fill_mask(std::span<std::uint32_t> mask) override { matcher_.fill_mask(mask); }
  void accept(int token) override {
    const bool allowed = matcher_.accept(token);
    VLMT_ASSERT(allowed);
  }
  bool ended() const override { return matcher_.ended(); }

 private:
  Matcher matcher_;
};

}  // namespace detail

/// GenerateOptions::constraint: answers are texts of `grammar`. Masks are shared by all answers.
inline ConstraintFactory constrain_to(TokenGrammar grammar) {
  return [grammar = std::move(grammar)] { return std::make_unique<detail::GrammarConstraint>(grammar); };
}

VLMT_END_NAMESPACE
