// Regular expressions: parsed into a tree, and written into an Nfa. They are those of ECMA 262 without what no finite
// automaton can do (back references) and without assertions other than ^ and $.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/characters.hpp"
#include "vlmt/text/grammar/dfa.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/nfa.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// A parsed expression. \d and \w are ASCII, \s is that of ECMA 262, `.` is all but line ends.
struct Regex {
  enum class Kind : std::uint8_t { set, sequence, choice, repeat, at_begin, at_end };
  static constexpr std::uint32_t unbounded = 0xFFFFFFFF;
  struct Node {
    Kind kind = Kind::set;
    Characters set = {};
    std::vector<std::uint32_t> parts = {};
    std::uint32_t min = 0, max = 0;  ///< of a repeat
  };
  std::vector<Node> nodes;
  std::uint32_t root = 0;
};

/// Parser of regular expressions. Errors name the character.
class RegexParser {
 public:
  RegexParser(std::string_view text, std::string where, Budget& budget)
      : text_(text), where_(std::move(where)), budget_(budget) {
    Budget::check(text.size(), budget.limits().text_bytes, "bytes of an expression", where_);
    if (!is_valid_utf8(text)) fail("not UTF-8");
  }

  Regex parse() {
    out_.root = choice(0);
    if (pos_ < text_.size()) fail("')' without '('");
    return std::move(out_);
  }

  /// One class in brackets or one escape at `pos`, for other readers; moves `pos` past it.
  static Characters read_class(std::string_view text, std::size_t& pos, const std::string& where, Budget& budget) {
    RegexParser p(text, where, budget);
    p.pos_ = pos;
    Characters set = p.take('[') ? p.bracket() : p.escape();
    pos = p.pos_;
    return set;
  }

 private:
  [[noreturn]] void fail(const std::string& message, std::string expected = {}) const {
    throw InputError("regular expression: " + message,
                     {.file = {}, .offset = pos_, .field = where_, .expected = std::move(expected), .found = {}});
  }
  bool more() const noexcept { return pos_ < text_.size(); }
  char peek() const noexcept { return more() ? text_[pos_] : '\0'; }
  bool take(char c) noexcept {
    if (!more() || text_[pos_] != c) return false;
    ++pos_;
    return true;
  }
  char32_t character() {
    if (!more()) fail("ends too early");
    const Utf8Char c = decode_utf8(text_, pos_);
    pos_ += c.bytes;
    return c.code;
  }
  std::uint32_t add(Regex::Node node) {
    budget_.nfa_states();
    out_.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(out_.nodes.size() - 1);
  }

  std::uint32_t choice(std::size_t depth) {
    if (depth > budget_.limits().depth)
      fail("groups nest too deeply", "at most " + std::to_string(budget_.limits().depth));
    std::vector<std::uint32_t> parts{sequence(depth)};
    while (take('|')) parts.push_back(sequence(depth));
    if (parts.size() == 1) return parts[0];
    return add({.kind = Regex::Kind::choice, .parts = std::move(parts)});
  }

  std::uint32_t sequence(std::size_t depth) {
    std::vector<std::uint32_t> parts;
    while (more() && peek() != '|' && peek() != ')') {
      bool repeatable = true;
      std::uint32_t part = atom(depth, repeatable);
      if (quantified()) {
        if (!repeatable) fail("an assertion is repeated");
        part = repeat(part);
        if (quantified()) fail("a repetition is repeated", "a group around the inner one");
      }
      parts.push_back(part);
    }
    return add({.kind = Regex::Kind::sequence, .parts = std::move(parts)});
  }

  std::uint32_t atom(std::size_t depth, bool& repeatable) {
    if (take('(')) {
      if (take('?')) group_kind();
      const std::uint32_t inner = choice(depth + 1);
      if (!take(')')) fail("')' is missing");
      return inner;
    }
    if (take('^') || take('$')) {
      repeatable = false;
      return add({.kind = text_[pos_ - 1] == '^' ? Regex::Kind::at_begin : Regex::Kind::at_end});
    }
    if (quantified()) fail("nothing to repeat");
    Regex::Node node{.kind = Regex::Kind::set};
    if (take('[')) {
      node.set = bracket();
    } else if (take('.')) {
      node.set = Characters{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}.complement();
    } else if (peek() == '\\') {
      node.set = escape();
    } else {
      const char32_t c = character();
      node.set = {{c, c}};
    }
    return add(std::move(node));
  }

  void group_kind() {
    if (take(':')) return;
    const std::string_view rest = text_.substr(pos_);
    if (rest.starts_with("=") || rest.starts_with("!") || rest.starts_with("<=") || rest.starts_with("<!")) {
      fail("lookahead and lookbehind are not supported");
    }
    take('P');
    if (!take('<')) fail("flags inside of an expression are not supported", "(?:...)");
    while (more() && peek() != '>' && peek() != ')') ++pos_;
    if (!take('>')) fail("the name of a group does not end");
  }

  bool quantified() const noexcept {
    if (!more()) return false;
    const char c = text_[pos_];
    if (c == '*' || c == '+' || c == '?') return true;
    return c == '{' && pos_ + 1 < text_.size() && text_[pos_ + 1] >= '0' && text_[pos_ + 1] <= '9';
  }

  std::uint32_t repeat(std::uint32_t part) {
    std::uint32_t min = 0, max = Regex::unbounded;
    if (take('+')) {
      min = 1;
    } else if (take('?')) {
      max = 1;
    } else if (!take('*')) {
      ++pos_;
      min = max = count();
      if (take(',')) max = peek() == '}' ? Regex::unbounded : count();
      if (!take('}')) fail("'}' is missing after a count");
      if (max < min) fail("the larger count comes first");
    }
    take('?');  // a lazy repetition accepts the same texts
    return add({.kind = Regex::Kind::repeat, .parts = {part}, .min = min, .max = max});
  }

  std::uint32_t count() {
    const std::size_t limit = budget_.limits().repeats;
    std::uint32_t n = 0;
    if (peek() < '0' || peek() > '9') fail("a count is missing");
    while (peek() >= '0' && peek() <= '9') {
      n = n * 10 + static_cast<std::uint32_t>(peek() - '0');
      Budget::check(n, limit, "count of a repetition", where_);
      ++pos_;
    }
    return n;
  }

  // Digits, word characters and white space, for the letters d, w, s.
  static Characters named_class(char lower) {
    if (lower == 'd') return {{'0', '9'}};
    if (lower == 'w') return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    return {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
            {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  }

  // At a backslash: the set of the escape.
  Characters escape(bool in_class = false) {
    if (!take('\\')) fail("a class is missing", "[ or \\");
    if (!more()) fail("ends with a backslash");
    const char c = peek();
    if (c == 'b' && in_class) {
      ++pos_;
      return {{'\b', '\b'}};
    }
    if (c == 'b' || c == 'B') fail("word boundaries are not supported");
    if ((c >= '1' && c <= '9') || c == 'k') fail("back references are not supported");
    if (c == 'p' || c == 'P') fail("Unicode properties (\\p) are not supported");
    if (std::string_view("dws").find(c) != std::string_view::npos) {
      ++pos_;
      return named_class(c);
    }
    if (std::string_view("DWS").find(c) != std::string_view::npos) {
      ++pos_;
      return named_class(static_cast<char>(c - 'A' + 'a')).complement();
    }
    const char32_t code = escaped_character();
    return {{code, code}};
  }

  char32_t escaped_character() {
    const char32_t c = character();
    constexpr std::string_view letters = "tnrvf0", codes{"\t\n\r\v\f\0", 6};
    if (const std::size_t at = c < 128 ? letters.find(static_cast<char>(c)) : std::string_view::npos;
        at != std::string_view::npos) {
      return static_cast<char32_t>(codes[at]);
    }
    if (c == 'x') return hex(2);
    if (c == 'c') {
      const char32_t letter = character();
      if ((letter | 0x20) < 'a' || (letter | 0x20) > 'z') fail("\\c needs a letter");
      return letter & 31;
    }
    if (c == 'u') {
      if (take('{')) {
        std::size_t digits = 0;
        while (pos_ + digits < text_.size() && text_[pos_ + digits] != '}') ++digits;
        const char32_t code = hex(digits);
        if (!take('}')) fail("'}' is missing");
        return code;
      }
      const char32_t high = hex(4);
      if (high < 0xD800 || high > 0xDFFF) return high;
      if (high > 0xDBFF || !take('\\') || !take('u')) fail("unpaired surrogate");
      const char32_t low = hex(4);
      if (low < 0xDC00 || low > 0xDFFF) fail("unpaired surrogate");
      return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) fail("unknown escape");
    return c;
  }

  char32_t hex(std::size_t digits) {
    char32_t code = 0;
    if (digits == 0 || digits > 6) fail("hexadecimal digits are missing");
    for (std::size_t i = 0; i < digits; ++i, ++pos_) {
      const char c = peek(), lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9') {
        code = code * 16 + static_cast<char32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        code = code * 16 + static_cast<char32_t>(lower - 'a' + 10);
      } else {
        fail("not a hexadecimal digit");
      }
    }
    if (code > 0x10FFFF) fail("no such character");
    return code;
  }

  // After '['.
  Characters bracket() {
    const bool negated = take('^');
    Characters set;
    std::vector<Characters::Range> ranges;
    while (!take(']')) {
      budget_.steps();
      if (!more()) fail("']' is missing");
      const Characters first = item();
      if (peek() != '-' || pos_ + 1 >= text_.size() || text_[pos_ + 1] == ']') {
        ranges.insert(ranges.end(), first.ranges().begin(), first.ranges().end());
        continue;
      }
      ++pos_;
      const Characters last = item();
      if (!is_single(first) || !is_single(last)) fail("a range needs two characters");
      const char32_t a = first.ranges()[0].first, b = last.ranges()[0].first;
      if (b < a) fail("the larger character of a range comes first");
      ranges.push_back({a, b});
    }
    set = Characters::of(ranges);
    return negated ? set.complement() : set;
  }
  Characters item() {
    if (peek() == '\\') return escape(true);
    const char32_t c = character();
    return {{c, c}};
  }
  static bool is_single(const Characters& c) noexcept {
    return c.ranges().size() == 1 && c.ranges()[0].first == c.ranges()[0].last;
  }

  std::string_view text_;
  std::string where_;
  Budget& budget_;
  std::size_t pos_ = 0;
  Regex out_;
};

/// Writes an expression into an Nfa.
class RegexEmitter {
 public:
  RegexEmitter(const Regex& regex, Nfa& nfa, Spelling spelling) : regex_(regex), nfa_(nfa), spelling_(spelling) {}

  /// Texts that match as a whole.
  void whole(std::uint32_t from, std::uint32_t to) { node(regex_.root, from, to); }

  /// Texts that have a match somewhere.
  void search(std::uint32_t from, std::uint32_t to) {
    const std::uint32_t before = junction(), after = junction();
    nfa_.empty(from, before);
    CharacterEdges(nfa_, before).add(before, Characters::all(), spelling_);
    node(regex_.root, before, after);
    CharacterEdges(nfa_, after).add(after, Characters::all(), spelling_);
    nfa_.empty(after, to);
  }

 private:
  std::uint32_t junction() {
    const std::uint32_t s = nfa_.state();
    nfa_.set_boundary(s);
    return s;
  }

  void node(std::uint32_t id, std::uint32_t from, std::uint32_t to) {
    const Regex::Node& n = regex_.nodes[id];
    switch (n.kind) {
      case Regex::Kind::set:
        CharacterEdges(nfa_, to).add(from, n.set, spelling_);
        break;
      case Regex::Kind::sequence:
        for (const std::uint32_t part : n.parts) {
          const std::uint32_t next = junction();
          node(part, from, next);
          from = next;
        }
        nfa_.empty(from, to);
        break;
      case Regex::Kind::choice:
        for (const std::uint32_t part : n.parts) {
          // Paths of their own, so that a loop inside of one part is not one of the others.
          const std::uint32_t begin = junction(), end = junction();
          nfa_.empty(from, begin);
          node(part, begin, end);
          nfa_.empty(end, to);
        }
        break;
      case Regex::Kind::repeat:
        repeat(n, from, to);
        break;
      case Regex::Kind::at_begin:
        nfa_.assertion(from, Nfa::Kind::at_begin, to);
        break;
      case Regex::Kind::at_end:
        nfa_.assertion(from, Nfa::Kind::at_end, to);
        break;
    }
  }

  void repeat(const Regex::Node& n, std::uint32_t from, std::uint32_t to) {
    const auto copy = [&] {
      const std::uint32_t next = junction();
      node(n.parts[0], from, next);
      from = next;
    };
    for (std::uint32_t i = 0; i < n.min; ++i) copy();
    if (n.max == Regex::unbounded) {
      const std::uint32_t loop = junction(), end = junction();
      nfa_.empty(from, loop);
      node(n.parts[0], loop, end);
      nfa_.empty(end, loop);
      nfa_.empty(loop, to);
      return;
    }
    for (std::uint32_t i = n.min; i < n.max; ++i) {
      nfa_.empty(from, to);
      copy();
    }
    nfa_.empty(from, to);
  }

  const Regex& regex_;
  Nfa& nfa_;
  Spelling spelling_;
};

/// The texts of an expression: those that match as a whole, or, with `search`, those that have a match somewhere.
inline Dfa regex_dfa(std::string_view expression, const std::string& where, Spelling spelling, bool search,
                     Budget& budget) {
  const Regex regex = RegexParser(expression, where, budget).parse();
  Nfa nfa(budget);
  nfa.set_boundary(Nfa::start);
  nfa.set_boundary(Nfa::accept);
  RegexEmitter emitter(regex, nfa, spelling);
  if (search) {
    emitter.search(Nfa::start, Nfa::accept);
  } else {
    emitter.whole(Nfa::start, Nfa::accept);
  }
  return determinise(nfa);
}

}  // namespace grammar

VLMT_END_NAMESPACE
