// Text as Python has it: what values look like when they are printed, JSON, characters instead of bytes.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <utf8proc.h>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/lexer.hpp"
#include "vlmt/text/jinja/value.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

/// Bytes of the character at `at`.
inline std::size_t character_bytes(std::string_view text, std::size_t at) noexcept {
  return static_cast<unsigned char>(text[at]) < 0x80 ? 1 : decode_utf8(text, at).bytes;
}

/// The characters of a text, each as a text.
inline std::vector<Value> characters(Heap& heap, std::string_view text) {
  heap.take_items(text.size());
  std::vector<Value> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = character_bytes(text, at);
    out.emplace_back(text.substr(at, n));
    at += n;
  }
  return out;
}

inline std::size_t count_characters(Heap& heap, std::string_view text) {
  heap.step(text.size() / 64);
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); at += character_bytes(text, at)) ++n;
  return n;
}

inline std::string_view trimmed_left(std::string_view text) noexcept {
  return text.substr(leading_space(text));
}
inline std::string_view trimmed_right(std::string_view text) noexcept {
  return text.substr(0, text.size() - trailing_space(text));
}

/// The text with f(character, whether one with case is before it) for each character.
template <class F>
std::string map_characters(Heap& heap, std::string_view text, F&& f) {
  heap.take(text.size());
  std::string out;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (c.status == Utf8Status::ok) {
      append_utf8(out, static_cast<char32_t>(f(static_cast<utf8proc_int32_t>(c.code), inside)));
      const auto kind = utf8proc_category(static_cast<utf8proc_int32_t>(c.code));
      inside = kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT;
    } else {
      out += text.substr(at, c.bytes);
    }
    at += c.bytes;
  }
  return out;
}
inline std::string lower(Heap& heap, std::string_view text) {
  return map_characters(heap, text, [](utf8proc_int32_t c, bool) { return utf8proc_tolower(c); });
}
inline std::string upper(Heap& heap, std::string_view text) {
  return map_characters(heap, text, [](utf8proc_int32_t c, bool) { return utf8proc_toupper(c); });
}
inline std::string title(Heap& heap, std::string_view text) {
  return map_characters(
      heap, text, [](utf8proc_int32_t c, bool inside) { return inside ? utf8proc_tolower(c) : utf8proc_totitle(c); });
}
inline std::string capitalized(Heap& heap, std::string_view text) {
  bool first = true;
  return map_characters(heap, text, [&](utf8proc_int32_t c, bool) {
    const bool begins = first;
    first = false;
    return begins ? utf8proc_totitle(c) : utf8proc_tolower(c);
  });
}

/// A float as Python's repr writes it.
inline void append_float(std::string& out, double x) {
  if (std::isnan(x)) {
    out += "nan";
    return;
  }
  if (std::isinf(x)) {
    out += x > 0 ? "inf" : "-inf";
    return;
  }
  const double magnitude = std::fabs(x);
  const bool fixed = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  out += text;
  if (fixed && text.find('.') == std::string_view::npos) out += ".0";
}

/// Writes values: str() and repr() of Python, and JSON as transformers' tojson.
class Writer {
 public:
  explicit Writer(Heap& heap) : heap_(&heap) {}

  /// What `{{ value }}` prints.
  void print(const Value& v) {
    if (const auto* text = as_text(v)) return add(*text);
    if (!is_undefined(v)) repr(v);
  }

  void repr(const Value& v) {
    const Depth level(*heap_, depth_);
    heap_->step();
    if (is_undefined(v)) return add("Undefined");
    if (is_none(v)) return add("None");
    if (const auto* b = std::get_if<bool>(&v)) return add(*b ? "True" : "False");
    if (const auto* i = std::get_if<std::int64_t>(&v)) return add(std::to_string(*i));
    if (const auto* d = std::get_if<double>(&v)) return append_float(out_, *d);
    if (const auto* text = as_text(v)) return quoted(*text);
    if (const List* l = as_list(v)) {
      add(l->tuple ? "(" : "[");
      for (std::size_t i = 0; i < l->items.size(); ++i) {
        if (i != 0) add(", ");
        repr(l->items[i]);
      }
      if (l->tuple && l->items.size() == 1) add(",");
      return add(l->tuple ? ")" : "]");
    }
    if (const Dict* d = as_dict(v)) {
      add("{");
      for (std::size_t i = 0; i < d->items.size(); ++i) {
        if (i != 0) add(", ");
        repr(d->items[i].first);
        add(": ");
        repr(d->items[i].second);
      }
      return add("}");
    }
    add("<");
    add(type_name(v).substr(2));
    add(">");
  }

  struct JsonStyle {
    bool ascii = false;            ///< escape all that is not ASCII
    bool sort = false;             ///< keys in order
    std::string_view indent = {};  ///< a level's; empty: all in one line
    bool pretty = false;           ///< one item a line
    std::string_view comma = ", ";
    std::string_view colon = ": ";
  };
  void json(const Value& v, const JsonStyle& style, std::size_t level = 0);

  std::string take() { return std::move(out_); }

 private:
  // Counted as it grows: a value may hold another one many times.
  void add(std::string_view text) {
    heap_->take(text.size());
    out_ += text;
  }

  // In the quotes that need the fewest escapes, as Python does.
  void quoted(std::string_view text) {
    heap_->take(text.size());
    const bool twice = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
    const char quote = twice ? '"' : '\'';
    out_ += quote;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = character_bytes(text, at);
      const char c = text[at];
      constexpr std::string_view named = "\n\r\t\\", letters = "nrt\\";
      if (const std::size_t i = n == 1 ? named.find(c) : std::string_view::npos; i != std::string_view::npos) {
        out_ += '\\';
        out_ += letters[i];
      } else if (c == quote) {
        out_ += '\\';
        out_ += c;
      } else if (const char32_t code = decode_utf8(text, at).code; !printable(code)) {
        hex(code < 0x100 ? "\\x" : code < 0x10000 ? "\\u" : "\\U", code, code < 0x100 ? 2 : code < 0x10000 ? 4 : 8);
      } else {
        out_ += text.substr(at, n);
      }
      at += n;
    }
    out_ += quote;
  }

  // As Python's str.isprintable.
  static bool printable(char32_t c) noexcept {
    if (c < 0x7F) return c >= 0x20;
    const utf8proc_category_t kind = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return kind != UTF8PROC_CATEGORY_CN && kind < UTF8PROC_CATEGORY_ZS;
  }

  void hex(std::string_view prefix, std::uint32_t code, int digits) {
    out_ += prefix;
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out_ += "0123456789abcdef"[(code >> shift) & 15];
  }

  void json_text(std::string_view text, bool ascii) {
    heap_->take(text.size());
    out_ += '"';
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Char c = decode_utf8(text, at);
      constexpr std::string_view named = "\b\f\n\r\t\"\\", letters = "bfnrt\"\\";
      const std::size_t i = c.code < 128 ? named.find(static_cast<char>(c.code)) : std::string_view::npos;
      if (i != std::string_view::npos) {
        out_ += '\\';
        out_ += letters[i];
      } else if (c.code < 0x20) {
        hex("\\u", c.code, 4);
      } else if (ascii && c.code > 0x7e) {
        const std::uint32_t rest = c.code - 0x10000;
        if (c.code >= 0x10000) hex("\\u", 0xD800 + (rest >> 10), 4);
        hex("\\u", c.code >= 0x10000 ? 0xDC00 + (rest & 0x3FF) : c.code, 4);
      } else {
        append_utf8(out_, c.code);
      }
      at += c.bytes;
    }
    out_ += '"';
  }

  void new_line(const JsonStyle& style, std::size_t level) {
    if (!style.pretty) return;
    add("\n");
    for (std::size_t i = 0; i < level; ++i) add(style.indent);
  }

  Heap* heap_;
  std::string out_;
  std::size_t depth_ = 0;
};

/// The text of a value.
inline std::string to_text(Heap& heap, const Value& v) {
  Writer w(heap);
  w.print(v);
  return w.take();
}
/// The same as a view; text is not copied.
inline std::string_view text_of(Heap& heap, const Value& v) {
  const auto* text = as_text(v);
  return text != nullptr ? *text : heap.keep(to_text(heap, v));
}

}  // namespace jinja

VLMT_END_NAMESPACE
