// The methods of strings, lists and dicts that chat templates call.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/operators.hpp"
#include "vlmt/text/jinja/python_text.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

/// Arguments of a call.
struct Arguments {
  std::vector<Value> list;
  std::vector<std::pair<std::string_view, Value>> named;

  /// The i-th argument, or the one of this name; undefined if absent.
  Value get(std::size_t i, std::string_view name) const {
    if (i < list.size()) return list[i];
    for (const auto& [n, value] : named) {
      if (n == name) return value;
    }
    return {};
  }
  std::int64_t integer(Heap& heap, std::size_t i, std::string_view name, std::int64_t otherwise) const {
    const Value v = get(i, name);
    if (is_undefined(v) || is_none(v)) return otherwise;
    const auto n = as_integer(v);
    if (!n) heap.fail("a bad argument `" + std::string(name) + "`", "an integer", type_name(v));
    return *n;
  }
  std::string_view text(Heap& heap, std::size_t i, std::string_view name) const {
    const Value v = get(i, name);
    const auto* t = as_text(v);
    if (t == nullptr) heap.fail("a bad argument `" + std::string(name) + "`", "a string", type_name(v));
    return *t;
  }
};

/// The method of an object while it is called.
class Method {
 public:
  Method(Heap& heap, std::string_view name, const Arguments& arguments) : heap_(heap), name_(name), a_(arguments) {}

  static bool exists(const Value& object, std::string_view name) noexcept {
    const auto in = [&](std::initializer_list<std::string_view> names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (as_text(object) != nullptr) {
      return in({"strip",      "lstrip",    "rstrip",   "startswith", "endswith",     "split",        "rsplit",
                 "splitlines", "replace",   "upper",    "lower",      "title",        "capitalize",   "join",
                 "find",       "rfind",     "index",    "count",      "removeprefix", "removesuffix", "partition",
                 "rpartition", "isdigit",   "isalpha",  "isalnum",    "isspace",      "isupper",      "islower",
                 "format",     "isnumeric", "isdecimal"});
    }
    if (as_list(object) != nullptr) return in({"index", "count", "copy"});
    return as_dict(object) != nullptr && in({"items", "keys", "values", "get", "copy"});
  }

  Value call(const Value& object) {
    if (const auto* text = as_text(object)) return of_text(*text);
    if (const List* list = as_list(object)) return of_list(*list, object);
    return of_dict(*as_dict(object), object);
  }

 private:
  Value of_text(std::string_view s) {
    heap_.step(s.size() / 64);
    if (name_ == "strip" || name_ == "lstrip" || name_ == "rstrip") return stripped(s);
    if (name_ == "startswith" || name_ == "endswith") return begins_or_ends(s);
    if (name_ == "split" || name_ == "rsplit") return split(s);
    if (name_ == "splitlines") return lines(s);
    if (name_ == "replace") {
      return replaced(heap_, s, a_.text(heap_, 0, "old"), a_.text(heap_, 1, "new"), a_.integer(heap_, 2, "count", -1));
    }
    if (name_ == "upper") return heap_.text(upper(heap_, s));
    if (name_ == "lower") return heap_.text(lower(heap_, s));
    if (name_ == "title") return heap_.text(title(heap_, s));
    if (name_ == "capitalize") return heap_.text(capitalized(heap_, s));
    if (name_ == "join") return joined(s);
    if (name_ == "removeprefix" || name_ == "removesuffix") {
      const std::string_view part = a_.text(heap_, 0, "part");
      if (name_ == "removeprefix") return s.starts_with(part) ? s.substr(part.size()) : s;
      return s.ends_with(part) ? s.substr(0, s.size() - part.size()) : s;
    }
    if (name_ == "partition" || name_ == "rpartition") return partition(s);
    if (name_ == "find" || name_ == "rfind" || name_ == "index") return found(s);
    if (name_ == "count") return counted(s);
    if (name_ == "format") return formatted(s);
    return all_characters(s);
  }

  // With white space, or with any of the characters of the argument.
  Value stripped(std::string_view s) {
    const Value set = a_.get(0, "chars");
    const bool left = name_ != "rstrip", right = name_ != "lstrip";
    if (is_undefined(set) || is_none(set)) {
      if (left) s = trimmed_left(s);
      return right ? trimmed_right(s) : s;
    }
    const std::vector<Value> chars = characters(heap_, a_.text(heap_, 0, "chars"));
    const auto in_set = [&](std::string_view c) {
      heap_.step(1 + chars.size() / 16);
      return std::any_of(chars.begin(), chars.end(),
                         [&](const Value& v) { return std::get<std::string_view>(v) == c; });
    };
    while (left && !s.empty()) {
      const std::size_t n = character_bytes(s, 0);
      if (!in_set(s.substr(0, n))) break;
      s.remove_prefix(n);
    }
    while (right && !s.empty()) {
      std::size_t at = s.size() - 1;
      while (at > 0 && (static_cast<unsigned char>(s[at]) & 0xC0) == 0x80) --at;
      if (!in_set(s.substr(at))) break;
      s.remove_suffix(s.size() - at);
    }
    return s;
  }

  Value begins_or_ends(std::string_view s) {
    const Value v = a_.get(0, "prefix");
    std::vector<Value> parts{v};
    if (const List* l = as_list(v); l != nullptr && l->tuple) parts = items_of(heap_, v);
    for (const Value& p : parts) {
      const auto* part = as_text(p);
      if (part == nullptr) heap_.fail("a bad argument of " + std::string(name_), "a string", type_name(p));
      heap_.step(part->size() / 64);
      if (name_ == "startswith" ? s.starts_with(*part) : s.ends_with(*part)) return true;
    }
    return false;
  }

  Value split(std::string_view s) {
    const Value by = a_.get(0, "sep");
    std::int64_t most = a_.integer(heap_, 1, "maxsplit", -1);
    if (most < 0) most = INT64_MAX;
    const bool from_right = name_ == "rsplit";
    std::vector<Value> out;
    const auto add = [&](std::string_view part) {
      heap_.take_items(1);
      out.emplace_back(part);
    };
    if (is_undefined(by) || is_none(by)) {
      // At runs of white space, none at the ends.
      if (from_right && most != INT64_MAX) heap_.fail("rsplit needs a separator", "a string");
      for (s = trimmed_left(s); !s.empty(); s = trimmed_left(s)) {
        std::size_t n = 0;
        while (n < s.size() && leading_space(s.substr(n, 4)) == 0) n += character_bytes(s, n);
        if (static_cast<std::int64_t>(out.size()) == most) n = trimmed_right(s).size();
        add(s.substr(0, n));
        if (static_cast<std::int64_t>(out.size()) > most) break;
        s.remove_prefix(n);
      }
      return heap_.list(std::move(out));
    }
    const std::string_view separator = a_.text(heap_, 0, "sep");
    if (separator.empty()) heap_.fail("an empty separator", "a string that is not empty");
    while (static_cast<std::int64_t>(out.size()) < most) {
      const std::size_t at = from_right ? rfind_text(s, separator) : find_text(heap_, s, separator);
      if (at == std::string_view::npos) break;
      add(from_right ? s.substr(at + separator.size()) : s.substr(0, at));
      s = from_right ? s.substr(0, at) : s.substr(at + separator.size());
    }
    add(s);
    if (from_right) std::reverse(out.begin(), out.end());
    return heap_.list(std::move(out));
  }

  std::size_t rfind_text(std::string_view s, std::string_view part) {
    const std::size_t at = s.rfind(part);
    const std::size_t seen = at == std::string_view::npos ? s.size() : s.size() - at;
    heap_.step(seen / 16 + seen * part.size() / 4096);
    return at;
  }

  Value lines(std::string_view s) {
    const bool keep = is_true(a_.get(0, "keepends"));
    std::vector<Value> out;
    while (!s.empty()) {
      const std::size_t end = std::min(s.find_first_of("\n\r\v\f"), s.size());
      std::size_t feed = end < s.size() ? 1 : 0;
      if (s.substr(end).starts_with("\r\n")) feed = 2;
      heap_.take_items(1);
      out.emplace_back(s.substr(0, keep ? end + feed : end));
      s.remove_prefix(end + feed);
    }
    return heap_.list(std::move(out));
  }

 public:
  /// s with `from` replaced by `to`, `most` times from the left; all if negative.
  static Value replaced(Heap& heap, std::string_view s, std::string_view from, std::string_view to, std::int64_t most) {
    std::string out;
    std::size_t at = 0;
    for (std::int64_t n = 0; n != most; ++n) {
      // An empty text is found before each character and at the end.
      const std::size_t next = from.empty() ? at : find_text(heap, s, from, at);
      if (next == std::string_view::npos) break;
      heap.take(next - at + to.size());
      heap.step();
      out += s.substr(at, next - at);
      out += to;
      at = next + from.size();
      if (!from.empty()) continue;
      if (at == s.size()) return heap.text(std::move(out));
      const std::size_t bytes = character_bytes(s, at);
      out += s.substr(at, bytes);
      at += bytes;
    }
    heap.take(s.size() - at);
    out += s.substr(at);
    return heap.text(std::move(out));
  }

 private:
  Value joined(std::string_view by) {
    std::string out;
    bool first = true;
    for (const Value& v : items_of(heap_, a_.get(0, "items"))) {
      const auto* text = as_text(v);
      if (text == nullptr) heap_.fail("join needs strings", "a string", type_name(v));
      heap_.take(text->size() + by.size());
      if (!first) out += by;
      out += *text;
      first = false;
    }
    return heap_.text(std::move(out));
  }

  Value partition(std::string_view s) {
    const std::string_view by = a_.text(heap_, 0, "sep");
    if (by.empty()) heap_.fail("an empty separator", "a string that is not empty");
    const bool first = name_ == "partition";
    const std::size_t at = first ? find_text(heap_, s, by) : rfind_text(s, by);
    std::vector<Value> parts;
    if (at != std::string_view::npos) {
      parts = {s.substr(0, at), by, s.substr(at + by.size())};
    } else if (first) {
      parts = {s, std::string_view(), std::string_view()};
    } else {
      parts = {std::string_view(), std::string_view(), s};
    }
    return heap_.list(std::move(parts), true);
  }

  Value found(std::string_view s) {
    const std::string_view part = a_.text(heap_, 0, "sub");
    const std::size_t at = name_ == "rfind" ? rfind_text(s, part) : find_text(heap_, s, part);
    if (at != std::string_view::npos) return static_cast<std::int64_t>(count_characters(heap_, s.substr(0, at)));
    if (name_ == "index") heap_.fail("index finds nothing", "a part of the string");
    return std::int64_t{-1};
  }

  Value counted(std::string_view s) {
    const std::string_view part = a_.text(heap_, 0, "sub");
    if (part.empty()) return static_cast<std::int64_t>(count_characters(heap_, s) + 1);
    std::int64_t n = 0;
    for (std::size_t at = find_text(heap_, s, part); at != std::string_view::npos; ++n) {
      heap_.step();
      at = find_text(heap_, s, part, at + part.size());
    }
    return n;
  }

  // "{} {0} {name}", without anything after the name.
  Value formatted(std::string_view s) {
    std::string out;
    std::size_t next = 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
      if ((s[i] == '{' || s[i] == '}') && i + 1 < s.size() && s[i + 1] == s[i]) {
        out += s[i++];
      } else if (s[i] == '{') {
        const std::size_t end = s.find('}', i);
        if (end == std::string_view::npos) heap_.fail("a bad format", "'}'");
        const std::string_view field = s.substr(i + 1, end - i - 1);
        const bool number = field.find_first_not_of("0123456789") == std::string_view::npos && field.size() < 4;
        const std::size_t at = field.empty() ? next++ : number ? std::stoul(std::string(field)) : SIZE_MAX;
        const Value v = a_.get(at, field);
        if (is_undefined(v))
          heap_.fail("a format without its value", "an argument for {}", "{" + std::string(field.substr(0, 40)) + "}");
        out += to_text(heap_, v);
        i = end;
      } else if (s[i] == '}') {
        heap_.fail("a bad format", "'{' before '}'");
      } else {
        out += s[i];
      }
    }
    return heap_.text(std::move(out));
  }

  // isdigit and its relatives: true if all characters are of the kind, and there are some.
  Value all_characters(std::string_view s) {
    const bool by_case = name_ == "isupper" || name_ == "islower";
    bool some = false;
    for (std::size_t at = 0; at < s.size();) {
      const Utf8Char c = decode_utf8(s, at);
      at += c.bytes;
      const utf8proc_category_t kind = utf8proc_category(static_cast<utf8proc_int32_t>(c.code));
      const bool letter = kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
      const bool digit = kind == UTF8PROC_CATEGORY_ND ||
                         (name_ == "isnumeric" && kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO);
      if (by_case) {
        const bool is_upper = kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LT;
        const bool is_lower = kind == UTF8PROC_CATEGORY_LL;
        if (name_ == "isupper" ? is_lower : is_upper) return false;
        some = some || is_upper || is_lower;
        continue;
      }
      const bool fits = name_ == "isspace"   ? is_space(c.code)
                        : name_ == "isalpha" ? letter
                        : name_ == "isalnum" ? letter || digit
                                             : digit;
      if (!fits) return false;
      some = true;
    }
    return some;
  }

  Value of_list(const List& list, const Value& self) {
    if (name_ == "copy") return self;
    Comparison comparison(heap_);
    const Value wanted = a_.get(0, "value");
    std::int64_t n = 0;
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (!comparison.equal(list.items[i], wanted)) continue;
      if (name_ == "index") return static_cast<std::int64_t>(i);
      ++n;
    }
    if (name_ == "index") heap_.fail("index finds nothing", "an item of the list");
    return n;
  }

  Value of_dict(const Dict& dict, const Value& self) {
    if (name_ == "copy") return self;
    if (name_ == "get") {
      Comparison comparison(heap_);
      const Value* v = comparison.find(dict, a_.get(0, "key"));
      if (v != nullptr) return *v;
      const Value otherwise = a_.get(1, "default");
      return is_undefined(otherwise) && a_.list.size() < 2 ? Value(None{}) : otherwise;
    }
    heap_.take_items(dict.items.size());
    std::vector<Value> out;
    for (const auto& [key, value] : dict.items) {
      if (name_ == "items") {
        out.push_back(heap_.list({key, value}, true));
      } else {
        out.push_back(name_ == "keys" ? key : value);
      }
    }
    return heap_.list(std::move(out));
  }

  Heap& heap_;
  std::string_view name_;
  const Arguments& a_;
};

}  // namespace jinja

VLMT_END_NAMESPACE
