// The tokenizer concept, independent of the algorithm.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Token types; the numbers are those of GGUF's tokenizer.ggml.token_type.
enum class TokenType : std::uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

/// Whether names of control and unknown tokens in a text become those tokens (on: template text) or stay plain text
/// (off: user text, so that a user cannot forge a turn). User-defined tokens are matched in either case.
enum class ParseSpecial : bool { off, on };

/// Whether decoding skips control tokens.
enum class SkipSpecial : bool { off, on };

/// A piece of text with its own rule for control tokens.
struct TextPiece {
  std::string_view text;
  ParseSpecial special = ParseSpecial::off;
};

/// Text <-> token ids. `token_bytes` may be part of a character; text/stream_decoder.hpp joins the parts.
template <class T>
concept Tokenizer = requires(const T& t, std::span<const TextPiece> pieces, std::vector<int>& ids, int id) {
  t.encode(pieces, ids);
  { t.token_bytes(id) } -> std::convertible_to<std::string_view>;
  { t.token_type(id) } -> std::same_as<TokenType>;
  { t.size() } -> std::convertible_to<int>;
};

VLMT_END_NAMESPACE
