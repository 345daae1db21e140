// The filters of chat templates: `value | name`.
#pragma once

#include <algorithm>
#include <array>
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
#include "vlmt/text/jinja/access.hpp"
#include "vlmt/text/jinja/json_writer.hpp"
#include "vlmt/text/jinja/methods.hpp"
#include "vlmt/text/jinja/operators.hpp"
#include "vlmt/text/jinja/python_text.hpp"
#include "vlmt/text/jinja/tests.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

/// A filter while it is applied.
class Filter {
 public:
  Filter(Heap& heap, std::string_view name, const Arguments& arguments) : heap_(heap), name_(name), a_(arguments) {}

  Value apply(const Value& v) {
    if (is("default") || is("d")) {
      const bool absent = is_undefined(v) || (is_true(a_.get(1, "boolean")) && !is_true(v));
      if (!absent) return v;
      const Value otherwise = a_.get(0, "default_value");
      return a_.list.empty() && is_undefined(otherwise) ? Value(std::string_view()) : otherwise;
    }
    if (is("safe") || is("string")) return text_of(heap_, v);
    if (is("upper")) return heap_.text(upper(heap_, text_of(heap_, v)));
    if (is("lower")) return heap_.text(lower(heap_, text_of(heap_, v)));
    if (is("capitalize")) return heap_.text(capitalized(heap_, text_of(heap_, v)));
    if (is("title")) return titled(text_of(heap_, v));
    if (is("trim")) return Method(heap_, "strip", a_).call(text_of(heap_, v));
    if (is("replace")) {
      return Method::replaced(heap_, text_of(heap_, v), text_of(heap_, a_.get(0, "old")),
                              text_of(heap_, a_.get(1, "new")), a_.integer(heap_, 2, "count", -1));
    }
    if (is("escape") || is("e") || is("forceescape")) return escaped(text_of(heap_, v));
    if (is("format")) return format(v);
    if (is("indent")) return indented(text_of(heap_, v));
    if (is("tojson")) return json(v);
    if (is("length") || is("count")) return length(v);
    if (is("abs")) return absolute(v);
    if (is("int")) return to_integer(v);
    if (is("float")) return to_float(v);
    if (is("round")) return rounded(v);
    if (is("attr")) return attribute_of(heap_, v, a_.text(heap_, 0, "name"));
    if (is("items")) return items(v);
    if (is("dictsort")) return dict_sorted(v);
    return of_items(v);
  }

 private:
  bool is(std::string_view name) const noexcept { return name_ == name; }

  [[noreturn]] void refuse(const Value& v, const char* expected) const {
    heap_.fail("the filter `" + std::string(name_) + "` does not go with this value", expected,
               std::string(type_name(v)));
  }

  // --- texts

  // Words begin after white space, a hyphen or an opening bracket.
  Value titled(std::string_view s) {
    bool begins = true;
    return heap_.text(map_characters(heap_, s, [&](utf8proc_int32_t c, bool) {
      const bool now = std::exchange(
          begins, c < 128 && std::string_view("-({[<").find(static_cast<char>(c)) != std::string_view::npos);
      if (is_space(static_cast<char32_t>(c))) begins = true;
      return now ? utf8proc_toupper(c) : utf8proc_tolower(c);
    }));
  }

  Value escaped(std::string_view s) {
    std::string out;
    for (const char c : s) {
      const std::size_t i = std::string_view("&<>'\"").find(c);
      constexpr std::array<std::string_view, 5> names{"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
      if (i == std::string_view::npos) {
        out += c;
      } else {
        out += names[i];
      }
    }
    return heap_.text(std::move(out));
  }

  Value format(const Value& v) {
    const Value values = heap_.list(a_.list, true);
    return heap_.text(detail::printf(heap_, text_of(heap_, v), values));
  }

  Value indented(std::string_view s) {
    const Value width = a_.get(0, "width");
    const auto* given = as_text(width);
    const std::int64_t n = given != nullptr ? 0 : a_.integer(heap_, 0, "width", 4);
    const std::string by = given != nullptr ? std::string(*given) : detail::repeated(heap_, " ", n);
    const bool blank = is_true(a_.get(2, "blank"));
    Arguments none;
    heap_.take(s.size() + 1);
    const std::string text = std::string(s) + "\n";
    std::string out;
    bool first = true;
    for (const Value& line : items_of(heap_, Method(heap_, "splitlines", none).call(std::string_view(text)))) {
      const std::string_view l = std::get<std::string_view>(line);
      heap_.take(l.size() + by.size() + 1);
      if (!first) out += '\n';
      if (first ? is_true(a_.get(1, "first")) : blank || !l.empty()) out += by;
      out += l;
      first = false;
    }
    return heap_.text(std::move(out));
  }

  Value json(const Value& v) {
    Writer w(heap_);
    Writer::JsonStyle style;
    style.ascii = is_true(a_.get(0, "ensure_ascii"));
    style.sort = is_true(a_.get(3, "sort_keys"));
    const Value indent = a_.get(1, "indent"), separators = a_.get(2, "separators");
    style.pretty = !is_undefined(indent) && !is_none(indent);
    std::string spaces;
    if (const auto* text = as_text(indent)) {
      style.indent = *text;
    } else if (style.pretty) {
      spaces = detail::repeated(heap_, " ", a_.integer(heap_, 1, "indent", 0));
      style.indent = spaces;
    }
    if (style.pretty) style.comma = ",";
    if (const List* l = as_list(separators); l != nullptr && l->items.size() == 2) {
      style.comma = text_of(heap_, l->items[0]);
      style.colon = text_of(heap_, l->items[1]);
    }
    w.json(v, style);
    return heap_.text(w.take());
  }

  // --- numbers

  Value length(const Value& v) {
    if (const auto* text = as_text(v)) return static_cast<std::int64_t>(count_characters(heap_, *text));
    if (const List* l = as_list(v)) return static_cast<std::int64_t>(l->items.size());
    if (const Dict* d = as_dict(v)) return static_cast<std::int64_t>(d->items.size());
    if (!is_undefined(v)) refuse(v, "a list, a dict or a string");
    return std::int64_t{0};
  }

  Value absolute(const Value& v) {
    if (const auto i = as_integer(v)) {
      if (*i == INT64_MIN) heap_.fail("a number is too large", "64 bits");
      return *i < 0 ? -*i : *i;
    }
    const auto x = as_number(v);
    if (!x) refuse(v, "a number");
    return std::fabs(*x);
  }

  static std::optional<double> parsed(std::string_view s) noexcept {
    s = trimmed_left(trimmed_right(s));
    if (s.starts_with('+')) s.remove_prefix(1);
    double x = 0;
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), x);
    if (error != std::errc() || end != s.data() + s.size()) return std::nullopt;
    return x;
  }

  Value to_integer(const Value& v) {
    const Value otherwise = a_.get(0, "default");
    const Value fallback = is_undefined(otherwise) ? Value(std::int64_t{0}) : otherwise;
    if (const auto i = as_integer(v)) return *i;
    std::optional<double> x = as_number(v);
    if (const auto* text = as_text(v)) {
      std::string_view s = trimmed_left(trimmed_right(*text));
      if (s.starts_with('+')) s.remove_prefix(1);
      const std::int64_t base = a_.integer(heap_, 1, "base", 10);
      if (base < 2 || base > 36) heap_.fail("a bad base", "2 to 36", std::to_string(base));
      if (base == 16 && (s.starts_with("0x") || s.starts_with("0X"))) s.remove_prefix(2);
      std::int64_t i = 0;
      const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), i, static_cast<int>(base));
      if (error == std::errc() && end == s.data() + s.size()) return i;
      x = parsed(*text);
    }
    if (!x || !(std::fabs(*x) < 9.2e18)) return fallback;
    return static_cast<std::int64_t>(*x);
  }

  Value to_float(const Value& v) {
    if (const auto x = as_number(v)) return *x;
    const auto* text = as_text(v);
    const auto x = text == nullptr ? std::nullopt : parsed(*text);
    const Value otherwise = a_.get(0, "default");
    return x ? Value(*x) : is_undefined(otherwise) ? Value(0.0) : otherwise;
  }

  Value rounded(const Value& v) {
    const std::int64_t digits = a_.integer(heap_, 0, "precision", 0);
    const auto x = as_number(v);
    if (!x) refuse(v, "a number");
    if (digits < 0 || digits > 30) heap_.fail("a bad precision", "0 to 30", std::to_string(digits));
    const Value method = a_.get(1, "method");
    const auto* how = as_text(method);
    if (how != nullptr && *how != "common") {
      if (*how != "ceil" && *how != "floor") heap_.fail("a bad method", "common, ceil or floor");
      const double scale = std::pow(10.0, static_cast<double>(digits));
      return (*how == "ceil" ? std::ceil(*x * scale) : std::floor(*x * scale)) / scale;
    }
    if (as_integer(v)) return v;
    if (!(std::fabs(*x) < 1e15)) return *x;
    std::array<char, 64> buffer;
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), *x, std::chars_format::fixed,
                                   static_cast<int>(digits))
                         .ptr;
    double r = 0;
    std::from_chars(buffer.data(), end, r);
    return r;
  }

  // --- dicts

  Value items(const Value& v) {
    if (is_undefined(v)) return heap_.list({});
    if (as_dict(v) == nullptr) refuse(v, "a dict");
    return Method(heap_, "items", {}).call(v);
  }

  Value dict_sorted(const Value& v) {
    if (as_dict(v) == nullptr) refuse(v, "a dict");
    const Value by = a_.get(1, "by");
    const auto* what = as_text(by);
    std::vector<Value> pairs = items_of(heap_, Method(heap_, "items", {}).call(v));
    sort(pairs, std::int64_t{what != nullptr && *what == "value" ? 1 : 0}, is_true(a_.get(0, "case_sensitive")),
         is_true(a_.get(2, "reverse")));
    return heap_.list(std::move(pairs));
  }

  // --- lists

  // The value by which an item is ordered.
  Value key_of(const Value& item, const Value& path, bool by_case) {
    const Value v = is_undefined(path) || is_none(path) ? item : path_of(heap_, item, path);
    const auto* text = as_text(v);
    return by_case || text == nullptr ? v : heap_.text(lower(heap_, *text));
  }

  void sort(std::vector<Value>& items, const Value& path, bool by_case, bool reverse) {
    std::vector<std::pair<Value, Value>> keyed;
    heap_.take_items(2 * items.size());
    for (const Value& v : items) keyed.emplace_back(key_of(v, path, by_case), v);
    Comparison c(heap_);
    merge_sort(keyed, [&](const auto& a, const auto& b) {
      return reverse ? c.less(b.first, a.first) : c.less(a.first, b.first);
    });
    for (std::size_t i = 0; i < items.size(); ++i) items[i] = keyed[i].second;
  }

  Value of_items(const Value& v) {
    if (is("map")) return mapped(v);
    if (is("select") || is("reject") || is("selectattr") || is("rejectattr")) return selected(v);
    if (is("join")) return joined(v);
    if (is("sum")) return summed(v);
    const bool reverses = is("reverse");
    if (reverses || is("list") || is("first") || is("last")) {
      std::vector<Value> all = items_of(heap_, v);
      if (is("first")) return all.empty() ? Value() : all.front();
      if (is("last")) return all.empty() ? Value() : all.back();
      if (reverses) std::reverse(all.begin(), all.end());
      if (!reverses || as_text(v) == nullptr) return heap_.list(std::move(all));
      std::string text;
      for (const Value& c : all) text += std::get<std::string_view>(c);
      return heap_.text(std::move(text));
    }
    if (is("sort")) {
      std::vector<Value> all = items_of(heap_, v);
      sort(all, a_.get(2, "attribute"), is_true(a_.get(1, "case_sensitive")), is_true(a_.get(0, "reverse")));
      return heap_.list(std::move(all));
    }
    if (is("min") || is("max")) return extreme(v);
    if (is("unique")) return unique(v);
    heap_.fail("a filter that is not known", "a filter of Jinja2", "'" + std::string(name_.substr(0, 80)) + "'");
  }

  Value extreme(const Value& v) {
    const std::vector<Value> all = items_of(heap_, v);
    const bool by_case = is_true(a_.get(0, "case_sensitive"));
    Comparison c(heap_);
    Value best, best_key;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Value key = key_of(all[i], a_.get(1, "attribute"), by_case);
      if (i != 0 && !(is("min") ? c.less(key, best_key) : c.less(best_key, key))) continue;
      best = all[i];
      best_key = key;
    }
    return best;
  }

  Value unique(const Value& v) {
    Comparison c(heap_);
    std::vector<Value> out, seen;
    for (const Value& item : items_of(heap_, v)) {
      const Value key = key_of(item, a_.get(1, "attribute"), is_true(a_.get(0, "case_sensitive")));
      if (std::any_of(seen.begin(), seen.end(), [&](const Value& s) { return c.equal(s, key); })) continue;
      seen.push_back(key);
      out.push_back(item);
    }
    return heap_.list(std::move(out));
  }

  Value joined(const Value& v) {
    const Value separator = a_.get(0, "d"), path = a_.get(1, "attribute");
    const std::string_view by = text_of(heap_, separator);
    std::string out;
    bool first = true;
    for (const Value& item : items_of(heap_, v)) {
      const std::string_view text = text_of(heap_, is_undefined(path) ? item : path_of(heap_, item, path));
      heap_.take(text.size() + by.size());
      if (!first) out += by;
      out += text;
      first = false;
    }
    return heap_.text(std::move(out));
  }

  Value summed(const Value& v) {
    const Value start = a_.get(1, "start"), path = a_.get(0, "attribute");
    Value sum = is_undefined(start) ? Value(std::int64_t{0}) : start;
    for (const Value& item : items_of(heap_, v)) {
      const bool whole = is_undefined(path) || is_none(path);
      sum = arithmetic(heap_, "+", sum, whole ? item : path_of(heap_, item, path));
    }
    return sum;
  }

  // The arguments after the first `n`.
  Arguments rest(std::size_t n) const {
    Arguments out;
    if (a_.list.size() > n) out.list.assign(a_.list.begin() + static_cast<std::ptrdiff_t>(n), a_.list.end());
    return out;
  }

  Value mapped(const Value& v) {
    std::vector<Value> out;
    const Value path = a_.list.empty() ? a_.get(0, "attribute") : Value();
    const Value otherwise = a_.get(SIZE_MAX, "default");
    const std::string_view name = is_undefined(path) ? a_.text(heap_, 0, "name") : std::string_view();
    // A filter of filters of filters nests as deep as its source does, not deeper.
    if (name == "map") heap_.fail("map of map is not known", "another filter");
    const Arguments others = rest(1);
    for (const Value& item : items_of(heap_, v)) {
      heap_.step();
      Value r = is_undefined(path) ? Filter(heap_, name, others).apply(item) : path_of(heap_, item, path);
      if (is_undefined(r)) r = otherwise;
      out.push_back(r);
    }
    return heap_.list(std::move(out));
  }

  Value selected(const Value& v) {
    const bool by_attribute = is("selectattr") || is("rejectattr");
    const bool wanted = is("select") || is("selectattr");
    const std::size_t first = by_attribute ? 1 : 0;
    if (by_attribute && a_.list.empty()) heap_.fail("an attribute is missing", "its name");
    const bool tests = a_.list.size() > first;
    const std::string_view name = tests ? a_.text(heap_, first, "test") : std::string_view();
    const Arguments others = rest(first + 1);
    std::vector<Value> out;
    for (const Value& item : items_of(heap_, v)) {
      heap_.step();
      const Value x = by_attribute ? path_of(heap_, item, a_.list[0]) : item;
      if ((tests ? passes(heap_, name, x, others) : is_true(x)) == wanted) out.push_back(item);
    }
    return heap_.list(std::move(out));
  }

  Heap& heap_;
  std::string_view name_;
  const Arguments& a_;
};

}  // namespace jinja

VLMT_END_NAMESPACE
