// Tokens to text while they are generated: parts of a character are held back until it is complete.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/text/tokenizer.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// Turns a stream of bytes into valid UTF-8. All that it returns, put together, is to_valid_utf8 of all bytes.
class Utf8Stream {
 public:
  /// The text that has become certain with these bytes.
  std::string push(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
      // Only an incomplete character is ever held, so whole characters do not pass through `held_`.
      if (held_bytes_ == 0) {
        const std::size_t good = valid_utf8_prefix(bytes);
        text += bytes.substr(0, good);
        bytes.remove_prefix(good);
        if (bytes.empty()) break;
      }
      const std::size_t old = held_bytes_;
      const std::size_t taken = std::min(held_.size() - old, bytes.size());
      std::copy_n(bytes.begin(), taken, held_.begin() + static_cast<std::ptrdiff_t>(old));
      const std::string_view candidate(held_.data(), old + taken);
      const Utf8Char c = decode_utf8(candidate, 0);
      if (c.status == Utf8Status::truncated) {
        held_bytes_ = candidate.size();
        break;
      }
      append_utf8(text, c.code);
      bytes.remove_prefix(c.bytes - old);
      held_bytes_ = 0;
    }
    return text;
  }

  /// The end of the stream: U+FFFD if it stops inside a character.
  std::string finish() {
    std::string text;
    if (held_bytes_ != 0) append_utf8(text, replacement_character);
    held_bytes_ = 0;
    return text;
  }

 private:
  std::array<char, 4> held_{};  // the beginning of a character
  std::size_t held_bytes_ = 0;
};

/// Text of token ids as they come. Keeps a reference: the tokenizer must outlive it.
template <Tokenizer T>
class StreamDecoder {
 public:
  explicit StreamDecoder(const T& tokenizer, SkipSpecial skip = SkipSpecial::off) noexcept
      : tokenizer_(tokenizer), skip_(skip) {}

  /// The text that has become certain with this token, perhaps nothing. Throws InputError for an id that is none.
  std::string push(int id) {
    if (skip_ == SkipSpecial::on && tokenizer_.token_type(id) == TokenType::control) return {};
    return stream_.push(tokenizer_.token_bytes(id));
  }

  /// What is left at the end: U+FFFD if the last character is incomplete.
  std::string finish() { return stream_.finish(); }

 private:
  const T& tokenizer_;
  SkipSpecial skip_;
  Utf8Stream stream_;
};

VLMT_END_NAMESPACE
