// Byte-level BPE tokenizer (Qwen2/3, Llama-3); produces the same ids as the Hugging Face "tokenizers" package.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/heap_bytes.hpp"
#include "vlmt/text/added_tokens.hpp"
#include "vlmt/text/bpe_merge.hpp"
#include "vlmt/text/byte_map.hpp"
#include "vlmt/text/nfc.hpp"
#include "vlmt/text/pre_split.hpp"
#include "vlmt/text/regex_split.hpp"
#include "vlmt/text/tokenizer.hpp"
#include "vlmt/text/utf8.hpp"
#include "vlmt/text/vocabulary.hpp"

VLMT_BEGIN_NAMESPACE

/// A tokenizer over a vocabulary. Immutable; const members are thread-safe.
///
/// Encoding matches added tokens (leftmost, longest; control and unknown tokens only with ParseSpecial::on), normalises
/// the text between them, splits it into words and merges the bytes of each word. Each maximal ill-formed subpart
/// counts as one U+FFFD, as with Python's `bytes.decode(errors="replace")`. encode() never adds BOS or EOS; add_bos()
/// and add_eos() report whether the model expects them.
class BpeTokenizer {
 public:
  /// Maximum bytes of text per encode() call.
  static constexpr std::size_t max_text_bytes = std::size_t{1} << 26;

  /// Checks the vocabulary (see validate()) and builds the tables. `source` appears as the file in errors. Throws
  /// FileError, LimitError.
  explicit BpeTokenizer(const BpeVocabulary& vocabulary, const std::string& source = "vocabulary")
      : nfc_(vocabulary.nfc),
        ignore_merges_(vocabulary.ignore_merges),
        add_bos_(vocabulary.add_bos),
        add_eos_(vocabulary.add_eos),
        pre_(vocabulary.pre),
        bos_id_(vocabulary.bos_id),
        eos_id_(vocabulary.eos_id),
        types_(vocabulary.types) {
    build(vocabulary, source);
  }

  // Move-only: words_ holds views into bytes_; a move keeps its buffer, a copy would not.
  BpeTokenizer(BpeTokenizer&&) noexcept = default;
  BpeTokenizer& operator=(BpeTokenizer&&) noexcept = default;

  /// Ids of a text. Throws LimitError for text longer than max_text_bytes; with a pattern from a file also as
  /// RegexSplitter::split().
  std::vector<int> encode(std::string_view text, ParseSpecial special = ParseSpecial::off) const {
    const TextPiece piece{text, special};
    std::vector<int> ids;
    encode(std::span(&piece, 1), ids);
    return ids;
  }

  /// Appends the ids of a text given in pieces. Added tokens are matched within each piece only; plain text between
  /// them is joined across pieces before it is normalised and split into words. So the result equals that of the joined
  /// text, except where a character, an added token or the text that its rules need beside it spans two pieces.
  /// Throws as above.
  void encode(std::span<const TextPiece> pieces, std::vector<int>& ids) const;

  /// Text of ids; ill-formed UTF-8 becomes U+FFFD. Throws InputError for an id out of range.
  std::string decode(std::span<const int> ids, SkipSpecial skip = SkipSpecial::off) const;

  /// Bytes of a token, possibly part of a character; the name of an added token; empty for an unused one. Throws
  /// InputError for an id out of range.
  std::string_view token_bytes(int id) const {
    check(id);
    const auto i = static_cast<std::size_t>(id);
    return std::string_view(bytes_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }

  /// Throws InputError for an id out of range.
  TokenType token_type(int id) const {
    check(id);
    return types_[static_cast<std::size_t>(id)];
  }

  /// The id of the added token (control, unknown or user-defined) with this name.
  std::optional<int> added_token(std::string_view name) const noexcept {
    if (const auto id = exact_.find(name)) return id;
    return normalized_.find(name);
  }

  int size() const noexcept { return static_cast<int>(types_.size()); }
  /// Memory of the tokenizer in bytes, for the memory plan.
  std::size_t bytes() const noexcept;
  bool add_bos() const noexcept { return add_bos_; }
  bool add_eos() const noexcept { return add_eos_; }
  std::optional<int> bos_id() const noexcept { return bos_id_; }
  std::optional<int> eos_id() const noexcept { return eos_id_; }

  /// The ids that end generation, sorted (see end_of_generation() in text/vocabulary.hpp).
  std::span<const int> end_of_generation() const noexcept { return end_of_generation_; }
  bool ends_generation(int id) const noexcept {
    return std::binary_search(end_of_generation_.begin(), end_of_generation_.end(), id);
  }

 private:
  // Collects plain text up to an added token or the end, then splits and merges it.
  class Encoder {
   public:
    Encoder(const BpeTokenizer& tokenizer, std::vector<int>& ids) : t_(tokenizer), ids_(ids), merger_(t_.merges_) {}

    void add(const TextPiece& piece) {
      std::string repaired;
      std::string_view text = piece.text;
      if (!is_valid_utf8(text)) text = repaired = to_valid_utf8(text);
      t_.exact_.split(
          text, piece.special,
          [&](std::string_view plain) {
            special_ = run_.empty() || special_ == piece.special ? piece.special : ParseSpecial::off;
            run_ += plain;
          },
          [&](int id) {
            finish();
            ids_.push_back(id);
          });
    }

    void finish() {
      if (!run_.empty()) encode_run(run_);
      run_.clear();
    }

   private:
    void encode_run(std::string_view run) {
      std::string composed;
      if (t_.nfc_) run = composed = vlmt::nfc(run);
      if (t_.normalized_.empty()) return encode_plain(run);
      t_.normalized_.split(
          run, special_, [&](std::string_view plain) { encode_plain(plain); }, [&](int id) { ids_.push_back(id); });
    }

    void encode_plain(std::string_view text) {
      if (t_.pre_ == PreTokenizer::regex) {
        t_.regex_->split(text, [&](std::string_view word) { encode_word(word); });
        return;
      }
      const auto end_of = t_.pre_ == PreTokenizer::qwen2 ? word_end<1> : word_end<3>;
      for (std::size_t pos = 0; pos < text.size();) {
        const std::size_t end = end_of(text, pos);
        encode_word(text.substr(pos, end - pos));
        pos = end;
      }
    }

    void encode_word(std::string_view word) {
      if (t_.ignore_merges_) {
        if (const auto at = t_.words_.find(word); at != t_.words_.end()) {
          ids_.push_back(at->second);
          return;
        }
      }
      const std::size_t first = ids_.size();
      for (const char c : word) ids_.push_back(t_.byte_ids_[static_cast<std::uint8_t>(c)]);
      merger_.merge_tail(ids_, first);
    }

    const BpeTokenizer& t_;
    std::vector<int>& ids_;
    detail::Merger merger_;
    std::string run_;
    ParseSpecial special_ = ParseSpecial::off;  // of the run: on only if on for all of its pieces
  };

  void check(int id) const {
    if (id < 0 || id >= size()) {
      throw InputError("no such token", {.file = {},
                                         .offset = {},
                                         .field = "token id",
                                         .expected = "0 to " + std::to_string(size() - 1),
                                         .found = std::to_string(id)});
    }
  }

  void build(const BpeVocabulary& vocabulary, const std::string& source);
  void build_bytes(const BpeVocabulary& v);

  void build_merges(const BpeVocabulary& v, const detail::ResolvedVocabulary& resolved);

  void build_added(const BpeVocabulary& v);

  bool nfc_, ignore_merges_, add_bos_, add_eos_;
  PreTokenizer pre_;
  std::optional<int> bos_id_, eos_id_;
  std::vector<int> end_of_generation_;
  std::vector<TokenType> types_;
  std::string bytes_;  // of all tokens, concatenated
  std::vector<std::size_t> offsets_;
  std::array<int, 256> byte_ids_{};
  detail::MergeTable merges_;
  std::unordered_map<std::string_view, int> words_;  // views into bytes_; only for ignore_merges
  std::optional<RegexSplitter> regex_;
  detail::AddedTokenFinder exact_, normalized_;
};

static_assert(Tokenizer<BpeTokenizer>);

#if VLMT_HAS_BODIES

VLMT_BODY void BpeTokenizer::build(const BpeVocabulary& vocabulary, const std::string& source) {
  const detail::ResolvedVocabulary resolved = detail::resolve(vocabulary, source);
  if (pre_ == PreTokenizer::regex) regex_.emplace(vocabulary.pattern, source);
  end_of_generation_ = vlmt::end_of_generation(vocabulary);
  build_bytes(vocabulary);
  build_merges(vocabulary, resolved);
  build_added(vocabulary);
}

VLMT_BODY void BpeTokenizer::encode(std::span<const TextPiece> pieces, std::vector<int>& ids) const {
  std::size_t total = 0;
  for (const TextPiece& piece : pieces) {
    if (piece.text.size() > max_text_bytes - total) {
      throw LimitError("text is too long to encode",
                       {.file = {},
                        .offset = {},
                        .field = "text",
                        .expected = "at most " + std::to_string(max_text_bytes) + " bytes",
                        .found = "more"});
    }
    total += piece.text.size();
  }
  Encoder encoder(*this, ids);
  for (const TextPiece& piece : pieces) encoder.add(piece);
  encoder.finish();
}

VLMT_BODY std::string BpeTokenizer::decode(std::span<const int> ids, SkipSpecial skip) const {
  std::string bytes;
  for (const int id : ids) {
    if (skip == SkipSpecial::on && token_type(id) == TokenType::control) continue;
    bytes += token_bytes(id);
  }
  return to_valid_utf8(bytes);
}

VLMT_BODY std::size_t BpeTokenizer::bytes() const noexcept {
  return sizeof *this + heap_bytes(end_of_generation_) + heap_bytes(types_) + heap_bytes(bytes_) +
         heap_bytes(offsets_) + merges_.bytes() + heap_bytes(words_) + (regex_ ? regex_->bytes() : 0) + exact_.bytes() +
         normalized_.bytes();
}

VLMT_BODY void BpeTokenizer::build_bytes(const BpeVocabulary& v) {
  offsets_.reserve(v.tokens.size() + 1);
  offsets_.push_back(0);
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    const TokenType type = types_[id];
    if (is_added(type)) {
      bytes_ += v.tokens[id];
    } else if (type != TokenType::unused) {
      // Encoding cannot produce a token outside the byte map; it decodes to its name.
      const std::optional<std::string> bytes = unmap_bytes(v.tokens[id]);
      bytes_ += bytes ? *bytes : v.tokens[id];
    }
    offsets_.push_back(bytes_.size());
  }
  bytes_.shrink_to_fit();
}

VLMT_BODY void BpeTokenizer::build_merges(const BpeVocabulary& v, const detail::ResolvedVocabulary& resolved) {
  byte_ids_ = resolved.byte_ids;
  merges_ = detail::MergeTable(resolved.merges.size());
  for (const auto& [left, right, joined] : resolved.merges) merges_.add(left, right, joined);
  if (!ignore_merges_) return;
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    const bool word = types_[id] == TokenType::normal || types_[id] == TokenType::byte;
    if (word) words_.emplace(token_bytes(static_cast<int>(id)), static_cast<int>(id));
  }
}

VLMT_BODY void BpeTokenizer::build_added(const BpeVocabulary& v) {
  std::unordered_map<int, AddedTokenRule> rules;
  for (const AddedTokenRule& rule : v.rules) rules[rule.id] = rule;
  std::vector<detail::AddedToken> exact, normalized;
  for (std::size_t i = 0; i < v.tokens.size(); ++i) {
    if (!is_added(types_[i])) continue;
    const int id = static_cast<int>(i);
    const auto at = rules.find(id);
    const AddedTokenRule rule = at != rules.end() ? at->second : AddedTokenRule{};
    const bool in_normalized = rule.normalized && nfc_;
    std::string name = in_normalized ? vlmt::nfc(v.tokens[i]) : v.tokens[i];
    (rule.normalized ? normalized : exact)
        .push_back({.name = std::move(name),
                    .id = id,
                    .control = types_[i] != TokenType::user_defined,
                    .single_word = rule.single_word,
                    .lstrip = rule.lstrip,
                    .rstrip = rule.rstrip});
  }
  exact_ = detail::AddedTokenFinder(std::move(exact));
  normalized_ = detail::AddedTokenFinder(std::move(normalized));
}

#endif

VLMT_END_NAMESPACE
