// Attributes and items of values: `value.name` and `value[key]`, and what a loop and a scope are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/methods.hpp"
#include "vlmt/text/jinja/operators.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

/// Names and their values. Loops, macros and blocks of their own scope see those around them and change none.
struct Scope : Object {
  explicit Scope(Scope* p) : parent(p) {}

  const Value* find(std::string_view name) const noexcept {
    for (const auto& [n, value] : names) {
      if (n == name) return &value;
    }
    return nullptr;
  }
  void set(std::string_view name, const Value& value) {
    for (auto& [n, old] : names) {
      if (n == name) {
        old = value;
        return;
      }
    }
    names.emplace_back(name, value);
  }

  Scope* parent;
  std::vector<std::pair<std::string_view, Value>> names;
};

/// The variable `loop`.
struct Loop : Object {
  std::vector<Value> items;
  std::size_t index = 0;
  std::size_t depth = 0;
  const Node* node = nullptr;
  Scope* scope = nullptr;
  std::vector<Value> changed = {};  ///< the last arguments of changed()
};

inline Value loop_attribute(Heap& heap, Loop& loop, std::string_view name) {
  const auto i = static_cast<std::int64_t>(loop.index), n = static_cast<std::int64_t>(loop.items.size());
  if (name == "index") return i + 1;
  if (name == "index0") return i;
  if (name == "revindex") return n - i;
  if (name == "revindex0") return n - i - 1;
  if (name == "first") return i == 0;
  if (name == "last") return i + 1 == n;
  if (name == "length") return n;
  if (name == "depth") return static_cast<std::int64_t>(loop.depth + 1);
  if (name == "depth0") return static_cast<std::int64_t>(loop.depth);
  if (name == "previtem") return i == 0 ? Value() : loop.items[loop.index - 1];
  if (name == "nextitem") return i + 1 == n ? Value() : loop.items[loop.index + 1];
  if (name != "cycle" && name != "changed") return {};
  Function* f = heap.make<Function>();
  f->kind = Function::Kind::loop;
  f->name = name;
  f->self = &loop;
  return static_cast<const Function*>(f);
}

/// `object.name`, and undefined if there is no such thing. Names that begin with an underscore do not exist.
inline Value attribute_of(Heap& heap, const Value& object, std::string_view name) {
  if (is_undefined(object)) {
    heap.fail("an undefined value has no attribute `" + std::string(name.substr(0, 80)) + "`", "a value");
  }
  if (Method::exists(object, name)) {
    Function* f = heap.make<Function>();
    f->kind = Function::Kind::method;
    f->name = name;
    f->self = object;
    return static_cast<const Function*>(f);
  }
  if (const Dict* d = as_dict(object)) {
    Comparison comparison(heap);
    const Value* v = comparison.find(*d, name);
    return v == nullptr ? Value() : *v;
  }
  if (const auto* space = std::get_if<Namespace*>(&object)) {
    heap.step((*space)->items.size() / 16);
    for (const auto& [n, value] : (*space)->items) {
      if (n == name) return value;
    }
    return {};
  }
  if (const auto* loop = std::get_if<Loop*>(&object)) return loop_attribute(heap, **loop, name);
  return {};
}

/// `object[key]`, and undefined if there is no such thing.
inline Value item_of(Heap& heap, const Value& object, const Value& key) {
  if (is_undefined(object)) heap.fail("an undefined value has no items", "a list, a dict or a string");
  if (const Dict* d = as_dict(object)) {
    Comparison comparison(heap);
    if (const Value* v = comparison.find(*d, key)) return *v;
  } else if (const auto i = as_integer(key)) {
    if (const List* l = as_list(object)) {
      const auto at = index_in(*i, l->items.size());
      return at ? l->items[*at] : Value();
    }
    if (const auto* text = as_text(object)) return character_at(heap, *text, *i);
  }
  const auto* name = as_text(key);
  return name == nullptr ? Value() : attribute_of(heap, object, *name);
}

/// The attribute argument of filters: names and indices with points between.
inline Value path_of(Heap& heap, Value v, const Value& path) {
  if (const auto i = as_integer(path)) return item_of(heap, v, *i);
  const auto* text = as_text(path);
  if (text == nullptr) heap.fail("a bad attribute", "a name", type_name(path));
  std::string_view rest = *text;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const bool number = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == part.npos;
    v = item_of(heap, v, number ? Value(std::int64_t{std::stol(std::string(part))}) : Value(part));
    if (dot == std::string_view::npos) return v;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace jinja

VLMT_END_NAMESPACE
