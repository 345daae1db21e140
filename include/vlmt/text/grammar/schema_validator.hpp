// Whether a value satisfies a schema: for the values of enum and const, which other keywords may exclude.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/decimal.hpp"
#include "vlmt/text/grammar/formats.hpp"
#include "vlmt/text/grammar/json_tree.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/numbers.hpp"
#include "vlmt/text/grammar/regex.hpp"
#include "vlmt/text/grammar/schema_document.hpp"
#include "vlmt/text/grammar/schema_options.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// Whether two values are equal: numbers by value, objects in any order.
inline bool equal(const Json& a, const Json& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Json::Kind::null:
      return true;
    case Json::Kind::boolean:
      return a.boolean == b.boolean;
    case Json::Kind::string:
      return a.text == b.text;
    case Json::Kind::number: {
      const auto x = Decimal::parse(a.text), y = Decimal::parse(b.text);
      return x && y ? *x == *y : a.text == b.text;
    }
    case Json::Kind::array:
    case Json::Kind::object:
      break;
  }
  if (a.items.size() != b.items.size()) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    const Json* other = a.is(Json::Kind::array) ? &b.items[i] : b.find(a.keys[i]);
    if (other == nullptr || !equal(a.items[i], *other)) return false;
  }
  return true;
}

/// Adds the bounds and divisors of one schema to a range. Throws for a divisor that is not supported.
inline void narrow(NumberRange& range, const SchemaDocument& document, const Json& schema) {
  const auto number = [&](const char* key) -> std::optional<Decimal> {
    const Json* value = schema.find(key);
    if (value == nullptr) return std::nullopt;
    const auto d = Decimal::parse(value->text);
    if (!d) document.fail(schema, key, "number is too large", std::to_string(Decimal::max_digits) + " digits at most");
    return d;
  };
  const auto raise = [&](const std::optional<Decimal>& d, bool excluded) {
    if (!d || (range.low && (*d < *range.low || (*d == *range.low && range.above_low)))) return;
    range.low = d;
    range.above_low = excluded;
  };
  const auto lower = [&](const std::optional<Decimal>& d, bool excluded) {
    if (!d || (range.high && (*d > *range.high || (*d == *range.high && range.below_high)))) return;
    range.high = d;
    range.below_high = excluded;
  };
  raise(number("minimum"), false);
  raise(number("exclusiveMinimum"), true);
  lower(number("maximum"), false);
  lower(number("exclusiveMaximum"), true);
  if (const auto d = number("multipleOf")) {
    if (d->negative || d->is_zero()) document.fail(schema, "multipleOf", "wrong value", "a number above 0");
    const std::string digits = d->whole + d->fraction;
    constexpr std::size_t most = 9;
    std::uint64_t step = digits.size() <= most ? std::stoull(digits) : 0;
    std::size_t decimals = d->fraction.size();
    // The least common multiple, in units of the smaller last decimal.
    constexpr std::uint64_t limit = 1'000'000'000;
    for (; range.step != 0 && decimals < range.decimals && step < limit; ++decimals) step *= 10;
    for (; range.step != 0 && range.decimals < decimals && range.step < limit; ++range.decimals) range.step *= 10;
    if (range.step != 0 && step != 0 && decimals == range.decimals) step = std::lcm(step, range.step);
    if (step == 0 || step >= limit || decimals != std::max(decimals, range.decimals)) {
      document.unsupported(schema, "multipleOf", "a divisor, or common multiple, of more than nine digits");
    }
    range.step = step;
    range.decimals = decimals;
  }
}

/// Evaluates values. Patterns are compiled once.
class SchemaValidator {
 public:
  SchemaValidator(const SchemaDocument& document, const SchemaOptions& options, Budget& budget)
      : document_(document), options_(options), budget_(budget) {}

  bool valid(const Json& schema, const Json& value, std::size_t depth = 0) {
    budget_.steps(16);
    Budget::check(depth, 4 * budget_.limits().depth, "schemas in one place", "schema");
    if (schema.is(Json::Kind::boolean)) return schema.boolean;
    if (schema.link != nullptr) return valid(*schema.link, value, depth + 1);
    document_.check(schema);
    const auto sub = [&](const Json& s, const Json& v) { return valid(s, v, depth + 1); };
    if (const Json* ref = schema.find("$ref")) {
      if (!sub(document_.resolve(schema, ref->text), value)) return false;
    }
    for (const char* group : {"allOf", "anyOf", "oneOf"}) {
      const Json* schemas = schema.find(group);
      if (schemas == nullptr) continue;
      const auto n = static_cast<std::size_t>(
          std::count_if(schemas->items.begin(), schemas->items.end(), [&](const Json& s) { return sub(s, value); }));
      if (group[0] == 'o' ? n != 1 : n < (group[1] == 'l' ? schemas->items.size() : 1)) return false;
    }
    if (const Json* negated = schema.find("not"); negated != nullptr && sub(*negated, value)) return false;
    if (const Json* test = schema.find("if")) {
      const Json* then = schema.find(sub(*test, value) ? "then" : "else");
      if (then != nullptr && !sub(*then, value)) return false;
    }
    if (const Json* type = schema.find("type"); type != nullptr && !has_type(*type, value)) return false;
    if (const Json* one = schema.find("const"); one != nullptr && !equal(*one, value)) return false;
    if (const Json* list = schema.find("enum")) {
      if (std::none_of(list->items.begin(), list->items.end(), [&](const Json& v) { return equal(v, value); })) {
        return false;
      }
    }
    switch (value.kind) {
      case Json::Kind::number: {
        const auto d = Decimal::parse(value.text);
        NumberRange range;
        narrow(range, document_, schema);
        return d ? range.contains(*d) : !range.bounded();
      }
      case Json::Kind::string:
        return valid_string(schema, value.text);
      case Json::Kind::array:
        return valid_array(schema, value, sub);
      case Json::Kind::object:
        return valid_object(schema, value, sub);
      case Json::Kind::null:
      case Json::Kind::boolean:
        break;
    }
    return true;
  }

  /// Whether a text has a match of a pattern.
  bool matches(const std::string& pattern, std::string_view text, const std::string& where) {
    auto at = patterns_.find(pattern);
    if (at == patterns_.end()) {
      at = patterns_.emplace(pattern, regex_dfa(pattern, where, Spelling::utf8, true, budget_)).first;
    }
    budget_.steps(text.size());
    return at->second.matches(text);
  }

 private:
  bool has_type(const Json& type, const Json& value) const {
    if (type.is(Json::Kind::array)) {
      return std::any_of(type.items.begin(), type.items.end(), [&](const Json& t) { return has_type(t, value); });
    }
    static constexpr const char* names[] = {"null", "boolean", "number", "string", "array", "object"};
    if (type.text == names[static_cast<std::size_t>(value.kind)]) return true;
    const auto d = value.is(Json::Kind::number) ? Decimal::parse(value.text) : std::nullopt;
    return type.text == "integer" && d && d->is_integer();
  }

  static std::size_t characters(std::string_view text) {
    std::size_t n = 0;
    for (std::size_t pos = 0; pos < text.size(); ++n) pos += decode_utf8(text, pos).bytes;
    return n;
  }

  bool valid_string(const Json& schema, const std::string& text) {
    const std::size_t n = characters(text);
    if (n < document_.count(schema, "minLength") || n > document_.count(schema, "maxLength", 0xFFFFFFFF)) return false;
    if (const Json* p = schema.find("pattern");
        p != nullptr && !matches(p->text, text, document_.path(schema) + "/pattern"))
      return false;
    const Json* format = schema.find("format");
    if (format == nullptr || !options_.formats) return true;
    const std::string expression = format_expression(format->text);
    if (expression.empty()) document_.unsupported(schema, "format", detail::shown(format->text));
    return matches("^(" + expression + ")$", text, document_.path(schema) + "/format");
  }

  template <class Sub>
  bool valid_array(const Json& schema, const Json& value, Sub&& sub) {
    const std::size_t n = value.items.size();
    if (n < document_.count(schema, "minItems") || n > document_.count(schema, "maxItems", 0xFFFFFFFF)) return false;
    const Json *prefix = schema.find("prefixItems"), *items = schema.find("items");
    for (std::size_t i = 0; i < n; ++i) {
      const bool listed = prefix != nullptr && i < prefix->items.size();
      if (listed && !sub(prefix->items[i], value.items[i])) return false;
      if (!listed && items != nullptr && !sub(*items, value.items[i])) return false;
    }
    if (const Json* contains = schema.find("contains")) {
      const auto found = static_cast<std::size_t>(
          std::count_if(value.items.begin(), value.items.end(), [&](const Json& v) { return sub(*contains, v); }));
      if (found < document_.count(schema, "minContains", 1)) return false;
      if (found > document_.count(schema, "maxContains", 0xFFFFFFFF)) return false;
    }
    if (const Json* unique = schema.find("uniqueItems"); unique != nullptr && unique->boolean) {
      for (std::size_t a = 0; a < n; ++a) {
        for (std::size_t b = 0; b < a; ++b) {
          budget_.steps();
          if (equal(value.items[a], value.items[b])) return false;
        }
      }
    }
    return true;
  }

  template <class Sub>
  bool valid_object(const Json& schema, const Json& value, Sub&& sub) {
    const std::size_t n = value.items.size();
    if (n < document_.count(schema, "minProperties") || n > document_.count(schema, "maxProperties", 0xFFFFFFFF))
      return false;
    const auto has_all = [&](const Json& names) {
      return std::all_of(names.items.begin(), names.items.end(),
                         [&](const Json& name) { return value.find(name.text) != nullptr; });
    };
    if (const Json* required = schema.find("required"); required != nullptr && !has_all(*required)) return false;
    if (const Json* dependent = schema.find("dependentRequired")) {
      for (std::size_t i = 0; i < dependent->keys.size(); ++i) {
        if (value.find(dependent->keys[i]) != nullptr && !has_all(dependent->items[i])) return false;
      }
    }
    if (const Json* dependent = schema.find("dependentSchemas")) {
      for (std::size_t i = 0; i < dependent->keys.size(); ++i) {
        if (value.find(dependent->keys[i]) != nullptr && !sub(dependent->items[i], value)) return false;
      }
    }
    const Json *listed = schema.find("properties"), *patterns = schema.find("patternProperties");
    const Json *others = schema.find("additionalProperties"), *names = schema.find("propertyNames");
    for (std::size_t i = 0; i < n; ++i) {
      const std::string& key = value.keys[i];
      if (names != nullptr && !sub(*names, Json{.kind = Json::Kind::string, .text = key})) return false;
      bool known = false;
      if (const Json* s = listed != nullptr ? listed->find(key) : nullptr) {
        known = true;
        if (!sub(*s, value.items[i])) return false;
      }
      for (std::size_t p = 0; patterns != nullptr && p < patterns->keys.size(); ++p) {
        if (!matches(patterns->keys[p], key, document_.path(schema) + "/patternProperties")) continue;
        known = true;
        if (!sub(patterns->items[p], value.items[i])) return false;
      }
      if (!known && others != nullptr && !sub(*others, value.items[i])) return false;
    }
    return true;
  }

  const SchemaDocument& document_;
  const SchemaOptions& options_;
  Budget& budget_;
  std::map<std::string, Dfa> patterns_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
