// The functions of chat templates: range, namespace, dict, strftime_now, and those of loops.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/access.hpp"
#include "vlmt/text/jinja/methods.hpp"
#include "vlmt/text/jinja/operators.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

/// Sets a key of a dict that is being made.
inline void put(Heap& heap, Dict& dict, const Value& key, const Value& value) {
  if (const Value* old = Comparison(heap).find(dict, key)) {
    *const_cast<Value*>(old) = value;
  } else {
    dict.items.emplace_back(key, value);
  }
}

inline void set_attribute(Heap& heap, Namespace& space, std::string_view name, const Value& v) {
  heap.step(space.items.size() / 16);
  for (auto& [n, old] : space.items) {
    if (n == name) {
      old = v;
      return;
    }
  }
  heap.take(2 * sizeof(Value));
  space.items.emplace_back(name, v);
}

/// loop.cycle and loop.changed.
inline Value loop_function(Heap& heap, Loop& loop, std::string_view name, const Arguments& a) {
  if (name == "cycle") {
    if (a.list.empty()) heap.fail("cycle without items", "an argument");
    return a.list[loop.index % a.list.size()];
  }
  Comparison c(heap);
  const bool same =
      loop.changed.size() == a.list.size() && std::equal(a.list.begin(), a.list.end(), loop.changed.begin(),
                                                         [&](const Value& x, const Value& y) { return c.equal(x, y); });
  loop.changed = a.list;
  return !same || a.list.empty();
}

inline Value range(Heap& heap, const Arguments& a) {
  const bool one = a.list.size() < 2;
  const std::int64_t from = one ? 0 : a.integer(heap, 0, "start", 0), to = a.integer(heap, one ? 0 : 1, "stop", 0);
  const std::int64_t step = a.integer(heap, 2, "step", 1);
  if (step == 0) heap.fail("a range without a step", "a step other than 0");
  std::vector<Value> out;
  for (std::int64_t i = from; step > 0 ? i < to : i > to;) {
    if (out.size() == heap.limits().range) {
      heap.fail("a range is too long", "at most " + std::to_string(heap.limits().range) + " items");
    }
    heap.step();
    out.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return heap.list(std::move(out));
}

inline Value name_space(Heap& heap, const Arguments& a) {
  Namespace* space = heap.make<Namespace>();
  if (const Dict* d = a.list.empty() ? nullptr : as_dict(a.list[0])) {
    for (const auto& [key, value] : d->items) set_attribute(heap, *space, text_of(heap, key), value);
  }
  for (const auto& [name, value] : a.named) set_attribute(heap, *space, name, value);
  return space;
}

/// A dict of key, value, key, value. Of equal keys the last value counts, at the place of the first.
inline Value dict_of(Heap& heap, const std::vector<Value>& items) {
  Dict out;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) put(heap, out, items[i], items[i + 1]);
  return heap.dict(std::move(out.items));
}

inline Value dict_of(Heap& heap, const Arguments& a) {
  Dict out;
  if (!a.list.empty()) {
    if (const Dict* d = as_dict(a.list[0])) {
      out.items = d->items;
    } else {
      for (const Value& pair : items_of(heap, a.list[0])) {
        const List* l = as_list(pair);
        if (l == nullptr || l->items.size() != 2) heap.fail("a bad dict", "pairs of a key and a value");
        put(heap, out, l->items[0], l->items[1]);
      }
    }
  }
  for (const auto& [name, value] : a.named) put(heap, out, name, value);
  return heap.dict(std::move(out.items));
}

/// strftime_now: the fields of strftime that templates ask for, in English.
inline std::string formatted_time(Heap& heap, std::string_view format, const std::tm& now) {
  constexpr std::array<std::string_view, 7> days{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                 "Thursday", "Friday", "Saturday"};
  constexpr std::array<std::string_view, 12> months{"January",   "February", "March",    "April",
                                                    "May",       "June",     "July",     "August",
                                                    "September", "October",  "November", "December"};
  const std::string_view day = days[static_cast<std::size_t>(std::clamp(now.tm_wday, 0, 6))];
  const std::string_view month = months[static_cast<std::size_t>(std::clamp(now.tm_mon, 0, 11))];
  std::string out;
  const auto number = [&](int n, std::size_t digits) {
    const std::string text = std::to_string(n);
    out.append(digits > text.size() ? digits - text.size() : 0, '0');
    out += text;
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    const char kind = ++i < format.size() ? format[i] : '\0';
    const int hour = now.tm_hour % 12 == 0 ? 12 : now.tm_hour % 12;
    if (kind == 'Y') {
      number(now.tm_year + 1900, 4);
    } else if (kind == 'y') {
      number(now.tm_year % 100, 2);
    } else if (kind == 'm') {
      number(now.tm_mon + 1, 2);
    } else if (kind == 'd') {
      number(now.tm_mday, 2);
    } else if (kind == 'H') {
      number(now.tm_hour, 2);
    } else if (kind == 'I') {
      number(hour, 2);
    } else if (kind == 'M') {
      number(now.tm_min, 2);
    } else if (kind == 'S') {
      number(now.tm_sec, 2);
    } else if (kind == 'j') {
      number(now.tm_yday + 1, 3);
    } else if (kind == 'A' || kind == 'a') {
      out += kind == 'A' ? day : day.substr(0, 3);
    } else if (kind == 'B' || kind == 'b') {
      out += kind == 'B' ? month : month.substr(0, 3);
    } else if (kind == 'p') {
      out += now.tm_hour < 12 ? "AM" : "PM";
    } else if (kind == '%') {
      out += '%';
    } else {
      heap.fail("a time format that is not known", "%Y %y %m %d %H %I %M %S %j %A %a %B %b %p",
                std::string("%") + kind);
    }
  }
  return out;
}

/// The global function `name`.
inline Value call_global(Heap& heap, std::string_view name, const Arguments& a, const std::tm& now) {
  if (name == "range") return range(heap, a);
  if (name == "namespace") return name_space(heap, a);
  if (name == "dict") return dict_of(heap, a);
  if (name == "strftime_now") return heap.text(formatted_time(heap, a.text(heap, 0, "format"), now));
  heap.fail("the template refuses the conversation: " + std::string(text_of(heap, a.get(0, "message")).substr(0, 400)));
}

}  // namespace jinja

VLMT_END_NAMESPACE
