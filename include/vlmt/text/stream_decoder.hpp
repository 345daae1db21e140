// Decodes tokens to text during generation; holds back incomplete characters.
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

/// Turns a byte stream into valid UTF-8. The concatenated results equal to_valid_utf8() of all bytes. Holds back at
/// most 3 bytes.
class Utf8Stream {
 public:
  /// Text completed by these bytes.
  std::string push(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
      // Complete characters bypass `held_`, which only holds the start of an incomplete one.
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

  /// Ends the stream: U+FFFD if it ends inside a character, else empty.
  std::string finish() {
    std::string text;
    if (held_bytes_ != 0) append_utf8(text, replacement_character);
    held_bytes_ = 0;
    return text;
  }

 private:
  std::array<char, 4> held_{};  // start of an incomplete character
  std::size_t held_bytes_ = 0;
};

/// Decodes token ids one by one. Keeps a reference to the tokenizer, which must outlive it.
template <Tokenizer T>
class StreamDecoder {
 public:
  explicit StreamDecoder(const T& tokenizer, SkipSpecial skip = SkipSpecial::off) noexcept
      : tokenizer_(tokenizer), skip_(skip) {}

  /// Text completed by this token, possibly empty. Throws InputError for an id out of range.
  std::string push(int id) {
    if (skip_ == SkipSpecial::on && tokenizer_.token_type(id) == TokenType::control) return {};
    return stream_.push(tokenizer_.token_bytes(id));
  }

  /// Ends the stream: U+FFFD if the last character is incomplete, else empty.
  std::string finish() { return stream_.finish(); }

 private:
  const T& tokenizer_;
  SkipSpecial skip_;
  Utf8Stream stream_;
};

VLMT_END_NAMESPACE
