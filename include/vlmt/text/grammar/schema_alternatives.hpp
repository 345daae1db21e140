// Schemas that apply to one value, taken apart: references and allOf are followed, and each choice of branches of anyOf
// and oneOf is an alternative of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/json_tree.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/numbers.hpp"
#include "vlmt/text/grammar/schema_document.hpp"
#include "vlmt/text/grammar/schema_negation.hpp"
#include "vlmt/text/grammar/schema_validator.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// Schemas that all apply to one value: in the order of the document, each once.
using Conjunction = std::vector<const Json*>;

inline bool by_order(const Json* a, const Json* b) noexcept {
  return a->order < b->order;
}
inline void sort(Conjunction& schemas) {
  std::sort(schemas.begin(), schemas.end(), by_order);
  schemas.erase(std::unique(schemas.begin(), schemas.end()), schemas.end());
}

/// Types of values, as bits. Numbers are integers or others.
enum ValueType : std::uint8_t {
  type_null = 1,
  type_boolean = 2,
  type_integer = 4,
  type_fraction = 8,
  type_string = 16,
  type_array = 32,
  type_object = 64,
  type_any = 127
};

/// One way to satisfy a conjunction: only keywords about the value itself are left.
struct Alternative {
  Conjunction schemas;                   ///< objects
  std::uint8_t types = type_any;         ///< the types that they allow
  std::vector<const Json*> values = {};  ///< if `listed`: the values of enum and const, without those excluded
  bool listed = false;
  std::vector<const Json*> excluded = {};  ///< values of `not`
};

/// Takes conjunctions apart.
class SchemaAlternatives {
 public:
  SchemaAlternatives(const SchemaDocument& document, SchemaValidator& validator, bool formats, Budget& budget)
      : document_(document), validator_(validator), budget_(budget), made_(document, formats, budget) {}

  /// The alternatives; none if nothing satisfies the schemas. Throws for a oneOf whose branches may overlap and cannot
  /// be negated.
  std::vector<Alternative> of(const Conjunction& schemas) { return expand(schemas, true); }

  /// True only if no value satisfies the schemas.
  bool is_empty(const Conjunction& schemas, std::size_t depth = 0) {
    if (depth > 4) return false;
    budget_.steps(64);
    for (const Alternative& a : expand(schemas, false)) {
      if (!is_empty(a, depth)) return false;
    }
    return true;
  }

  /// See SchemaNegation.
  const Json& negation(const Json& schema, const Json& user, std::string_view keyword) {
    return made_.negation(schema, user, keyword);
  }

  /// The schemas of a property. An object of `schemas` that does not list the name adds its additionalProperties.
  Conjunction property(const Conjunction& schemas, const std::string& name) {
    Conjunction out;
    for (const Json* s : schemas) {
      const Json *listed = s->find("properties"), *patterns = s->find("patternProperties");
      bool known = false;
      if (const Json* p = listed != nullptr ? listed->find(name) : nullptr) {
        known = true;
        out.push_back(p);
      }
      for (std::size_t i = 0; patterns != nullptr && i < patterns->keys.size(); ++i) {
        if (!validator_.matches(patterns->keys[i], name, document_.path(*s) + "/patternProperties")) continue;
        known = true;
        out.push_back(&patterns->items[i]);
      }
      const Json* others = s->find("additionalProperties");
      if (!known && others != nullptr) out.push_back(others);
    }
    sort(out);
    return out;
  }

 private:
  struct Choice {
    const Json* schema;
    const Json* branches;
    bool one;
  };
  struct Part {
    Conjunction schemas;
    std::vector<Choice> choices;
    std::uint8_t types = type_any;
    std::vector<const Json*> excluded;
  };

  std::vector<Alternative> expand(const Conjunction& schemas, bool check) {
    Part part;
    std::vector<Alternative> out;
    if (add(part, schemas, check)) branch(part, check, 0, out);
    return out;
  }

  // Adds schemas and what they refer to. False if nothing satisfies them.
  bool add(Part& part, Conjunction queue, bool check) {
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const Json& s = *queue[i];
      budget_.steps(8);
      Budget::check(queue.size(), 1024, "schemas in one place", "schema");
      if (s.is(Json::Kind::boolean)) {
        if (!s.boolean) return false;
        continue;
      }
      if (s.link != nullptr) {
        queue.push_back(s.link);
        continue;
      }
      const auto at = std::lower_bound(part.schemas.begin(), part.schemas.end(), &s, by_order);
      if (at != part.schemas.end() && *at == &s) continue;
      part.schemas.insert(at, &s);
      document_.check(s);
      if (const Json* type = s.find("type")) part.types &= types_of(s, *type);
      if (const Json* ref = s.find("$ref")) queue.push_back(&document_.resolve(s, ref->text));
      if (const Json* all = s.find("allOf")) {
        for (const Json& item : all->items) queue.push_back(&item);
      }
      if (const Json* any = s.find("anyOf")) part.choices.push_back({&s, any, false});
      if (const Json* one = s.find("oneOf")) part.choices.push_back({&s, one, true});
      if (const Json* negated = s.find("not"); negated != nullptr && !exclude(part, *negated)) {
        // In a check for emptiness, less is required.
        if (check) queue.push_back(&made_.negation(*negated, s, "not"));
      }
      if (s.find("if") != nullptr && (s.find("then") != nullptr || s.find("else") != nullptr) && check) {
        queue.push_back(&made_.condition(s));
      }
      if (const Json* dependent = s.find("dependentSchemas"); dependent != nullptr && check) {
        for (std::size_t d = 0; d < dependent->items.size(); ++d) queue.push_back(&made_.dependent(*dependent, d));
      }
      if (part.types == 0) return false;
    }
    return true;
  }

  std::uint8_t types_of(const Json& schema, const Json& type) const {
    if (type.is(Json::Kind::array)) {
      std::uint8_t all = 0;
      for (const Json& t : type.items) all |= types_of(schema, t);
      return all;
    }
    static constexpr std::pair<std::string_view, std::uint8_t> names[] = {
        {"null", type_null},       {"boolean", type_boolean},
        {"integer", type_integer}, {"number", type_integer | type_fraction},
        {"string", type_string},   {"array", type_array},
        {"object", type_object}};
    for (const auto& [name, bits] : names) {
      if (type.text == name && type.is(Json::Kind::string)) return bits;
    }
    document_.fail(schema, "type", "no such type", {}, detail::shown(type.text));
  }

  // `not` of types, or of values that are neither numbers, arrays nor objects. False for any other.
  bool exclude(Part& part, const Json& negated) const {
    if (!negated.is(Json::Kind::object) || negated.link != nullptr) return false;
    const Json* only = nullptr;
    std::string_view keyword;
    for (std::size_t i = 0; i < negated.keys.size(); ++i) {
      if (SchemaDocument::is_comment(negated.keys[i])) continue;
      if (only != nullptr) return false;
      only = &negated.items[i];
      keyword = negated.keys[i];
    }
    document_.check(negated);
    if (keyword == "type") {
      part.types &= static_cast<std::uint8_t>(~types_of(negated, *only));
      return true;
    }
    if (keyword != "const" && keyword != "enum") return false;
    const std::span values = keyword == "const" ? std::span(only, 1) : std::span(only->items);
    for (const Json& v : values) {
      if (v.is(Json::Kind::number) || v.is(Json::Kind::array) || v.is(Json::Kind::object)) return false;
    }
    for (const Json& v : values) part.excluded.push_back(&v);
    return true;
  }

  void branch(const Part& part, bool check, std::size_t depth, std::vector<Alternative>& out) {
    Budget::check(depth, budget_.limits().depth, "anyOf within anyOf", "schema");
    if (part.choices.empty()) {
      Budget::check(out.size() + 1, budget_.limits().alternatives, "combinations of anyOf and oneOf", "schema");
      if (auto a = finish(part)) out.push_back(std::move(*a));
      return;
    }
    Part rest = part;
    const Choice choice = rest.choices.front();
    rest.choices.erase(rest.choices.begin());
    if (choice.one && check && may_overlap(rest, choice)) {
      if (add(rest, {&made_.one(*choice.schema, *choice.branches)}, check)) branch(rest, check, depth + 1, out);
      return;
    }
    for (const Json& b : choice.branches->items) {
      Part next = rest;
      if (add(next, {&b}, check)) branch(next, check, depth + 1, out);
    }
  }

  bool may_overlap(const Part& part, const Choice& choice) {
    const std::vector<Json>& branches = choice.branches->items;
    for (std::size_t i = 0; i < branches.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        Conjunction both = part.schemas;
        both.push_back(&branches[i]);
        both.push_back(&branches[j]);
        if (!is_empty(both)) return true;
      }
    }
    return false;
  }

  std::optional<Alternative> finish(const Part& part) {
    Alternative a{.schemas = part.schemas, .types = part.types, .excluded = part.excluded};
    for (const Json* s : part.schemas) {
      const Json *one = s->find("const"), *list = s->find("enum");
      if (a.listed || (one == nullptr && list == nullptr)) continue;
      a.listed = true;
      if (one != nullptr) {
        a.values.push_back(one);
      } else {
        for (const Json& v : list->items) a.values.push_back(&v);
      }
    }
    if (!a.listed) return a;
    std::erase_if(a.values, [&](const Json* v) {
      return std::any_of(a.schemas.begin(), a.schemas.end(), [&](const Json* s) { return !validator_.valid(*s, *v); });
    });
    if (a.values.empty()) return std::nullopt;
    return a;
  }

  bool is_empty(const Alternative& a, std::size_t depth) {
    if (a.listed) return false;
    NumberRange range;
    std::uint64_t low = 0, high = 0xFFFFFFFF, low_items = 0, high_items = 0xFFFFFFFF;
    for (const Json* s : a.schemas) {
      if (range.step == 0 || s->find("multipleOf") == nullptr) narrow(range, document_, *s);
      low = std::max<std::uint64_t>(low, document_.count(*s, "minLength"));
      high = std::min<std::uint64_t>(high, document_.count(*s, "maxLength", 0xFFFFFFFF));
      low_items = std::max<std::uint64_t>(low_items, document_.count(*s, "minItems"));
      high_items = std::min<std::uint64_t>(high_items, document_.count(*s, "maxItems", 0xFFFFFFFF));
    }
    if ((a.types & (type_null | type_boolean)) != 0) return false;
    if ((a.types & (type_integer | type_fraction)) != 0 && !range.empty()) return false;
    if ((a.types & type_string) != 0 && low <= high) return false;
    if ((a.types & type_array) != 0 && low_items <= high_items) return false;
    return (a.types & type_object) == 0 || is_empty_object(a, depth);
  }

  // A required property that no value satisfies, or that is not allowed.
  bool is_empty_object(const Alternative& a, std::size_t depth) {
    for (const Json* s : a.schemas) {
      const Json* required = s->find("required");
      if (required == nullptr) continue;
      for (const Json& name : required->items) {
        if (is_empty(property(a.schemas, name.text), depth + 1)) return true;
      }
    }
    return false;
  }

  const SchemaDocument& document_;
  SchemaValidator& validator_;
  Budget& budget_;
  SchemaNegation made_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
