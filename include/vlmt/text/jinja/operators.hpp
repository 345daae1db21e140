// What the operators of Jinja2 do with values: truth, order, arithmetic, membership, subscripts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/python_text.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

inline bool is_true(const Value& v) noexcept {
  if (is_undefined(v) || is_none(v)) return false;
  if (const auto* b = std::get_if<bool>(&v)) return *b;
  if (const auto* i = std::get_if<std::int64_t>(&v)) return *i != 0;
  if (const auto* d = std::get_if<double>(&v)) return *d != 0.0;
  if (const auto* t = as_text(v)) return !t->empty();
  if (const List* l = as_list(v)) return !l->items.empty();
  if (const Dict* d = as_dict(v)) return !d->items.empty();
  return true;
}

/// Numbers and booleans, which Python counts among them.
inline std::optional<std::int64_t> as_integer(const Value& v) noexcept {
  if (const auto* b = std::get_if<bool>(&v)) return *b ? 1 : 0;
  if (const auto* i = std::get_if<std::int64_t>(&v)) return *i;
  return std::nullopt;
}
inline std::optional<double> as_number(const Value& v) noexcept {
  if (const auto* d = std::get_if<double>(&v)) return *d;
  if (const auto i = as_integer(v)) return static_cast<double>(*i);
  return std::nullopt;
}

/// Compares values; how deep they nest and how much is compared is limited.
class Comparison {
 public:
  explicit Comparison(Heap& heap) : heap_(&heap) {}

  bool equal(const Value& a, const Value& b) {
    heap_->step();
    if (const auto x = as_integer(a), y = as_integer(b); x && y) return *x == *y;
    if (const auto x = as_number(a), y = as_number(b); x && y) return *x == *y;
    if (a.index() != b.index()) return false;
    if (const auto* x = as_text(a)) {
      heap_->step(x->size() / 64);
      return *x == std::get<std::string_view>(b);
    }
    const Depth level(*heap_, depth_);
    if (const List* x = as_list(a)) {
      const List* y = std::get<const List*>(b);
      return x->tuple == y->tuple && std::equal(x->items.begin(), x->items.end(), y->items.begin(), y->items.end(),
                                                [&](const Value& p, const Value& q) { return equal(p, q); });
    }
    if (const Dict* x = as_dict(a)) {
      const Dict* y = std::get<const Dict*>(b);
      if (x->items.size() != y->items.size()) return false;
      for (const auto& [key, value] : x->items) {
        const Value* other = find(*y, key);
        if (other == nullptr || !equal(value, *other)) return false;
      }
      return true;
    }
    if (const auto* x = std::get_if<Namespace*>(&a)) return *x == std::get<Namespace*>(b);
    if (const auto* x = std::get_if<Loop*>(&a)) return *x == std::get<Loop*>(b);
    if (const auto* x = std::get_if<const Function*>(&a)) return *x == std::get<const Function*>(b);
    return true;  // undefined, none
  }

  bool less(const Value& a, const Value& b) {
    heap_->step();
    if (const auto x = as_integer(a), y = as_integer(b); x && y) return *x < *y;
    if (const auto x = as_number(a), y = as_number(b); x && y) return *x < *y;
    const auto *s = as_text(a), *t = as_text(b);
    if (s != nullptr && t != nullptr) {
      heap_->step(std::min(s->size(), t->size()) / 64);
      return *s < *t;  // the order of UTF-8 is that of the characters
    }
    const List *x = as_list(a), *y = as_list(b);
    if (x == nullptr || y == nullptr) {
      heap_->fail("values that have no order", type_name(a), type_name(b));
    }
    const Depth level(*heap_, depth_);
    for (std::size_t i = 0; i < std::min(x->items.size(), y->items.size()); ++i) {
      if (!equal(x->items[i], y->items[i])) return less(x->items[i], y->items[i]);
    }
    return x->items.size() < y->items.size();
  }

  const Value* find(const Dict& dict, const Value& key) {
    for (const auto& [k, value] : dict.items) {
      if (equal(k, key)) return &value;
    }
    return nullptr;
  }

 private:
  Heap* heap_;
  std::size_t depth_ = 0;
};

/// The place of `part` in `text` from `from` on, its work counted.
inline std::size_t find_text(Heap& heap, std::string_view text, std::string_view part, std::size_t from = 0) {
  if (from > text.size() || part.size() > text.size() - from) return std::string_view::npos;
  const std::size_t at = text.find(part, from);
  const std::size_t seen = (at == std::string_view::npos ? text.size() : at + part.size()) - from;
  heap.step(seen / 64 + seen * part.size() / 4096);
  return at;
}

/// What a for loop goes over.
inline std::vector<Value> items_of(Heap& heap, const Value& v) {
  if (is_undefined(v)) return {};
  if (const auto* text = as_text(v)) return characters(heap, *text);
  if (const List* l = as_list(v)) {
    heap.take_items(l->items.size());
    return l->items;
  }
  if (const Dict* d = as_dict(v)) {
    heap.take_items(d->items.size());
    std::vector<Value> keys;
    for (const auto& item : d->items) keys.push_back(item.first);
    return keys;
  }
  heap.fail("a value without items", "a list, a dict or a string", type_name(v));
}

inline bool contains(Heap& heap, const Value& container, const Value& item) {
  if (const auto* text = as_text(container)) {
    const auto* part = as_text(item);
    if (part == nullptr) heap.fail("only a string can be in a string", "a string", type_name(item));
    return find_text(heap, *text, *part) != std::string_view::npos;
  }
  Comparison comparison(heap);
  if (const Dict* d = as_dict(container)) return comparison.find(*d, item) != nullptr;
  if (const List* l = as_list(container)) {
    return std::any_of(l->items.begin(), l->items.end(), [&](const Value& v) { return comparison.equal(v, item); });
  }
  if (is_undefined(container)) return false;
  heap.fail("a value without items", "a list, a dict or a string", type_name(container));
}

namespace detail {

[[noreturn]] inline void no_arithmetic(Heap& heap, std::string_view op, const Value& a, const Value& b) {
  heap.fail("'" + std::string(op) + "' does not go with these values", {},
            std::string(type_name(a)) + " and " + std::string(type_name(b)));
}

inline std::string repeated(Heap& heap, std::string_view text, std::int64_t n) {
  if (n <= 0 || text.empty()) return {};
  const auto times = static_cast<std::size_t>(n);
  heap.take(times > heap.limits().memory_bytes / text.size() ? heap.limits().memory_bytes + 1 : times * text.size());
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

/// Python's "%s and %d" % values.
inline std::string printf(Heap& heap, std::string_view format, const Value& values) {
  const List* many = as_list(values);
  if (many != nullptr && !many->tuple) many = nullptr;
  std::size_t used = 0;
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    const char kind = ++i < format.size() ? format[i] : '\0';
    if (kind == '%') {
      out += '%';
      continue;
    }
    const std::size_t n = many == nullptr ? 1 : many->items.size();
    if (used == n) heap.fail("a format has too few values", "one for each %");
    const Value& v = many == nullptr ? values : many->items[used];
    ++used;
    Writer w(heap);
    if (kind == 's') {
      w.print(v);
    } else if (kind == 'r') {
      w.repr(v);
    } else if (const auto number = as_number(v); (kind == 'd' || kind == 'i') && number && std::fabs(*number) < 9e18) {
      w.repr(as_integer(v).value_or(static_cast<std::int64_t>(*number)));
    } else {
      heap.fail("a format that is not known", "%s, %r, %d or %i", std::string("%") + kind);
    }
    out += w.take();
  }
  heap.take(out.size());
  return out;
}

inline Value integer_arithmetic(Heap& heap, std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  bool overflow = false;
  if (op == "+") {
    overflow = __builtin_add_overflow(a, b, &r);
  } else if (op == "-") {
    overflow = __builtin_sub_overflow(a, b, &r);
  } else if (op == "*") {
    overflow = __builtin_mul_overflow(a, b, &r);
  } else if (op == "**") {
    r = 1;
    for (std::int64_t i = 0; i < b && !overflow && a != 1 && !(a == 0 && i > 0); ++i) {
      heap.step();
      if (a == -1) {
        r = b % 2 == 0 ? 1 : -1;
        break;
      }
      overflow = __builtin_mul_overflow(r, a, &r);
    }
  } else {
    if (b == 0) heap.fail("a division by zero");
    overflow = b == -1 && a == INT64_MIN;
    if (!overflow) {
      // Rounded down, not towards zero.
      const std::int64_t rest = a % b, floor = a / b - (rest != 0 && (rest < 0) != (b < 0) ? 1 : 0);
      r = op == "//" ? floor : a - floor * b;
    }
  }
  if (overflow) heap.fail("a number is too large", "64 bits");
  return r;
}

}  // namespace detail

inline Value arithmetic(Heap& heap, std::string_view op, const Value& a, const Value& b) {
  const auto *s = as_text(a), *t = as_text(b);
  if (op == "+" && s != nullptr && t != nullptr) {
    heap.take(s->size() + t->size());
    std::string sum(*s);
    sum += *t;
    return std::string_view(heap.make<Text>(std::move(sum))->text);
  }
  if (op == "%" && s != nullptr) return heap.text(detail::printf(heap, *s, b));
  const auto i = as_integer(a), j = as_integer(b);
  if (op == "*" && ((s != nullptr && j) || (t != nullptr && i))) {
    return std::string_view(
        heap.make<Text>(detail::repeated(heap, s != nullptr ? *s : *t, s != nullptr ? *j : *i))->text);
  }
  const List *l = as_list(a), *m = as_list(b);
  if (op == "+" && l != nullptr && m != nullptr && l->tuple == m->tuple) {
    heap.take_items(l->items.size() + m->items.size());
    std::vector<Value> items = l->items;
    items.insert(items.end(), m->items.begin(), m->items.end());
    return heap.list(std::move(items), l->tuple);
  }
  if (i && j && op != "/" && !(op == "**" && *j < 0)) return detail::integer_arithmetic(heap, op, *i, *j);
  const auto x = as_number(a), y = as_number(b);
  if (!x || !y) detail::no_arithmetic(heap, op, a, b);
  if (op == "+") return *x + *y;
  if (op == "-") return *x - *y;
  if (op == "*") return *x * *y;
  if (op == "**") return std::pow(*x, *y);
  if (*y == 0.0) heap.fail("a division by zero");
  if (op == "/") return *x / *y;
  const double floor = std::floor(*x / *y);
  return op == "//" ? floor : *x - floor * *y;
}

/// The index of an item counted from either end, if there is such an item.
inline std::optional<std::size_t> index_in(std::int64_t index, std::size_t size) noexcept {
  if (index < 0) index += static_cast<std::int64_t>(size);
  if (index < 0 || index >= static_cast<std::int64_t>(size)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

/// text[index], by characters; undefined if there is none.
inline Value character_at(Heap& heap, std::string_view text, std::int64_t index) {
  const auto at = index_in(index, count_characters(heap, text));
  if (!at) return {};
  std::size_t pos = 0;
  for (std::size_t i = 0; i < *at; ++i) pos += character_bytes(text, pos);
  return text.substr(pos, character_bytes(text, pos));
}

/// value[from:to:step] of a list or a text.
inline Value slice(Heap& heap, const Value& v, const Value& from, const Value& to, const Value& step) {
  const auto* text = as_text(v);
  const List* list = as_list(v);
  if (text == nullptr && list == nullptr) {
    if (!is_undefined(v)) return {};
    heap.fail("an undefined value has no items", "a list or a string");
  }
  const auto bound = [&](const Value& b, std::int64_t otherwise) {
    if (is_undefined(b) || is_none(b)) return otherwise;
    const auto i = as_integer(b);
    if (!i) heap.fail("a bad slice", "an integer", type_name(b));
    return *i;
  };
  const std::int64_t by = bound(step, 1);
  if (by == 0) heap.fail("a bad slice", "a step other than 0");
  const std::vector<Value> items = text != nullptr ? characters(heap, *text) : items_of(heap, v);
  const auto n = static_cast<std::int64_t>(items.size());
  const auto inside = [&](const Value& b, std::int64_t otherwise) {
    std::int64_t i = bound(b, otherwise);
    const bool given = !is_undefined(b) && !is_none(b);
    if (given && i < 0) i = i < -n ? -1 : i + n;
    if (given && i < 0 && by > 0) i = 0;
    return std::clamp<std::int64_t>(i, by > 0 ? 0 : -1, by > 0 ? n : n - 1);
  };
  const std::int64_t first = inside(from, by > 0 ? 0 : n - 1);
  const std::int64_t last = inside(to, by > 0 ? n : -1);
  std::vector<Value> out;
  for (std::int64_t i = first; by > 0 ? i < last : i > last;) {
    out.push_back(items[static_cast<std::size_t>(i)]);
    if (by > 0 ? by >= last - i : by <= last - i) break;
    i += by;
  }
  if (text == nullptr) return heap.list(std::move(out), list->tuple);
  std::string joined;
  for (const Value& c : out) joined += std::get<std::string_view>(c);
  return heap.text(std::move(joined));
}

}  // namespace jinja

VLMT_END_NAMESPACE
