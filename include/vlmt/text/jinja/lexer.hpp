// Cuts the source of a chat template into tokens as Jinja2 does with trim_blocks and lstrip_blocks, which is how
// transformers sets it.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/value.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

/// White space as Python's str.isspace has it.
constexpr bool is_space(char32_t c) noexcept {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Bytes of white space at the beginning and at the end.
constexpr std::size_t leading_space(std::string_view text) noexcept {
  std::size_t n = 0;
  while (n < text.size()) {
    const Utf8Char c = decode_utf8(text, n);
    if (c.status != Utf8Status::ok || !is_space(c.code)) break;
    n += c.bytes;
  }
  return n;
}
constexpr std::size_t trailing_space(std::string_view text) noexcept {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t at = end - 1;
    while (at > 0 && end - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    const Utf8Char c = decode_utf8(text.substr(0, end), at);
    if (c.status != Utf8Status::ok || c.bytes != end - at || !is_space(c.code)) break;
    end = at;
  }
  return text.size() - end;
}

struct Token {
  enum class Kind : std::uint8_t {
    data,
    variable_begin,
    variable_end,
    block_begin,
    block_end,
    name,
    string,
    integer,
    number,
    op,
    end
  };
  Kind kind = Kind::end;
  std::uint32_t line = 0;
  std::string_view text;  ///< of a string: unescaped
  std::int64_t integer = 0;
  double number = 0.0;

  bool is(Kind k) const noexcept { return kind == k; }
  bool is_op(std::string_view t) const noexcept { return kind == Kind::op && text == t; }
  bool is_name(std::string_view t) const noexcept { return kind == Kind::name && text == t; }

  /// For messages.
  std::string shown() const {
    switch (kind) {
      case Kind::data:
        return "text";
      case Kind::variable_begin:
        return "'{{'";
      case Kind::variable_end:
        return "'}}'";
      case Kind::block_begin:
        return "'{%'";
      case Kind::block_end:
        return "'%}'";
      case Kind::end:
        return "the end of the template";
      case Kind::string:
        return "a string";
      default:
        return vlmt::detail::shown(text);
    }
  }
};

/// Line feeds as Jinja2 sees them: "\r\n" and "\r" are "\n", and a last one is dropped.
inline std::string normalized_source(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      out += '\n';
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  /// Tokens point into `source`, which normalized_source made, and into `strings`.
  Lexer(std::string_view source, std::deque<std::string>& strings) : source_(source), strings_(&strings) {}

  std::vector<Token> tokens() {
    while (at_ < source_.size()) root();
    push(Token::Kind::end, {});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(std::string_view message, std::string_view expected = {}, std::string_view found = {}) const {
    fail_at(line_, message, expected, found);
  }
  std::string_view rest() const noexcept { return source_.substr(at_); }
  void advance(std::size_t bytes) {
    const std::string_view passed = source_.substr(at_, bytes);
    line_ += static_cast<std::uint32_t>(std::count(passed.begin(), passed.end(), '\n'));
    at_ += bytes;
  }
  void push(Token::Kind kind, std::string_view text) { tokens_.push_back({.kind = kind, .line = line_, .text = text}); }

  // The end of a tag: `minus` takes the white space after it, a block's end the line feed.
  void close(std::size_t bytes, bool minus, bool trim) {
    std::size_t all = bytes;
    if (minus) {
      all += leading_space(rest().substr(bytes));
    } else if (trim && rest().substr(bytes).starts_with('\n')) {
      ++all;
    }
    line_starting_ = source_[at_ + all - 1] == '\n';
    advance(all);
  }

  // Text before a tag, with what the tag's sign and lstrip_blocks leave of it.
  void data(std::string_view text, char sign, bool block) {
    if (sign == '-') {
      text.remove_suffix(trailing_space(text));
    } else if (sign != '+' && block) {
      const std::size_t feed = text.rfind('\n');
      const std::size_t from = feed == std::string_view::npos ? 0 : feed + 1;
      if ((from > 0 || line_starting_) && leading_space(text.substr(from)) == text.size() - from) {
        text = text.substr(0, from);
      }
    }
    if (!text.empty()) push(Token::Kind::data, text);
  }

  void root() {
    std::size_t tag = at_;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= source_.size()) {
        push(Token::Kind::data, rest());
        advance(rest().size());
        return;
      }
      const char c = source_[tag + 1];
      if (c == '{' || c == '%' || c == '#') break;
    }
    const char kind = source_[tag + 1];
    const char sign = sign_at(tag + 2);
    data(source_.substr(at_, tag - at_), sign, kind != '{');
    advance(tag - at_);
    if (kind == '%' && raw()) return;
    if (kind != '#') push(kind == '%' ? Token::Kind::block_begin : Token::Kind::variable_begin, source_.substr(tag, 2));
    advance(sign == 0 ? 2 : 3);
    if (kind == '#') return comment();
    expression(kind == '%');
  }

  char sign_at(std::size_t at) const noexcept {
    const char c = at < source_.size() ? source_[at] : '\0';
    return c == '-' || c == '+' ? c : '\0';
  }

  void comment() {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string_view::npos) fail("a comment does not end", "'#}'");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    advance(end - at_);
    close(2, sign == '-', sign != '+');
  }

  // {% raw %} ... {% endraw %}: false, and nothing is read, if the tag is another one.
  bool raw() {
    std::size_t after = 0;
    char sign = 0, end_sign = 0;
    if (!is_tag(at_, "raw", after, sign, end_sign)) return false;
    const std::uint32_t first = line_;
    advance(after - at_);
    if (end_sign == '-') advance(leading_space(rest()));
    for (std::size_t from = at_;; ++from) {
      from = source_.find("{%", from);
      if (from == std::string_view::npos) {
        line_ = first;
        fail("a raw block does not end", "'{% endraw %}'");
      }
      if (!is_tag(from, "endraw", after, sign, end_sign)) continue;
      data(source_.substr(at_, from - at_), sign, true);
      advance(from - at_);
      close(after - from, end_sign == '-', end_sign != '+');
      return true;
    }
  }

  bool is_tag(std::size_t from, std::string_view name, std::size_t& after, char& sign, char& end_sign) const {
    sign = sign_at(from + 2);
    std::size_t at = from + (sign == 0 ? 2 : 3);
    at += leading_space(source_.substr(at));
    if (!source_.substr(at).starts_with(name)) return false;
    at += name.size();
    at += leading_space(source_.substr(at));
    end_sign = sign_at(at);
    if (end_sign != 0) ++at;
    if (!source_.substr(at).starts_with("%}")) return false;
    after = at + 2;
    return true;
  }

  // What is between the ends of a tag.
  void expression(bool block) {
    const std::string_view end = block ? "%}" : "}}";
    std::string open;
    while (true) {
      advance(leading_space(rest()));
      if (at_ == source_.size()) fail("a tag does not end", block ? "'%}'" : "'}}'");
      if (open.empty()) {
        const char sign = sign_at(at_);
        const std::size_t skip = sign == 0 || (sign == '+' && !block) ? 0 : 1;
        if (rest().substr(skip).starts_with(end)) {
          push(block ? Token::Kind::block_end : Token::Kind::variable_end, end);
          close(skip + 2, skip == 1 && sign == '-', block && skip == 0);
          return;
        }
      }
      token(open);
    }
  }

  static bool digit(char c) noexcept { return c >= '0' && c <= '9'; }
  static bool starts_name(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  }

  void token(std::string& open) {
    const char c = source_[at_];
    if (digit(c)) return number();
    if (starts_name(c)) {
      std::size_t n = 1;
      while (n < rest().size() && (starts_name(rest()[n]) || digit(rest()[n]))) ++n;
      if (n > 256) fail("a name is too long", "at most 256 bytes", std::to_string(n));
      push(Token::Kind::name, rest().substr(0, n));
      advance(n);
      return;
    }
    if (c == '\'' || c == '"') return string(c);
    for (const std::string_view op : {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"}) {
      if (!rest().starts_with(op)) continue;
      if (op == "(" || op == "[" || op == "{") open += op == "(" ? ')' : op == "[" ? ']' : '}';
      if (op == ")" || op == "]" || op == "}") {
        if (open.empty() || open.back() != op[0]) {
          fail("a bracket closes what is not open", open.empty() ? "" : std::string("'") + open.back() + "'",
               "'" + std::string(op) + "'");
        }
        open.pop_back();
      }
      push(Token::Kind::op, rest().substr(0, op.size()));
      advance(op.size());
      return;
    }
    fail("a character that no expression has", {}, vlmt::detail::shown(rest().substr(0, 1)));
  }

  // Digits with single underscores between them.
  std::size_t digits(std::size_t from) const noexcept {
    std::size_t n = 0;
    const auto at = [&](std::size_t i) { return from + i < source_.size() ? source_[from + i] : '\0'; };
    while (digit(at(n)) || (n > 0 && at(n) == '_' && digit(at(n + 1)))) ++n;
    return n;
  }

  void number() {
    std::size_t n = digits(at_);
    const auto at = [&](std::size_t i) { return at_ + i < source_.size() ? source_[at_ + i] : '\0'; };
    bool real = false;
    if (at(n) == '.' && digit(at(n + 1))) {
      real = true;
      n += 1 + digits(at_ + n + 1);
    }
    if (at(n) == 'e' || at(n) == 'E') {
      const std::size_t sign = at(n + 1) == '+' || at(n + 1) == '-' ? 1 : 0;
      if (digit(at(n + 1 + sign))) {
        real = true;
        n += 1 + sign + digits(at_ + n + 1 + sign);
      }
    }
    std::string text(rest().substr(0, n));
    std::erase(text, '_');
    Token t{.kind = real ? Token::Kind::number : Token::Kind::integer, .line = line_, .text = rest().substr(0, n)};
    const char* last = text.data() + text.size();
    const auto result =
        real ? std::from_chars(text.data(), last, t.number) : std::from_chars(text.data(), last, t.integer);
    if (result.ec != std::errc() || result.ptr != last) fail("a number is too large", {}, text.substr(0, 40));
    tokens_.push_back(t);
    advance(n);
  }

  void string(char quote) {
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("a string does not end", std::string(1, quote));
    const std::string_view inside = source_.substr(at_ + 1, end - at_ - 1);
    std::string_view text = inside;
    if (inside.find('\\') != std::string_view::npos) text = strings_->emplace_back(unescaped(inside));
    push(Token::Kind::string, text);
    advance(end + 1 - at_);
  }

  std::string unescaped(std::string_view in) const {
    std::string out;
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (in[i] != '\\' || i + 1 == in.size()) {
        out += in[i];
        continue;
      }
      const char c = in[++i];
      constexpr std::string_view letters = "\n\\'\"abfnrtv", meanings = "\n\\'\"\a\b\f\n\r\t\v";
      if (const std::size_t at = letters.find(c); at != std::string_view::npos) {
        if (c != '\n') out += meanings[at];  // a line feed that is escaped continues the line
      } else if (c >= '0' && c <= '7') {
        std::size_t n = 1;
        while (n < 3 && i + n < in.size() && in[i + n] >= '0' && in[i + n] <= '7') ++n;
        append_utf8(out, code(in.substr(i, n), 8));
        i += n - 1;
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const std::size_t n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        const std::string_view hex = in.substr(i + 1, n);
        if (hex.size() != n) fail("an escape is cut", std::to_string(n) + " hexadecimal digits");
        append_utf8(out, code(hex, 16));
        i += n;
      } else if (c == 'N') {
        fail("characters by their names are not known", "\\u and four digits", "\\N");
      } else {
        out += '\\';
        out += c;
      }
    }
    return out;
  }

  char32_t code(std::string_view digits, int base) const {
    std::uint32_t c = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), c, base);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      fail("a bad escape in a string", base == 16 ? "hexadecimal digits" : "octal digits", vlmt::detail::shown(digits));
    }
    return c;
  }

  std::string_view source_;
  std::deque<std::string>* strings_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace jinja

VLMT_END_NAMESPACE
