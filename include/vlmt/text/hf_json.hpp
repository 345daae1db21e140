// Formats JSON as Hugging Face chat templates do (Python's json.dumps with ensure_ascii=False), since models were
// trained on this form.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

#if VLMT_HAS_BODIES

namespace detail {

// Recursive-descent parser for strict JSON (RFC 8259) that writes its output while parsing.
class HfJsonWriter {
 public:
  static constexpr int max_depth = 200;

  explicit HfJsonWriter(std::string_view in) : in_(in) {}

  std::string write() {
    std::string out;
    value(out, 0);
    skip_space();
    if (pos_ != in_.size()) fail("text after the value");
    return out;
  }

 private:
  [[noreturn]] void fail(const char* message) const {
    throw InputError(std::string("not valid JSON: ") + message,
                     {.file = {}, .offset = pos_, .field = "json", .expected = {}, .found = {}});
  }
  char peek() const noexcept { return pos_ < in_.size() ? in_[pos_] : '\0'; }
  bool take(char c) noexcept {
    if (pos_ == in_.size() || in_[pos_] != c) return false;
    ++pos_;
    return true;
  }
  void skip_space() noexcept {
    while (pos_ < in_.size() && (in_[pos_] == ' ' || in_[pos_] == '\t' || in_[pos_] == '\n' || in_[pos_] == '\r'))
      ++pos_;
  }

  void value(std::string& out, int depth) {
    if (depth > max_depth) fail("nested too deeply");
    skip_space();
    switch (peek()) {
      case '{':
        return object(out, depth);
      case '[':
        return array(out, depth);
      case '"':
        return string(out);
      default:
        break;
    }
    for (const std::string_view word : {"true", "false", "null"}) {
      if (in_.substr(pos_).starts_with(word)) {
        pos_ += word.size();
        out += word;
        return;
      }
    }
    number(out);
  }

  void array(std::string& out, int depth) {
    ++pos_;
    out += '[';
    skip_space();
    if (!take(']')) {
      for (bool first = true;; first = false) {
        if (!first) out += ", ";
        value(out, depth + 1);
        skip_space();
        if (take(']')) break;
        if (!take(',')) fail("',' or ']' is missing");
      }
    }
    out += ']';
  }

  // A duplicate key keeps its first position and takes its last value, as in a Python dict.
  void object(std::string& out, int depth) {
    ++pos_;
    std::vector<std::pair<std::string, std::string>> members;
    std::unordered_map<std::string, std::size_t> index;
    skip_space();
    if (!take('}')) {
      for (;;) {
        skip_space();
        if (peek() != '"') fail("a key is missing");
        std::string key, member;
        string(key);
        skip_space();
        if (!take(':')) fail("':' is missing");
        value(member, depth + 1);
        const auto [at, inserted] = index.emplace(key, members.size());
        if (inserted) {
          members.emplace_back(std::move(key), std::move(member));
        } else {
          members[at->second].second = std::move(member);
        }
        skip_space();
        if (take('}')) break;
        if (!take(',')) fail("',' or '}' is missing");
      }
    }
    out += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i != 0) out += ", ";
      out += members[i].first;
      out += ": ";
      out += members[i].second;
    }
    out += '}';
  }

  void string(std::string& out) {
    ++pos_;
    out += '"';
    while (!take('"')) {
      if (pos_ == in_.size()) fail("string does not end");
      if (static_cast<unsigned char>(in_[pos_]) < 0x20) fail("control character in a string");
      if (take('\\')) {
        character(out, escape());
        continue;
      }
      const Utf8Char c = decode_utf8(in_, pos_);
      if (c.status != Utf8Status::ok) fail("string is not UTF-8");
      pos_ += c.bytes;
      character(out, c.code);
    }
    out += '"';
  }

  char32_t escape() {
    const char c = peek();
    ++pos_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        return static_cast<char32_t>(c);
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'u':
        break;
      default:
        --pos_;
        fail("unknown escape");
    }
    const char32_t high = hex4();
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high > 0xDBFF || !take('\\') || !take('u')) fail("unpaired surrogate");
    const char32_t low = hex4();
    if (low < 0xDC00 || low > 0xDFFF) fail("unpaired surrogate");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  char32_t hex4() {
    std::uint32_t code = 0;
    const std::string_view digits = in_.substr(pos_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || digits.size() != 4 || end != digits.data() + 4)
      fail("four hexadecimal digits are needed");
    pos_ += 4;
    return code;
  }

  static void character(std::string& out, char32_t c) {
    constexpr std::string_view named = "\b\f\n\r\t\"\\", letters = "bfnrt\"\\";
    if (const std::size_t at = c < 128 ? named.find(static_cast<char>(c)) : std::string_view::npos;
        at != std::string_view::npos) {
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

  // Integers of any size keep their digits; other numbers are doubles, formatted as Python's repr.
  void number(std::string& out) {
    const std::size_t begin = pos_;
    const auto digits = [&] {
      const std::size_t from = pos_;
      while (peek() >= '0' && peek() <= '9') ++pos_;
      return pos_ - from;
    };
    take('-');
    const bool zero = peek() == '0';
    const std::size_t whole = digits();
    if (whole == 0) fail("a value is missing");
    if (zero && whole > 1) fail("number begins with 0");
    bool integer = true;
    if (take('.')) {
      integer = false;
      if (digits() == 0) fail("digits are missing");
    }
    if (peek() == 'e' || peek() == 'E') {
      integer = false;
      ++pos_;
      if (peek() == '+' || peek() == '-') ++pos_;
      if (digits() == 0) fail("digits are missing");
    }
    const std::string_view text = in_.substr(begin, pos_ - begin);
    if (integer) {
      out += text == "-0" ? "0" : text;
      return;
    }
    double x = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
    if (error == std::errc::result_out_of_range) {
      if (is_large(text)) fail("number is too large");
      x = text[0] == '-' ? -0.0 : 0.0;
    }
    float_repr(out, x);
  }

  // For a number outside the range of double: true for overflow, false for underflow, by its decimal exponent.
  static bool is_large(std::string_view text) noexcept {
    const std::size_t e = std::min(text.find_first_of("eE"), text.size());
    const std::string_view mantissa = text.substr(0, e);
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    const std::size_t first = std::min(mantissa.find_first_of("123456789"), mantissa.size());
    std::int64_t exponent = 0;
    if (e < text.size()) {
      const std::string_view digits = text.substr(e + (text[e + 1] == '+' ? 2 : 1));
      if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc())
        return digits[0] != '-';
    }
    return exponent + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) > 0;
  }

  static void float_repr(std::string& out, double x) {
    const double magnitude = std::fabs(x);
    const bool fixed = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
    std::array<char, 64> buffer;
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x,
                                            fixed ? std::chars_format::fixed : std::chars_format::scientific);
    const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    out += text;
    if (fixed && text.find('.') == std::string_view::npos) out += ".0";
  }

  std::string_view in_;
  std::size_t pos_ = 0;
};

}  // namespace detail

#endif

/// json.dumps(json.loads(json), ensure_ascii=False) of Python: separators ", " and ": ", only mandatory escapes, floats
/// as repr. Throws InputError if `json` is not strict JSON, nests deeper than 200 or has a float out of range.
std::string to_hf_json(std::string_view json);

#if VLMT_HAS_BODIES

VLMT_BODY std::string to_hf_json(std::string_view json) {
  return detail::HfJsonWriter(json).write();
}

#endif

VLMT_END_NAMESPACE
