// The vocabulary of a byte-level BPE tokenizer as plain data, read from GGUF or tokenizer.json, and its validation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/byte_map.hpp"
#include "vlmt/text/tokenizer.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// Rule that splits text into words before merging.
enum class PreTokenizer : std::uint8_t {
  qwen2,   ///< Qwen2 and Qwen3: one digit per word (GGUF "qwen2")
  llama3,  ///< Llama-3: up to three digits per word (GGUF "llama-bpe")
  regex    ///< BpeVocabulary::pattern
};

/// Match rules of an added token that differ from the default: exact text anywhere, before normalisation. The fields
/// are those of tokenizer.json.
struct AddedTokenRule {
  int id = 0;
  bool single_word = false;  ///< only if no word character is next to it
  bool lstrip = false;       ///< also consumes white space before it
  bool rstrip = false;       ///< also consumes white space after it
  bool normalized = false;   ///< matched after normalisation
};

/// A byte-level BPE vocabulary. Normal tokens are spelled in the byte map (text/byte_map.hpp). Control, unknown and
/// user-defined tokens (added tokens) are spelled literally and matched in the text before all else.
struct BpeVocabulary {
  std::vector<std::string> tokens;    ///< by id
  std::vector<TokenType> types;       ///< by id, one per token
  std::vector<std::string> merges;    ///< "left right", by rank, lowest (applied first) first
  std::vector<AddedTokenRule> rules;  ///< only for added tokens with a rule other than the default
  PreTokenizer pre = PreTokenizer::qwen2;
  std::string pattern;         ///< regular expression; only for PreTokenizer::regex
  bool nfc = false;            ///< normalise text to NFC (Qwen: yes, Llama-3: no)
  bool ignore_merges = false;  ///< a word that is a token is not built by merging (Llama-3)
  bool add_bos = false;        ///< the model expects bos_id before the text
  bool add_eos = false;        ///< the model expects eos_id after the text
  std::optional<int> bos_id, eos_id, eot_id, eom_id, pad_id, unknown_id;
};

/// Limits of a vocabulary; real ones stay below a quarter of each.
struct VocabularyLimits {
  static constexpr std::size_t tokens = std::size_t{1} << 22;
  static constexpr std::size_t merges = std::size_t{1} << 23;
  static constexpr std::size_t token_bytes = std::size_t{1} << 16;
  static constexpr std::size_t pattern_bytes = std::size_t{1} << 12;
};

namespace detail {

[[noreturn]] inline void bad_vocabulary(const std::string& source, std::string field, const std::string& message,
                                        std::string expected = {}, std::string found = {}) {
  throw FileError(message, {.file = source,
                            .offset = {},
                            .field = std::move(field),
                            .expected = std::move(expected),
                            .found = std::move(found)});
}

inline std::string at_index(std::string_view field, std::size_t index) {
  return std::string(field) + "[" + std::to_string(index) + "]";
}

}  // namespace detail

/// True for tokens that are matched in the text by name: control, unknown, user-defined.
constexpr bool is_added(TokenType type) noexcept {
  return type == TokenType::control || type == TokenType::unknown || type == TokenType::user_defined;
}

/// Splits a merge "left right"; nothing if it is not two non-empty parts. Tokens have no spaces: the byte map replaces
/// them.
inline std::optional<std::pair<std::string_view, std::string_view>> split_merge(std::string_view merge) {
  const std::size_t space = merge.find(' ');
  if (space == 0 || space == std::string_view::npos || space + 1 == merge.size()) return std::nullopt;
  if (merge.find(' ', space + 1) != std::string_view::npos) return std::nullopt;
  return std::pair{merge.substr(0, space), merge.substr(space + 1)};
}

namespace detail {

// Results of validation: token ids of bytes and merges.
struct ResolvedVocabulary {
  struct Merge {
    int left, right, joined;
  };
  std::array<int, 256> byte_ids{};
  std::vector<Merge> merges;  // by rank
};

inline ResolvedVocabulary resolve(const BpeVocabulary& v, const std::string& source) {
  const auto limit = [&](const char* field, std::size_t found, std::size_t allowed) {
    if (found > allowed) {
      throw LimitError("too many or too long", {.file = source,
                                                .offset = {},
                                                .field = field,
                                                .expected = "at most " + std::to_string(allowed),
                                                .found = std::to_string(found)});
    }
  };
  limit("tokens", v.tokens.size(), VocabularyLimits::tokens);
  limit("merges", v.merges.size(), VocabularyLimits::merges);
  limit("pattern", v.pattern.size(), VocabularyLimits::pattern_bytes);
  if (v.types.size() != v.tokens.size()) {
    bad_vocabulary(source, "token_type", "one type per token is needed", std::to_string(v.tokens.size()),
                   std::to_string(v.types.size()));
  }

  std::unordered_map<std::string_view, std::size_t> ids;
  ids.reserve(v.tokens.size());
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    const std::string& token = v.tokens[id];
    const TokenType type = v.types[id];
    if (token.size() > VocabularyLimits::token_bytes) limit("tokens", token.size(), VocabularyLimits::token_bytes);
    if (type < TokenType::normal || type > TokenType::byte) {
      bad_vocabulary(source, at_index("token_type", id), "unknown token type", "1 to 6",
                     std::to_string(static_cast<int>(type)));
    }
    if (token.empty() && type != TokenType::unused) bad_vocabulary(source, at_index("tokens", id), "empty token");
    if (is_added(type) && !is_valid_utf8(token)) {
      bad_vocabulary(source, at_index("tokens", id), "name of an added token is not UTF-8", {}, shown(token));
    }
    const auto [at, inserted] = ids.emplace(token, id);
    if (!inserted) {
      bad_vocabulary(source, at_index("tokens", id), "duplicate token, same as " + std::to_string(at->second), {},
                     shown(token));
    }
  }

  // The id of a token that merging may use or produce, else -1.
  const auto mergeable = [&](std::string_view name) {
    const auto at = ids.find(name);
    if (at == ids.end()) return -1;
    const TokenType type = v.types[at->second];
    // If merges could produce a control token, plain text could forge it.
    const bool good = type == TokenType::normal || type == TokenType::byte || type == TokenType::user_defined;
    return good ? static_cast<int>(at->second) : -1;
  };
  ResolvedVocabulary resolved;
  for (std::size_t b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    const std::string mapped = map_bytes({&byte, 1});
    resolved.byte_ids[b] = mergeable(mapped);
    if (resolved.byte_ids[b] < 0) {
      bad_vocabulary(source, "tokens", "byte " + std::to_string(b) + " has no token", shown(mapped), "none");
    }
  }
  resolved.merges.reserve(v.merges.size());
  std::string joined;
  for (std::size_t rank = 0; rank < v.merges.size(); ++rank) {
    const auto parts = split_merge(v.merges[rank]);
    if (!parts) {
      bad_vocabulary(source, at_index("merges", rank), "not a merge", "two tokens separated by a space",
                     shown(v.merges[rank]));
    }
    joined.assign(parts->first).append(parts->second);
    const auto id_of = [&](std::string_view name) {
      const int id = mergeable(name);
      if (id < 0) {
        bad_vocabulary(source, at_index("merges", rank), "does not name a token to merge", "a normal token",
                       shown(name));
      }
      return id;
    };
    resolved.merges.push_back({id_of(parts->first), id_of(parts->second), id_of(joined)});
  }

  const auto check_id = [&](const char* field, int id) {
    if (id < 0 || static_cast<std::size_t>(id) >= v.tokens.size()) {
      bad_vocabulary(source, field, "token id out of range", "0 to " + std::to_string(v.tokens.size() - 1),
                     std::to_string(id));
    }
  };
  const std::array<std::pair<const char*, std::optional<int>>, 6> special{{{"bos_token_id", v.bos_id},
                                                                           {"eos_token_id", v.eos_id},
                                                                           {"eot_token_id", v.eot_id},
                                                                           {"eom_token_id", v.eom_id},
                                                                           {"padding_token_id", v.pad_id},
                                                                           {"unknown_token_id", v.unknown_id}}};
  for (const auto& [field, id] : special) {
    if (id) check_id(field, *id);
  }
  for (const AddedTokenRule& rule : v.rules) {
    check_id("added_tokens", rule.id);
    if (!is_added(v.types[static_cast<std::size_t>(rule.id)])) {
      bad_vocabulary(source, "added_tokens", "rule for a token that is not an added token", {},
                     shown(v.tokens[static_cast<std::size_t>(rule.id)]));
    }
  }
  if (v.add_bos && !v.bos_id) bad_vocabulary(source, "bos_token_id", "missing although add_bos_token is set");
  if (v.add_eos && !v.eos_id) bad_vocabulary(source, "eos_token_id", "missing although add_eos_token is set");
  if ((v.pre == PreTokenizer::regex) == v.pattern.empty()) {
    bad_vocabulary(source, "pattern", "needed for PreTokenizer::regex, and only for it");
  }
  return resolved;
}

}  // namespace detail

/// Checks everything that BpeTokenizer relies on, except that a regex pattern compiles. `source` appears as the file in
/// errors. Throws FileError for bad data, LimitError if it exceeds VocabularyLimits.
void validate(const BpeVocabulary& v, const std::string& source = "vocabulary");

/// The ids that end generation: eos, eot, eom and added tokens with well-known names (<|im_end|>, </s>, ...). Sorted.
inline std::vector<int> end_of_generation(const BpeVocabulary& v) {
  static constexpr std::array<std::string_view, 13> names{
      "<|im_end|>",  "<|endoftext|>", "<|eot_id|>",   "<|eom_id|>", "<|end_of_text|>", "<|end|>",   "</s>",
      "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<fim_pad>",  "<repo_name>",     "<file_sep>"};
  std::vector<int> ids;
  for (const auto& id : {v.eos_id, v.eot_id, v.eom_id}) {
    if (id) ids.push_back(*id);
  }
  for (std::size_t id = 0; id < v.tokens.size() && id < v.types.size(); ++id) {
    if (!is_added(v.types[id])) continue;
    if (std::find(names.begin(), names.end(), v.tokens[id]) != names.end()) ids.push_back(static_cast<int>(id));
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

#if VLMT_HAS_BODIES

VLMT_BODY void validate(const BpeVocabulary& v, const std::string& source) {
  detail::resolve(v, source);
}

#endif

VLMT_END_NAMESPACE
