// Reads the vocabulary of a byte-level BPE tokenizer from Hugging Face's tokenizer.json. Of text/, only this header and
// grammar/json_tree.hpp include nlohmann/json.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/vocabulary.hpp"

#if VLMT_HAS_BODIES
#include <nlohmann/json.hpp>
#endif

VLMT_BEGIN_NAMESPACE

/// The pattern of a ByteLevel pre-tokenizer with use_regex (GPT-2).
inline constexpr std::string_view gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// The pattern of Qwen2 and Qwen3; PreTokenizer::qwen2 implements it.
inline constexpr std::string_view qwen2_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
/// The pattern of Llama-3; PreTokenizer::llama3 implements it.
inline constexpr std::string_view llama3_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

#if VLMT_HAS_BODIES

namespace detail {

// Reads the parsed JSON. Each access checks the type; errors name the field.
class TokenizerJsonReader {
 public:
  using Json = nlohmann::json;

  TokenizerJsonReader(const Json& root, std::string source) : root_(root), source_(std::move(source)) {}

  BpeVocabulary read() {
    if (!root_.is_object()) bad("", "not a tokenizer.json", "an object", root_.type_name());
    const Json& model = object(root_, "model", "model");
    if (string_or(model, "type", "model.type", "BPE") != "BPE") {
      bad("model.type", "unsupported model", "BPE", shown(string_or(model, "type", "model.type", "")));
    }
    for (const char* field : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
      const Json* value = find(model, field);
      const bool empty = value == nullptr || (value->is_string() && value->get_ref<const std::string&>().empty());
      if (!empty) bad(std::string("model.") + field, "unsupported for byte-level BPE", "null", value->type_name());
    }
    if (flag(model, "byte_fallback", "model.byte_fallback"))
      bad("model.byte_fallback", "unsupported for byte-level BPE");
    v_.ignore_merges = flag(model, "ignore_merges", "model.ignore_merges");
    const Json& vocab = object(model, "vocab", "model.vocab");
    const Json* added = array(root_, "added_tokens", "added_tokens");
    ids_ = std::min(vocab.size() + (added != nullptr ? added->size() : 0) + max_unused_ids, VocabularyLimits::tokens);
    read_vocab(vocab);
    read_merges(model);
    read_added(added);
    name_unused_ids();
    if (const Json* normalizer = find(root_, "normalizer")) read_normalizer(*normalizer, "normalizer");
    read_pre_tokenizer();
    if (const Json* post = find(root_, "post_processor")) read_post_processor(*post, "post_processor");
    if (const Json* decoder = find(root_, "decoder")) {
      if (type_of(*decoder, "decoder") != "ByteLevel")
        bad("decoder", "unsupported decoder", "ByteLevel", type_of(*decoder, "decoder"));
    }
    return std::move(v_);
  }

 private:
  [[noreturn]] void bad(std::string field, const std::string& message, std::string expected = {},
                        std::string found = {}) const {
    bad_vocabulary(source_, std::move(field), message, std::move(expected), std::move(found));
  }

  // The member, or nullptr if it is missing or null.
  static const Json* find(const Json& parent, const char* key) {
    const auto at = parent.find(key);
    return at == parent.end() || at->is_null() ? nullptr : &*at;
  }
  const Json& object(const Json& parent, const char* key, const char* field) const {
    const Json* value = find(parent, key);
    if (value == nullptr || !value->is_object()) {
      bad(field, "missing or of wrong type", "an object", value != nullptr ? value->type_name() : "nothing");
    }
    return *value;
  }
  const Json* array(const Json& parent, const char* key, const std::string& field) const {
    const Json* value = find(parent, key);
    if (value != nullptr && !value->is_array()) bad(field, "wrong type", "an array", value->type_name());
    return value;
  }
  bool flag(const Json& parent, const char* key, const std::string& field, bool otherwise = false) const {
    const Json* value = find(parent, key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) bad(field, "wrong type", "true or false", value->type_name());
    return value->get<bool>();
  }
  std::string string_or(const Json& parent, const char* key, const std::string& field, std::string otherwise) const {
    const Json* value = find(parent, key);
    if (value == nullptr) return otherwise;
    if (!value->is_string()) bad(field, "wrong type", "a string", value->type_name());
    return value->get<std::string>();
  }
  std::string type_of(const Json& part, const std::string& field) const {
    if (!part.is_object()) bad(field, "wrong type", "an object", part.type_name());
    return string_or(part, "type", field + ".type", "");
  }
  std::size_t token_id(const Json& value, const std::string& field) const {
    if (!value.is_number_unsigned()) bad(field, "token id is not a number", "0 or more", value.type_name());
    const auto id = value.get<std::uint64_t>();
    if (id >= ids_) {
      bad(field, "token id out of range", "below " + std::to_string(ids_), std::to_string(id));
    }
    return static_cast<std::size_t>(id);
  }

  // Grows tokens and types to hold `id`; returns `id`.
  std::size_t place(std::size_t id) {
    if (id >= v_.tokens.size()) {
      v_.tokens.resize(id + 1);
      v_.types.resize(id + 1, TokenType::unused);
    }
    return id;
  }

  void read_vocab(const Json& vocab) {
    if (vocab.size() > VocabularyLimits::tokens) {
      bad("model.vocab", "too many tokens", "at most " + std::to_string(VocabularyLimits::tokens),
          std::to_string(vocab.size()));
    }
    for (const auto& [name, value] : vocab.items()) {
      const std::size_t id = place(token_id(value, "model.vocab"));
      if (v_.types[id] != TokenType::unused) {
        bad("model.vocab", "two tokens with id " + std::to_string(id), {},
            shown(v_.tokens[id]) + " and " + shown(name));
      }
      v_.tokens[id] = name;
      v_.types[id] = TokenType::normal;
    }
  }

  void read_merges(const Json& model) {
    const Json* merges = array(model, "merges", "model.merges");
    if (merges == nullptr) bad("model.merges", "missing");
    if (merges->size() > VocabularyLimits::merges) {
      bad("model.merges", "too many merges", "at most " + std::to_string(VocabularyLimits::merges),
          std::to_string(merges->size()));
    }
    v_.merges.reserve(merges->size());
    for (const Json& merge : *merges) {
      if (merge.is_string()) {
        v_.merges.push_back(merge.get<std::string>());
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        v_.merges.push_back(merge[0].get<std::string>() + ' ' + merge[1].get<std::string>());
      } else {
        bad(at_index("model.merges", v_.merges.size()), "not a merge", "a string or two strings", merge.type_name());
      }
    }
  }

  void read_added(const Json* added) {
    if (added == nullptr) return;
    std::size_t index = 0;
    for (const Json& token : *added) {
      const std::string field = at_index("added_tokens", index++);
      if (!token.is_object()) bad(field, "wrong type", "an object", token.type_name());
      const Json* number = find(token, "id");
      if (number == nullptr) bad(field + ".id", "missing");
      const std::string name = string_or(token, "content", field + ".content", "");
      if (name.empty()) bad(field + ".content", "missing or empty");
      const std::size_t id = place(token_id(*number, field + ".id"));
      // An added token may also be in the model's vocabulary, but then with the same id.
      if (v_.types[id] != TokenType::unused && v_.tokens[id] != name) {
        bad(field + ".id", "id " + std::to_string(id) + " is taken", shown(v_.tokens[id]), shown(name));
      }
      v_.tokens[id] = name;
      v_.types[id] = flag(token, "special", field + ".special") ? TokenType::control : TokenType::user_defined;
      const AddedTokenRule rule{.id = static_cast<int>(id),
                                .single_word = flag(token, "single_word", field + ".single_word"),
                                .lstrip = flag(token, "lstrip", field + ".lstrip"),
                                .rstrip = flag(token, "rstrip", field + ".rstrip"),
                                .normalized = flag(token, "normalized", field + ".normalized")};
      if (rule.single_word || rule.lstrip || rule.rstrip || rule.normalized) v_.rules.push_back(rule);
    }
  }

  // Unused ids get the names that they have in GGUF files.
  void name_unused_ids() {
    for (std::size_t id = 0; id < v_.tokens.size(); ++id) {
      if (v_.types[id] == TokenType::unused) v_.tokens[id] = "[PAD" + std::to_string(id) + "]";
    }
  }

  void read_normalizer(const Json& normalizer, const std::string& field) {
    const std::string type = type_of(normalizer, field);
    if (type == "NFC") {
      v_.nfc = true;
    } else if (type == "Sequence") {
      const Json* parts = array(normalizer, "normalizers", field + ".normalizers");
      for (std::size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
        const std::string part = at_index(field + ".normalizers", i);
        if (type_of((*parts)[i], part) == "Sequence") bad(part, "nested sequences are not supported");
        read_normalizer((*parts)[i], part);
      }
    } else {
      bad(field, "unsupported normalizer", "NFC or null", shown(type));
    }
  }

  void read_pre_tokenizer() {
    const Json* root = find(root_, "pre_tokenizer");
    if (root == nullptr) bad("pre_tokenizer", "missing", "Split and ByteLevel", "null");
    std::vector<const Json*> parts{root};
    if (type_of(*root, "pre_tokenizer") == "Sequence") {
      parts.clear();
      const Json* list = array(*root, "pretokenizers", "pre_tokenizer.pretokenizers");
      for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) parts.push_back(&(*list)[i]);
    }
    bool bytes = false;
    std::string pattern;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string field = at_index("pre_tokenizer", i);
      const std::string type = type_of(*parts[i], field);
      if (bytes) bad(field, "nothing may follow ByteLevel", {}, shown(type));
      if (type == "Split" && pattern.empty()) {
        pattern = read_split(*parts[i], field);
      } else if (type == "ByteLevel") {
        bytes = true;
        if (flag(*parts[i], "add_prefix_space", field + ".add_prefix_space", true)) {
          bad(field + ".add_prefix_space", "unsupported", "false", "true");
        }
        if (flag(*parts[i], "use_regex", field + ".use_regex", true)) {
          if (!pattern.empty()) bad(field + ".use_regex", "two patterns are not supported", "false", "true");
          pattern = gpt2_pattern;
        }
      } else {
        bad(field, "unsupported pre-tokenizer", "one Split, then ByteLevel", shown(type));
      }
    }
    if (!bytes) bad("pre_tokenizer", "not a byte-level tokenizer", "ByteLevel as the last part");
    if (pattern.empty()) bad("pre_tokenizer", "no split pattern");
    if (pattern == qwen2_pattern) {
      v_.pre = PreTokenizer::qwen2;
    } else if (pattern == llama3_pattern) {
      v_.pre = PreTokenizer::llama3;
    } else {
      v_.pre = PreTokenizer::regex;
      v_.pattern = std::move(pattern);
    }
  }

  std::string read_split(const Json& split, const std::string& field) const {
    const std::string behavior = string_or(split, "behavior", field + ".behavior", "");
    if (behavior != "Isolated") bad(field + ".behavior", "unsupported", "Isolated", shown(behavior));
    if (flag(split, "invert", field + ".invert")) bad(field + ".invert", "unsupported", "false", "true");
    const std::string regex =
        string_or(object(split, "pattern", (field + ".pattern").c_str()), "Regex", field + ".pattern.Regex", "");
    if (regex.empty()) bad(field + ".pattern", "unsupported pattern", "Regex");
    return regex;
  }

  void read_post_processor(const Json& post, const std::string& field) {
    const std::string type = type_of(post, field);
    if (type == "ByteLevel") return;  // changes offsets, not ids
    if (type == "Sequence") {
      const Json* parts = array(post, "processors", field + ".processors");
      for (std::size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
        const std::string part = at_index(field + ".processors", i);
        if (type_of((*parts)[i], part) == "Sequence") bad(part, "nested sequences are not supported");
        read_post_processor((*parts)[i], part);
      }
      return;
    }
    if (type != "TemplateProcessing")
      bad(field, "unsupported post-processor", "ByteLevel or TemplateProcessing", shown(type));
    const Json* single = array(post, "single", field + ".single");
    bool text_seen = false;
    for (std::size_t i = 0; single != nullptr && i < single->size(); ++i) {
      const Json& item = (*single)[i];
      const std::string part = at_index(field + ".single", i);
      if (!item.is_object()) bad(part, "wrong type", "an object", item.type_name());
      if (find(item, "Sequence") != nullptr) {
        text_seen = true;
        continue;
      }
      const std::string name = string_or(object(item, "SpecialToken", (part + ".SpecialToken").c_str()), "id",
                                         part + ".SpecialToken.id", "");
      std::optional<int>& id = text_seen ? v_.eos_id : v_.bos_id;
      bool& add = text_seen ? v_.add_eos : v_.add_bos;
      if (add) bad(part, "only one token before and one after the text is supported", {}, shown(name));
      id = id_of(name, part);
      add = true;
    }
  }

  int id_of(const std::string& name, const std::string& field) const {
    const auto at = std::find(v_.tokens.begin(), v_.tokens.end(), name);
    if (at == v_.tokens.end()) bad(field, "is not the name of a token", {}, shown(name));
    return static_cast<int>(at - v_.tokens.begin());
  }

  // Maximum number of unused ids, so that a huge id in a file is an error instead of a huge allocation.
  static constexpr std::size_t max_unused_ids = std::size_t{1} << 16;

  const Json& root_;
  std::string source_;
  std::size_t ids_ = 0;  // upper bound of ids, exclusive
  BpeVocabulary v_;
};

}  // namespace detail

#endif

/// Maximum size of a tokenizer.json in bytes.
inline constexpr std::size_t max_tokenizer_json_bytes = std::size_t{1} << 28;

/// Parses the text of a tokenizer.json; `source` appears as the file in errors. Special added tokens become control
/// tokens, the others user-defined tokens. tokenizer.json does not define which token ends a turn: eos_id is set only
/// if TemplateProcessing adds a token after the text. Checks the form of the file only; BpeTokenizer (or validate())
/// checks the vocabulary. Throws FileError, LimitError.
BpeVocabulary parse_tokenizer_json(std::string_view text, const std::string& source = "tokenizer.json");

/// Reads a tokenizer.json from disk; see parse_tokenizer_json.
BpeVocabulary load_tokenizer_json(const std::filesystem::path& path);

#if VLMT_HAS_BODIES

VLMT_BODY BpeVocabulary parse_tokenizer_json(std::string_view text, const std::string& source) {
  if (text.size() > max_tokenizer_json_bytes) {
    throw LimitError("file is too large", {.file = source,
                                           .offset = {},
                                           .field = {},
                                           .expected = "at most " + std::to_string(max_tokenizer_json_bytes) + " bytes",
                                           .found = std::to_string(text.size())});
  }
  nlohmann::json root;
  try {
    root = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    throw FileError("not valid JSON", {.file = source, .offset = e.byte, .field = {}, .expected = {}, .found = {}});
  }
  return detail::TokenizerJsonReader(root, source).read();
}

VLMT_BODY BpeVocabulary load_tokenizer_json(const std::filesystem::path& path) {
  const std::string name = path.string();
  const auto fail = [&](const char* message) {
    throw FileError(message, {.file = name, .offset = {}, .field = {}, .expected = {}, .found = {}});
  };
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) fail("cannot read the file");
  if (bytes > max_tokenizer_json_bytes) {
    throw LimitError("file is too large", {.file = name,
                                           .offset = {},
                                           .field = {},
                                           .expected = "at most " + std::to_string(max_tokenizer_json_bytes) + " bytes",
                                           .found = std::to_string(bytes)});
  }
  std::string text(static_cast<std::size_t>(bytes), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size()))) fail("cannot read the file");
  return parse_tokenizer_json(text, name);
}

#endif

VLMT_END_NAMESPACE
