// Reads the tokenizer of a GGUF file into a plain vocabulary.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/text/vocabulary.hpp"

VLMT_BEGIN_NAMESPACE

/// Reads tokenizer.ggml.*: byte-level BPE ("gpt2") with the pre-tokenizer rules of Qwen2 or Llama-3. The result is
/// validated. Throws FileError for another tokenizer, an unknown pre-tokenizer or bad data, LimitError if it exceeds
/// VocabularyLimits.
BpeVocabulary read_bpe_vocabulary(const GgufFile& file);

#if VLMT_HAS_BODIES

VLMT_BODY BpeVocabulary read_bpe_vocabulary(const GgufFile& file) {
  const std::string prefix = "tokenizer.ggml.";
  const auto model = file.require<std::string_view>(prefix + "model");
  if (model != "gpt2") {
    throw FileError("the tokenizer is not supported", {file.path(), {}, prefix + "model", "gpt2", std::string(model)});
  }
  BpeVocabulary v;
  const auto pre = file.require<std::string_view>(prefix + "pre");
  if (pre == "qwen2") {
    v.pre = PreTokenizer::qwen2;
    v.nfc = true;
  } else if (pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3") {
    v.pre = PreTokenizer::llama3;
    v.ignore_merges = true;
    v.add_bos = true;
  } else {
    throw FileError("the pre-tokenizer is not known; a guess would give wrong tokens",
                    {file.path(), {}, prefix + "pre", "qwen2 or llama-bpe", std::string(pre)});
  }
  v.tokens = file.require_array<std::string>(prefix + "tokens");
  v.merges = file.require_array<std::string>(prefix + "merges");
  const auto types = file.require_array<std::int32_t>(prefix + "token_type", v.tokens.size());
  v.types.reserve(types.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] < 1 || types[i] > 6) {
      throw FileError(
          "the token type is out of range",
          {file.path(), {}, prefix + "token_type[" + std::to_string(i) + "]", "1 to 6", std::to_string(types[i])});
    }
    v.types.push_back(static_cast<TokenType>(types[i]));
  }
  v.add_bos = file.get_or<bool>(prefix + "add_bos_token", v.add_bos);
  v.add_eos = file.get_or<bool>(prefix + "add_eos_token", false);
  const std::array<std::pair<std::string_view, std::optional<int> BpeVocabulary::*>, 6> ids{{
      {"bos_token_id", &BpeVocabulary::bos_id},
      {"eos_token_id", &BpeVocabulary::eos_id},
      {"eot_token_id", &BpeVocabulary::eot_id},
      {"eom_token_id", &BpeVocabulary::eom_id},
      {"padding_token_id", &BpeVocabulary::pad_id},
      {"unknown_token_id", &BpeVocabulary::unknown_id},
  }};
  for (const auto& [key, member] : ids) {
    const std::string name = prefix + std::string(key);
    if (file.find(name) == nullptr) continue;
    const auto id = file.require<std::uint32_t>(name);
    if (id >= v.tokens.size()) {
      throw FileError("the token id is out of range",
                      {file.path(), {}, name, "below " + std::to_string(v.tokens.size()), std::to_string(id)});
    }
    v.*member = static_cast<int>(id);
  }
  validate(v, file.path());
  return v;
}

#endif

VLMT_END_NAMESPACE
