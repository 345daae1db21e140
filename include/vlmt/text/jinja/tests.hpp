// The tests of chat templates: `value is name`.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/methods.hpp"
#include "vlmt/text/jinja/operators.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

namespace detail {

// A test that is a comparison with its argument, as the operator's name.
inline std::string_view comparison_test(std::string_view name) noexcept {
  constexpr std::array<std::array<std::string_view, 2>, 16> names{{{"==", "=="},
                                                                   {"eq", "=="},
                                                                   {"equalto", "=="},
                                                                   {"!=", "!="},
                                                                   {"ne", "!="},
                                                                   {"<", "<"},
                                                                   {"lt", "<"},
                                                                   {"lessthan", "<"},
                                                                   {"<=", "<="},
                                                                   {"le", "<="},
                                                                   {">", ">"},
                                                                   {"gt", ">"},
                                                                   {"greaterthan", ">"},
                                                                   {">=", ">="},
                                                                   {"ge", ">="},
                                                                   {"in", "in"}}};
  for (const auto& [n, op] : names) {
    if (n == name) return op;
  }
  return {};
}

}  // namespace detail

/// `a op b` for the operators of comparisons.
inline bool compare(Heap& heap, std::string_view op, const Value& a, const Value& b) {
  Comparison c(heap);
  if (op == "==") return c.equal(a, b);
  if (op == "!=") return !c.equal(a, b);
  if (op == "<") return c.less(a, b);
  if (op == ">") return c.less(b, a);
  if (op == "<=") return c.equal(a, b) || c.less(a, b);
  if (op == ">=") return c.equal(a, b) || c.less(b, a);
  return contains(heap, b, a) == (op == "in");
}

/// Whether a value passes a test.
inline bool passes(Heap& heap, std::string_view name, const Value& v, const Arguments& arguments) {
  if (const std::string_view op = detail::comparison_test(name); !op.empty()) {
    return compare(heap, op, v, arguments.get(0, "other"));
  }
  const auto integer = [&] {
    const auto i = as_integer(v);
    if (!i) heap.fail("the test `" + std::string(name) + "` is for integers", "an integer", type_name(v));
    return *i;
  };
  const bool is_bool = std::holds_alternative<bool>(v);
  if (name == "defined") return !is_undefined(v);
  if (name == "undefined") return is_undefined(v);
  if (name == "none") return is_none(v);
  if (name == "string") return as_text(v) != nullptr;
  if (name == "mapping") return as_dict(v) != nullptr;
  if (name == "boolean") return is_bool;
  if (name == "true") return is_bool && std::get<bool>(v);
  if (name == "false") return is_bool && !std::get<bool>(v);
  if (name == "integer") return std::holds_alternative<std::int64_t>(v);
  if (name == "float") return std::holds_alternative<double>(v);
  if (name == "number") return as_number(v).has_value();
  if (name == "callable") return std::holds_alternative<const Function*>(v) || std::holds_alternative<Loop*>(v);
  if (name == "sequence" || name == "iterable") {
    // Python's undefined has both a length and items.
    return is_undefined(v) || as_text(v) != nullptr || as_list(v) != nullptr || as_dict(v) != nullptr;
  }
  if (name == "odd") return integer() % 2 != 0;
  if (name == "even") return integer() % 2 == 0;
  if (name == "divisibleby") {
    const std::int64_t by = arguments.integer(heap, 0, "num", 0);
    if (by == 0) heap.fail("a division by zero");
    return by == -1 || integer() % by == 0;
  }
  if (name == "sameas") {
    const Value other = arguments.get(0, "other");
    return v.index() == other.index() && Comparison(heap).equal(v, other);
  }
  if (name == "lower" || name == "upper") {
    return is_true(Method(heap, name == "lower" ? "islower" : "isupper", {}).call(text_of(heap, v)));
  }
  if (name == "escaped") return false;
  heap.fail("a test that is not known", "a test of Jinja2", "'" + std::string(name.substr(0, 80)) + "'");
}

}  // namespace jinja

VLMT_END_NAMESPACE
