// transformers' tojson: json.dumps of Python with ensure_ascii=False.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/python_text.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

inline void Writer::json(const Value& v, const JsonStyle& style, std::size_t level) {
  const Depth guard(*heap_, depth_);
  heap_->step();
  if (is_none(v)) return add("null");
  if (const auto* b = std::get_if<bool>(&v)) return add(*b ? "true" : "false");
  if (const auto* i = std::get_if<std::int64_t>(&v)) return add(std::to_string(*i));
  if (const auto* d = std::get_if<double>(&v)) {
    if (std::isnan(*d)) return add("NaN");
    if (std::isinf(*d)) return add(*d > 0 ? "Infinity" : "-Infinity");
    return append_float(out_, *d);
  }
  if (const auto* text = as_text(v)) return json_text(*text, style.ascii);
  if (const List* l = as_list(v)) {
    if (l->items.empty()) return add("[]");
    add("[");
    for (std::size_t i = 0; i < l->items.size(); ++i) {
      if (i != 0) add(style.comma);
      new_line(style, level + 1);
      json(l->items[i], style, level + 1);
    }
    new_line(style, level);
    return add("]");
  }
  const Dict* d = as_dict(v);
  if (d == nullptr)
    heap_->fail("a value that JSON does not have", "a number, a string, a list or a dict", type_name(v));
  if (d->items.empty()) return add("{}");
  std::vector<std::pair<std::string, Value>> members;
  for (const auto& [key, value] : d->items) {
    Writer name(*heap_);
    if (const auto* text = as_text(key)) {
      name.out_ = *text;
    } else if (as_list(key) != nullptr || as_dict(key) != nullptr || is_undefined(key)) {
      heap_->fail("a key that JSON does not have", "a string", type_name(key));
    } else {
      name.json(key, {});
    }
    heap_->take(name.out_.size());
    members.emplace_back(name.take(), value);
  }
  if (style.sort) {
    merge_sort(members, [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  add("{");
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i != 0) add(style.comma);
    new_line(style, level + 1);
    json_text(members[i].first, style.ascii);
    add(style.colon);
    json(members[i].second, style, level + 1);
  }
  new_line(style, level);
  add("}");
}

}  // namespace jinja

VLMT_END_NAMESPACE
