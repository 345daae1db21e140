// JSON values in other text, such as an answer with prose around them. A value that breaks off keeps what is whole.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// A node of a JsonSnippet.
struct JsonNode {
  enum class Kind : std::uint8_t { object, array, key, string, number, literal };
  Kind kind = Kind::literal;
  bool whole = false;       ///< of objects and arrays: their end was read
  std::uint32_t begin = 0;  ///< bytes [begin, end) of the text; strings and keys without their quotes
  std::uint32_t end = 0;    ///< of objects and arrays: set if they are whole
  std::uint32_t next = 0;   ///< index of the first node after this one and all that it contains, if it is whole
};

/// A value in document order: the children of a container follow it; each key is followed by its value.
struct JsonSnippet {
  enum class State : std::uint8_t {
    whole,
    broken,  ///< byte `end` fits no JSON, or the object that begins there is beyond a limit
    cut      ///< the text ends inside the value
  };
  State state = State::broken;
  std::size_t end = 0;  ///< where reading stopped: after a whole value
  std::vector<JsonNode> nodes;
};

inline constexpr std::size_t max_json_depth = 64;
inline constexpr std::size_t max_json_nodes = std::size_t{1} << 16;

/// Texts are read as far as this many bytes.
inline constexpr std::size_t max_answer_bytes = std::size_t{16} << 20;

/// Reads the object or array that begins at text[at]. The text has at most max_answer_bytes bytes. As models write what
/// Python prints, too, strings may be in single quotes, True, False and None are known, and a comma may be last. Takes
/// time and memory in proportion to end - at; neither recursion nor an exception, whatever the text is.
JsonSnippet read_json_snippet(std::string_view text, std::size_t at);

/// The decimal number that `digits` is, between -1e9 and 1e9: larger and smaller ones become these. Nothing if it is
/// none.
std::optional<double> bounded_number(std::string_view digits);

/// The bounded_number() of a node; nothing for other kinds.
std::optional<double> json_number(std::string_view text, const JsonNode& node);

/// The text of a string or key, escapes decoded, as valid UTF-8; cut after `most` bytes of the text.
std::string json_string(std::string_view text, const JsonNode& node, std::size_t most = max_answer_bytes);

/// Calls f(key, i) for each member of the whole object `object`: the key as it is in the text, and the index of its
/// value.
template <class F>
void for_each_json_member(std::string_view text, const std::vector<JsonNode>& nodes, std::size_t object, F&& f) {
  for (std::size_t key = object + 1; key < nodes[object].next; key = nodes[key + 1].next) {
    f(text.substr(nodes[key].begin, nodes[key].end - nodes[key].begin), key + 1);
  }
}

/// Calls f(i) for the index of each item of the whole array `array`.
template <class F>
void for_each_json_item(const std::vector<JsonNode>& nodes, std::size_t array, F&& f) {
  for (std::size_t item = array + 1; item < nodes[array].next; item = nodes[item].next) f(item);
}

#if VLMT_HAS_BODIES

namespace detail {

class JsonSnippetReader {
 public:
  JsonSnippetReader(std::string_view text, std::size_t at) : text_(text), at_(at) {}

  JsonSnippet read() {
    out_.state = run();
    out_.end = at_;
    return std::move(out_);
  }

 private:
  using State = JsonSnippet::State;
  using Kind = JsonNode::Kind;
  enum class Want : std::uint8_t { value, key, colon, comma };

  State run() {
    do {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (at_ == text_.size()) return State::cut;
      if (const auto end = step(text_[at_])) return *end;
    } while (!open_.empty());
    return State::whole;
  }

  // Reads one token; the state if reading ends here.
  std::optional<State> step(char c) {
    if (!open_.empty() && (c == '}' || c == ']')) return close(c);
    switch (want_) {
      case Want::comma:
        if (c != ',') return State::broken;
        ++at_;
        want_ = in_object() ? Want::key : Want::value;
        return std::nullopt;
      case Want::colon:
        if (c != ':') return State::broken;
        ++at_;
        want_ = Want::value;
        return std::nullopt;
      case Want::key:
        if (c != '"' && c != '\'') return State::broken;
        return string(c, Kind::key, Want::colon);
      case Want::value:
        if (c == '{' || c == '[') return open(c);
        if (c == '"' || c == '\'') return string(c, Kind::string, Want::comma);
        return word(c);
    }
    return State::broken;
  }

  std::optional<State> open(char c) {
    if (open_.size() == max_json_depth || !add(c == '{' ? Kind::object : Kind::array, at_, at_, false)) {
      return State::broken;
    }
    open_.push_back(static_cast<std::uint32_t>(out_.nodes.size() - 1));
    ++at_;
    want_ = c == '{' ? Want::key : Want::value;
    return std::nullopt;
  }

  std::optional<State> close(char c) {
    const bool object = in_object();
    if (object != (c == '}') || want_ == Want::colon || (want_ == Want::value && object)) return State::broken;
    JsonNode& node = out_.nodes[open_.back()];
    node.whole = true;
    node.end = static_cast<std::uint32_t>(++at_);
    node.next = static_cast<std::uint32_t>(out_.nodes.size());
    open_.pop_back();
    want_ = Want::comma;
    return std::nullopt;
  }

  std::optional<State> string(char quote, Kind kind, Want then) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) {
      // A line feed shows that the closing quote is missing; the next line may be sound.
      if (text_[end] == '\n') {
        at_ = end;
        return State::broken;
      }
      end += text_[end] == '\\' ? 2 : 1;
    }
    if (end >= text_.size()) {
      at_ = text_.size();
      return State::cut;
    }
    if (!add(kind, at_ + 1, end, true)) return State::broken;
    at_ = end + 1;
    want_ = then;
    return std::nullopt;
  }

  // A number, or a name such as true.
  std::optional<State> word(char first) {
    const bool number = std::string_view("+-.0123456789").find(first) != std::string_view::npos;
    std::size_t end = at_;
    while (end < text_.size() && (is_letter(text_[end]) || (number && is_numeric(text_[end])))) ++end;
    const std::string_view found = text_.substr(at_, end - at_);
    if (!number && end == text_.size() && !found.empty()) {
      at_ = end;
      return State::cut;
    }
    bool known = number;
    for (const std::string_view name : {"true", "false", "null", "True", "False", "None"}) known |= found == name;
    if (!known || !add(number ? Kind::number : Kind::literal, at_, end, true)) return State::broken;
    at_ = end;
    want_ = Want::comma;
    return std::nullopt;
  }

  bool add(Kind kind, std::size_t begin, std::size_t end, bool whole) {
    if (out_.nodes.size() == max_json_nodes) {
      // The object that is being read is not lost: the next value may begin with it.
      for (std::size_t i = open_.size(); i-- > 1;) {
        const JsonNode& node = out_.nodes[open_[i]];
        if (node.kind != Kind::object) continue;
        at_ = node.begin;
        break;
      }
      return false;
    }
    out_.nodes.push_back({kind, whole, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end),
                          static_cast<std::uint32_t>(out_.nodes.size() + 1)});
    return true;
  }

  bool in_object() const noexcept { return !open_.empty() && out_.nodes[open_.back()].kind == Kind::object; }
  static constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static constexpr bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  static constexpr bool is_numeric(char c) noexcept {
    return (c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-';
  }

  std::string_view text_;
  std::size_t at_;
  JsonSnippet out_;
  std::vector<std::uint32_t> open_;  // indices of the containers that are not closed
  Want want_ = Want::value;
};

/// The code unit of four hexadecimal digits at text[at]; nothing if they are not there.
inline std::optional<std::uint32_t> json_code_unit(std::string_view text, std::size_t at) noexcept {
  std::uint32_t unit = 0;
  if (at + 4 > text.size()) return std::nullopt;
  const auto result = std::from_chars(text.data() + at, text.data() + at + 4, unit, 16);
  return result.ptr == text.data() + at + 4 ? std::optional(unit) : std::nullopt;
}

}  // namespace detail

VLMT_BODY JsonSnippet read_json_snippet(std::string_view text, std::size_t at) {
  return detail::JsonSnippetReader(text, at).read();
}

VLMT_BODY std::optional<double> bounded_number(std::string_view digits) {
  constexpr double most = 1e9;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const bool negative = digits.starts_with('-');
  double value = 0.0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // Too near to 0, or too far from it: the exponent tells, or the digits before the point.
    const std::size_t e = digits.find_first_of("eE");
    const bool small = e != std::string_view::npos ? digits.substr(e + 1).starts_with('-')
                                                   : digits.find_first_not_of("-0") == digits.find('.');
    value = small ? 0.0 : negative ? -most : most;
  }
  if (std::isnan(value)) return std::nullopt;
  return std::fmin(std::fmax(value, -most), most);
}

VLMT_BODY std::optional<double> json_number(std::string_view text, const JsonNode& node) {
  if (node.kind != JsonNode::Kind::number) return std::nullopt;
  return bounded_number(text.substr(node.begin, node.end - node.begin));
}

VLMT_BODY std::string json_string(std::string_view text, const JsonNode& node, std::size_t most) {
  const std::string_view raw = text.substr(node.begin, node.end - node.begin).substr(0, most);
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 == raw.size()) {
      out += raw[i];
      continue;
    }
    const char c = raw[++i];
    const std::size_t known = std::string_view("nrtbf").find(c);
    if (known != std::string_view::npos) {
      out += "\n\r\t\b\f"[known];
    } else if (const auto unit = c == 'u' ? detail::json_code_unit(raw, i + 1) : std::nullopt) {
      char32_t code = *unit;
      i += 4;
      if (code >= 0xD800 && code < 0xDC00 && raw.substr(i + 1, 2) == "\\u") {
        const auto low = detail::json_code_unit(raw, i + 3);
        if (low && *low >= 0xDC00 && *low < 0xE000) {
          code = 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00);
          i += 6;
        }
      }
      append_utf8(out, code);
    } else {
      out += c;
    }
  }
  return to_valid_utf8(out);
}

#endif

VLMT_END_NAMESPACE
