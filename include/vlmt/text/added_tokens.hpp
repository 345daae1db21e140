// Splits a text at added tokens (control, unknown, user-defined).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/heap_bytes.hpp"
#include "vlmt/text/tokenizer.hpp"
#include "vlmt/text/unicode.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

// An added token and its match rules.
struct AddedToken {
  std::string name;
  int id = 0;
  bool control = false;  // matched only with ParseSpecial::on
  bool single_word = false, lstrip = false, rstrip = false;
};

inline std::size_t previous_char(std::string_view text, std::size_t pos) noexcept {
  do --pos;
  while (pos > 0 && (static_cast<std::uint8_t>(text[pos]) & 0xC0) == 0x80);
  return pos;
}

// Leftmost, longest, non-overlapping matches. A match that its rules reject is plain text as a whole: like Hugging Face
// tokenizers, the search does not try a shorter match inside it.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  explicit AddedTokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
    std::sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) { return a.name < b.name; });
    for (const AddedToken& token : tokens_) begins_[static_cast<std::uint8_t>(token.name[0])] = true;
  }

  bool empty() const noexcept { return tokens_.empty(); }

  std::size_t bytes() const noexcept {
    std::size_t names = 0;
    for (const AddedToken& token : tokens_) names += heap_bytes(token.name);
    return heap_bytes(tokens_) + names;
  }

  std::optional<int> find(std::string_view name) const noexcept {
    const auto at = std::lower_bound(tokens_.begin(), tokens_.end(), name,
                                     [](const AddedToken& token, std::string_view n) { return token.name < n; });
    if (at == tokens_.end() || at->name != name) return std::nullopt;
    return at->id;
  }

  // Calls on_text(std::string_view) and on_token(int) in text order; `text` must be valid UTF-8.
  template <class OnText, class OnToken>
  void split(std::string_view text, ParseSpecial special, OnText&& on_text, OnToken&& on_token) const {
    std::size_t done = 0;
    for (std::size_t pos = 0; pos < text.size();) {
      const AddedToken* token = begins_[static_cast<std::uint8_t>(text[pos])] ? longest_at(text.substr(pos)) : nullptr;
      if (token == nullptr) {
        ++pos;
        continue;
      }
      std::size_t begin = pos, end = pos + token->name.size();
      pos = end;
      if (token->control && special == ParseSpecial::off) continue;
      if (token->single_word && !is_whole_word(text, begin, end)) continue;
      if (token->lstrip) {
        for (std::size_t before = begin; before > done; begin = before) {
          before = previous_char(text, before);
          if (!is_white_space(decode_utf8(text, before).code)) break;
        }
      }
      if (token->rstrip) {
        while (end < text.size()) {
          const Utf8Char c = decode_utf8(text, end);
          if (!is_white_space(c.code)) break;
          end += c.bytes;
        }
      }
      if (begin > done) on_text(text.substr(done, begin - done));
      on_token(token->id);
      done = std::max(done, end);  // `end` may be before `done`: rstrip of the previous token may have covered this one
    }
    if (done < text.size()) on_text(text.substr(done));
  }

 private:
  // Narrows the range of the sorted list byte by byte; the last token that ends within it is the longest match.
  const AddedToken* longest_at(std::string_view text) const noexcept {
    auto low = tokens_.begin(), high = tokens_.end();
    const AddedToken* best = nullptr;
    for (std::size_t k = 0; k < text.size() && low != high; ++k) {
      const auto byte = static_cast<std::uint8_t>(text[k]);
      const auto at = [k](const AddedToken& t) { return static_cast<std::uint8_t>(t.name[k]); };
      low = std::lower_bound(low, high, byte, [&](const AddedToken& t, std::uint8_t b) { return at(t) < b; });
      high = std::upper_bound(low, high, byte, [&](std::uint8_t b, const AddedToken& t) { return b < at(t); });
      // A complete token sorts first; it has no byte k + 1, so it leaves the range.
      if (low != high && low->name.size() == k + 1) best = &*low++;
    }
    return best;
  }

  static bool is_whole_word(std::string_view text, std::size_t begin, std::size_t end) noexcept {
    const bool before = begin > 0 && is_word_character(decode_utf8(text, previous_char(text, begin)).code);
    const bool after = end < text.size() && is_word_character(decode_utf8(text, end).code);
    return !before && !after;
  }

  std::vector<AddedToken> tokens_;
  std::array<bool, 256> begins_{};
};

}  // namespace detail

VLMT_END_NAMESPACE
