// The negation of a schema as another schema: for `not`, `if`, and branches of oneOf that overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/json_tree.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/schema_document.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// Makes schemas that a document does not have: negations, and others for keywords that are short forms. Each is made
/// once, so that rules for it are made once, too. They use keywords that automata know, and `not` of a type or value.
class SchemaNegation {
 public:
  SchemaNegation(const SchemaDocument& document, bool formats, Budget& budget)
      : document_(document), formats_(formats), budget_(budget), next_(document.size()) {}

  /// The schema of all values that do not satisfy this one. Throws for keywords that cannot be negated; `keyword` of
  /// `user` needs it.
  const Json& negation(const Json& schema, const Json& user, std::string_view keyword) {
    user_ = &user;
    keyword_ = keyword;
    return make({&schema, "not"}, [&] { return negate(schema, 0); });
  }

  /// `if`, `then` and `else` of a schema: a schema with one anyOf.
  const Json& condition(const Json& schema) {
    const Json& test = *schema.find("if");
    return make({&schema, "if"}, [&] {
      const auto both = [](const Json& a, const Json* b) {
        return b == nullptr ? a : object({{"allOf", list({a, link(*b)})}});
      };
      const Json& negated = negation(test, schema, "if");
      return any({both(link(test), schema.find("then")), both(negated, schema.find("else"))});
    });
  }

  /// One property of dependentSchemas: it is missing, or the schema holds.
  const Json& dependent(const Json& dependents, std::size_t i) {
    return make({&dependents.items[i], "dependent"}, [&] {
      const Json present = object({{"required", list({text(dependents.keys[i])})}});
      return any({without(dependents.keys[i]), object({{"not", type("object")}}),
                  object({{"allOf", list({present, link(dependents.items[i])})}})});
    });
  }

  /// oneOf: one branch holds and the others do not.
  const Json& one(const Json& schema, const Json& branches) {
    return make({&branches, "one"}, [&] {
      std::vector<Json> choices;
      for (const Json& b : branches.items) {
        std::vector<Json> all{link(b)};
        for (const Json& other : branches.items) {
          if (&other != &b) all.push_back(link(negation(other, schema, "oneOf")));
        }
        choices.push_back(object({{"allOf", list(std::move(all))}}));
      }
      return any(std::move(choices));
    });
  }

 private:
  using Members = std::vector<std::pair<std::string, Json>>;

  static Json text(std::string value) { return {.kind = Json::Kind::string, .text = std::move(value)}; }
  static Json list(std::vector<Json> items) { return {.kind = Json::Kind::array, .items = std::move(items)}; }
  static Json constant(bool value) { return {.kind = Json::Kind::boolean, .boolean = value}; }
  static Json count(std::uint32_t n) { return {.kind = Json::Kind::number, .text = std::to_string(n)}; }
  static Json object(Members members) {
    Json out{.kind = Json::Kind::object};
    for (auto& [key, value] : members) {
      out.keys.push_back(std::move(key));
      out.items.push_back(std::move(value));
    }
    return out;
  }
  static Json link(const Json& schema) {
    return schema.is(Json::Kind::boolean) ? schema : Json{.kind = Json::Kind::object, .link = &schema};
  }
  static Json type(const char* name, Members more = {}) {
    more.emplace(more.begin(), "type", text(name));
    return object(std::move(more));
  }
  static Json without(const std::string& name) {
    return type("object", {{"properties", object({{name, constant(false)}})}});
  }
  static Json any(std::vector<Json> choices) {
    if (choices.empty()) return constant(false);
    if (choices.size() == 1) return std::move(choices[0]);
    return object({{"anyOf", list(std::move(choices))}});
  }

  template <class F>
  const Json& make(std::pair<const Json*, std::string> key, F&& f) {
    const auto at = made_.find(key);
    if (at != made_.end()) return *at->second;
    kept_.push_back(f());
    number(kept_.back(), next_);
    made_.emplace(std::move(key), &kept_.back());
    return kept_.back();
  }

  [[noreturn]] void cannot(std::string_view keyword) const {
    document_.unsupported(*user_, keyword_, "it needs the negation of " + std::string(keyword));
  }

  Json negate(const Json& s, std::size_t depth) {
    budget_.steps(16);
    Budget::check(depth, budget_.limits().depth, "schemas within a negation", "schema");
    if (s.is(Json::Kind::boolean)) return constant(!s.boolean);
    if (s.link != nullptr) return negate(*s.link, depth + 1);
    document_.check(s);
    std::vector<Json> out;
    for (std::size_t i = 0; i < s.keys.size(); ++i) add(out, s, s.keys[i], s.items[i], depth);
    return any(std::move(out));
  }

  // Adds the values that violate one keyword.
  void add(std::vector<Json>& out, const Json& s, const std::string& key, const Json& value, std::size_t depth) {
    const auto negated_items = [&] {
      std::vector<Json> all;
      for (const Json& item : value.items) all.push_back(negate(item, depth + 1));
      return all;
    };
    if (SchemaDocument::is_comment(key) || (key == "format" && !formats_)) return;
    if (key == "type") {
      out.push_back(object({{"not", object({{"type", value}})}}));
    } else if (key == "const") {
      out.push_back(not_value(value));
    } else if (key == "enum") {
      std::vector<Json> all;
      for (const Json& v : value.items) all.push_back(not_value(v));
      out.push_back(object({{"allOf", list(std::move(all))}}));
    } else if (key == "minimum") {
      out.push_back(type("number", {{"exclusiveMaximum", value}}));
    } else if (key == "maximum") {
      out.push_back(type("number", {{"exclusiveMinimum", value}}));
    } else if (key == "exclusiveMinimum") {
      out.push_back(type("number", {{"maximum", value}}));
    } else if (key == "exclusiveMaximum") {
      out.push_back(type("number", {{"minimum", value}}));
    } else if (key == "minLength" || key == "maxLength") {
      add_count(out, s, key, "string", "minLength", "maxLength");
    } else if (key == "minItems" || key == "maxItems") {
      add_count(out, s, key, "array", "minItems", "maxItems");
    } else if (key == "minProperties" || key == "maxProperties") {
      add_count(out, s, key, "object", "minProperties", "maxProperties");
    } else if (key == "items" && s.find("prefixItems") == nullptr) {
      out.push_back(type("array", {{"contains", negate(value, depth + 1)}}));
    } else if (key == "contains" && s.find("minContains") == nullptr && s.find("maxContains") == nullptr) {
      out.push_back(type("array", {{"items", negate(value, depth + 1)}}));
    } else if (key == "required") {
      for (const Json& name : value.items) out.push_back(without(name.text));
    } else if (key == "properties") {
      for (std::size_t i = 0; i < value.keys.size(); ++i) {
        out.push_back(type("object", {{"required", list({text(value.keys[i])})},
                                      {"properties", object({{value.keys[i], negate(value.items[i], depth + 1)}})}}));
      }
    } else if (key == "additionalProperties" && value.is(Json::Kind::boolean) && value.boolean) {
      return;
    } else if (key == "$ref") {
      out.push_back(negate(document_.resolve(s, value.text), depth + 1));
    } else if (key == "allOf") {
      for (Json& n : negated_items()) out.push_back(std::move(n));
    } else if (key == "anyOf") {
      out.push_back(object({{"allOf", list(negated_items())}}));
    } else if (key == "not") {
      out.push_back(link(value));
    } else {
      cannot(key);
    }
  }

  void add_count(std::vector<Json>& out, const Json& s, const std::string& key, const char* of, const char* min,
                 const char* max) {
    const std::uint32_t n = document_.count(s, key);
    if (key == max) {
      out.push_back(type(of, {{min, count(n + 1)}}));
    } else if (n > 0) {
      out.push_back(type(of, {{max, count(n - 1)}}));
    }
  }

  Json not_value(const Json& v) {
    if (v.is(Json::Kind::array) || v.is(Json::Kind::object)) cannot("a value that is an array or object");
    if (!v.is(Json::Kind::number)) return object({{"not", object({{"const", v}})}});
    return any({type("number", {{"exclusiveMaximum", v}}), type("number", {{"exclusiveMinimum", v}}),
                object({{"not", type("number")}})});
  }

  const SchemaDocument& document_;
  bool formats_;
  Budget& budget_;
  std::uint32_t next_;  // Json::order of what is made
  const Json* user_ = nullptr;
  std::string_view keyword_;
  std::deque<Json> kept_;
  std::map<std::pair<const Json*, std::string>, const Json*> made_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
