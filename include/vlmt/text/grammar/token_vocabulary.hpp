// The tokens of a model as constrained decoding needs them: their bytes as a trie, and those that may end a text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/byte_map.hpp"
#include "vlmt/text/grammar/automaton.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/strings.hpp"
#include "vlmt/text/grammar/token_trie.hpp"
#include "vlmt/text/vocabulary.hpp"

VLMT_BEGIN_NAMESPACE

/// Where a token may be used.
enum class TokenUse : std::uint8_t {
  text,     ///< wherever its bytes fit
  literal,  ///< where a grammar spells its bytes, but never in the content of a JSON string: <tool_call>
  never     ///< control tokens and unused ids
};

/// Tokens and their bytes. Made once for each model and shared by all grammars; constant and thread-safe.
class TokenVocabulary {
 public:
  struct Token {
    std::string bytes;
    TokenUse use = TokenUse::text;
  };

  /// Tokens by id, and the ids that end a text. Masks cover `mask_tokens` ids if that is more: models may have more
  /// logits than tokens. Throws InputError for an id out of range, LimitError for too many or too long tokens.
  TokenVocabulary(std::vector<Token> tokens, std::vector<int> end_tokens, std::size_t mask_tokens = 0)
      : tokens_(std::move(tokens)), end_(std::move(end_tokens)), size_(std::max(mask_tokens, tokens_.size())) {
    prepare();
  }

  /// The tokens of a byte-level BPE vocabulary. Added tokens that are no control tokens are TokenUse::literal.
  explicit TokenVocabulary(const BpeVocabulary& v, std::size_t mask_tokens = 0)
      : TokenVocabulary(read(v), end_of_generation(v), mask_tokens) {}

  /// Ids covered by a mask, and its size in words.
  std::size_t size() const noexcept { return size_; }
  std::size_t mask_words() const noexcept { return (size_ + 31) / 32; }

  std::string_view bytes(int id) const noexcept { return tokens_[static_cast<std::size_t>(id)].bytes; }
  TokenUse use(int id) const noexcept {
    return id >= 0 && static_cast<std::size_t>(id) < tokens_.size() ? tokens_[static_cast<std::size_t>(id)].use
                                                                    : TokenUse::never;
  }
  std::span<const int> end_tokens() const noexcept { return end_; }
  bool is_end(int id) const noexcept { return std::binary_search(end_.begin(), end_.end(), id); }

  /// Whether a byte is a token alone.
  bool has_byte(std::uint8_t byte) const noexcept { return single_[byte]; }

  /// Tokens of TokenUse::text, and the ids of those of TokenUse::literal.
  const grammar::TokenTrie& trie() const noexcept { return trie_; }
  std::span<const std::uint32_t> literals() const noexcept { return literals_; }

  /// Tokens that may follow within a free string: before its opening quote, and between two characters.
  const grammar::StringTokens& opening() const noexcept { return opening_; }
  const grammar::StringTokens& inside() const noexcept { return inside_; }

  /// Bytes of memory.
  std::size_t memory_bytes() const noexcept {
    std::size_t sum = trie_.bytes() + opening_.bytes() + inside_.bytes() + tokens_.capacity() * sizeof(Token);
    for (const Token& t : tokens_) sum += t.bytes.capacity();
    return sum;
  }

 private:
  static std::vector<Token> read(const BpeVocabulary& v);
  void prepare();

  std::vector<Token> tokens_;
  std::vector<int> end_;
  std::size_t size_;
  std::vector<bool> single_ = std::vector<bool>(256, false);
  std::vector<std::uint32_t> literals_;
  grammar::TokenTrie trie_;
  grammar::StringTokens opening_, inside_;
};

#if VLMT_HAS_BODIES

VLMT_BODY std::vector<TokenVocabulary::Token> TokenVocabulary::read(const BpeVocabulary& v) {
  validate(v);
  std::vector<Token> tokens(v.tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const TokenType type = v.types[id];
    if (type == TokenType::user_defined) {
      tokens[id] = {v.tokens[id], TokenUse::literal};
      continue;
    }
    std::optional<std::string> bytes;
    if (type == TokenType::normal || type == TokenType::byte) bytes = unmap_bytes(v.tokens[id]);
    tokens[id] = bytes ? Token{std::move(*bytes), TokenUse::text} : Token{{}, TokenUse::never};
  }
  return tokens;
}

VLMT_BODY void TokenVocabulary::prepare() {
  const auto site = [](std::string field, std::size_t expected, std::size_t found) {
    return ErrorSite{.file = {},
                     .offset = {},
                     .field = std::move(field),
                     .expected = "at most " + std::to_string(expected),
                     .found = std::to_string(found)};
  };
  if (size_ > VocabularyLimits::tokens)
    throw LimitError("too many tokens", site("tokens", VocabularyLimits::tokens, size_));
  std::sort(end_.begin(), end_.end());
  end_.erase(std::unique(end_.begin(), end_.end()), end_.end());
  for (const int id : end_) {
    if (id < 0 || static_cast<std::size_t>(id) >= size_) {
      throw InputError("no such token", {.file = {},
                                         .offset = {},
                                         .field = "end_tokens",
                                         .expected = "0 to " + std::to_string(size_ - 1),
                                         .found = std::to_string(id)});
    }
    if (static_cast<std::size_t>(id) < tokens_.size()) tokens_[static_cast<std::size_t>(id)].use = TokenUse::never;
  }
  std::vector<std::pair<std::string_view, std::uint32_t>> texts;
  std::vector<std::string_view> bytes(tokens_.size());
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    Token& t = tokens_[id];
    if (t.bytes.empty()) t.use = TokenUse::never;
    if (t.bytes.size() > grammar::TokenTrie::max_depth) {
      throw LimitError("token is too long",
                       site(detail::at_index("tokens", id), grammar::TokenTrie::max_depth, t.bytes.size()));
    }
    bytes[id] = t.bytes;
    if (t.use == TokenUse::literal) literals_.push_back(static_cast<std::uint32_t>(id));
    if (t.use != TokenUse::text) continue;
    texts.emplace_back(t.bytes, static_cast<std::uint32_t>(id));
    if (t.bytes.size() == 1) single_[static_cast<std::uint8_t>(t.bytes[0])] = true;
  }
  trie_ = grammar::TokenTrie(std::move(texts));

  grammar::Builder builder{GrammarLimits{}};
  const std::uint32_t rule = builder.rule("string");
  builder.define_string(rule, grammar::free_content(builder.budget()), 0, grammar::Automaton::unbounded, true);
  const grammar::Automaton string = builder.finish(rule);
  opening_ = grammar::StringTokens(string, grammar::Automaton::string_open, trie_, bytes, mask_words());
  inside_ = grammar::StringTokens(string, grammar::Automaton::string_inside, trie_, bytes, mask_words());
}

#endif

VLMT_END_NAMESPACE
