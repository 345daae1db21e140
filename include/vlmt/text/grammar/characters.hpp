// Sets of characters, and their spelling as bytes: in UTF-8, or inside of a JSON string.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/nfa.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// How a text is spelled.
enum class Spelling : std::uint8_t {
  utf8,  ///< as it is
  json   ///< as the content of a JSON string: only mandatory escapes, in their shortest form
};

/// A set of code points without surrogates.
class Characters {
 public:
  struct Range {
    char32_t first, last;
    friend bool operator==(const Range&, const Range&) = default;
  };

  Characters() = default;
  Characters(std::initializer_list<Range> ranges) {
    for (const Range& r : ranges) append(r.first, r.last);
    normalise();
  }
  static Characters of(const std::vector<Range>& ranges) {
    Characters out;
    for (const Range& r : ranges) out.append(r.first, r.last);
    out.normalise();
    return out;
  }
  static Characters all() { return {{0, 0x10FFFF}}; }

  Characters complement() const {
    Characters out;
    char32_t next = 0;
    for (const Range& r : ranges_) {
      if (r.first > next) out.append(next, r.first - 1);
      next = r.last + 1;
    }
    if (next <= 0x10FFFF) out.append(next, 0x10FFFF);
    return out;
  }

  const std::vector<Range>& ranges() const noexcept { return ranges_; }
  bool empty() const noexcept { return ranges_.empty(); }

 private:
  void append(char32_t first, char32_t last) {
    if (first < 0xD800 && last > 0xDFFF) {
      ranges_.push_back({first, 0xD7FF});
      ranges_.push_back({0xE000, last});
      return;
    }
    if (first >= 0xD800 && first <= 0xDFFF) first = 0xE000;
    if (last >= 0xD800 && last <= 0xDFFF) last = 0xD7FF;
    if (first <= last) ranges_.push_back({first, last});
  }

  // Sorts and joins. The gap of surrogates keeps two ranges apart: UTF-8 has no bytes for them.
  void normalise() {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
    std::vector<Range> out;
    for (const Range& r : ranges_) {
      if (!out.empty() && r.first <= out.back().last + 1) {
        out.back().last = std::max(out.back().last, r.last);
      } else {
        out.push_back(r);
      }
    }
    ranges_ = std::move(out);
  }

  std::vector<Range> ranges_;
};

/// Appends a character as JSON strings spell it: `"`, `\` and control characters are escaped, all others are not.
inline void append_json(std::string& out, char32_t c) {
  constexpr std::string_view named = "\b\f\n\r\t\"\\", letters = "bfnrt\"\\";
  const std::size_t at = c < 128 ? named.find(static_cast<char>(c)) : std::string_view::npos;
  if (at != std::string_view::npos) {
    out += '\\';
    out += letters[at];
  } else if (c < 0x20) {
    constexpr std::string_view hex = "0123456789abcdef";
    out += "\\u00";
    out += hex[c >> 4];
    out += hex[c & 15];
  } else {
    append_utf8(out, c);
  }
}

/// A text as the content of a JSON string. Requires UTF-8.
inline std::string json_content(std::string_view text) {
  std::string out;
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    append_json(out, c.code);
    pos += c.bytes;
  }
  return out;
}

/// Adds the edges of one character of a set from `from` to `to`.
class CharacterEdges {
 public:
  CharacterEdges(Nfa& nfa, std::uint32_t to) : nfa_(nfa), to_(to) { tails_[0] = to; }

  void add(std::uint32_t from, const Characters& set, Spelling spelling) {
    for (const Characters::Range& r : set.ranges()) {
      if (spelling == Spelling::utf8) {
        utf8(from, r.first, r.last);
      } else {
        json(from, r.first, r.last);
      }
    }
  }

 private:
  void json(std::uint32_t from, char32_t first, char32_t last) {
    const auto part = [&](char32_t a, char32_t b) {
      if (std::max(a, first) <= std::min(b, last)) utf8(from, std::max(a, first), std::min(b, last));
    };
    part(0x20, '"' - 1);
    part('"' + 1, '\\' - 1);
    part('\\' + 1, 0x10FFFF);
    for (char32_t c = 0; c <= '\\'; ++c) {
      if (c == 0x20) c = '"';
      if (c == '"' + 1) c = '\\';
      if (c < first || c > last) continue;
      std::string escaped;
      append_json(escaped, c);
      join(from, escaped);
    }
  }

  void join(std::uint32_t from, std::string_view text) {
    const std::uint32_t before = nfa_.literal(from, text.substr(0, text.size() - 1));
    const auto last = static_cast<std::uint8_t>(text.back());
    nfa_.bytes(before, last, last, to_);
  }

  void utf8(std::uint32_t from, char32_t first, char32_t last) {
    for (const char32_t end : {char32_t{0x7F}, char32_t{0x7FF}, char32_t{0xFFFF}}) {
      if (first <= end && last > end) {
        utf8(from, first, end);
        first = end + 1;
      }
    }
    // Ranges whose last k bytes take all values, for k = 1, 2, 3, need one sequence of byte ranges.
    for (char32_t low = 0x3F; low < 0x40000 && last > 0x7F; low = low << 6 | 0x3F) {
      if ((first & ~low) == (last & ~low)) break;
      if ((first & low) != 0) {
        utf8(from, first, first | low);
        utf8(from, (first | low) + 1, last);
        return;
      }
      if ((last & low) != low) {
        utf8(from, first, (last & ~low) - 1);
        utf8(from, last & ~low, last);
        return;
      }
    }
    std::string a, b;
    append_utf8(a, first);
    append_utf8(b, last);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const auto lo = static_cast<std::uint8_t>(a[i]), hi = static_cast<std::uint8_t>(b[i]);
      const std::size_t left = a.size() - 1 - i;
      // All bytes that follow take all values: the sequences share these states.
      bool full = true;
      for (std::size_t j = i + 1; j < a.size(); ++j) full = full && a[j] == '\x80' && b[j] == '\xBF';
      const std::uint32_t next = full ? tail(left) : nfa_.state();
      nfa_.bytes(from, lo, hi, next);
      if (full) return;
      from = next;
    }
  }

  // The state before `left` continuation bytes of any value and then `to`.
  std::uint32_t tail(std::size_t left) {
    if (left == 0) return to_;
    if (tails_[left] == none) {
      tails_[left] = nfa_.state();
      nfa_.bytes(tails_[left], 0x80, 0xBF, tail(left - 1));
    }
    return tails_[left];
  }

  static constexpr std::uint32_t none = 0xFFFFFFFF;
  Nfa& nfa_;
  std::uint32_t to_;
  std::array<std::uint32_t, 4> tails_{none, none, none, none};
};

}  // namespace grammar

VLMT_END_NAMESPACE
